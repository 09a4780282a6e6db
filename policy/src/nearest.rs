//! Which known word did somebody mean?

/// The known word with the fewest edits, if they are few enough to be a slip.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let close_enough = word.chars().count().div_ceil(2).min(3);
    let distances = known.into_iter().map(|candidate| (edits(word, candidate), candidate));
    distances
        .filter(|(distance, _)| *distance <= close_enough)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        for ((to, diagonal), above) in b.chars().zip(&row).zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(from != to)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(nearest("ower", ["id", "doc", "owner"]), Some("owner"));
        assert_eq!(nearest("row_fitler", ["id", "doc", "owner"]), None);
    }
}
