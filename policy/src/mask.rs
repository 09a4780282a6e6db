//! Which of the permitted masks of a column applies?
//!
//! A rank is its mask's order of revealing: lowest reveals most. What a mask function does is `query`'s.

use crate::relation::MaskFacts;
use serde::Serialize;

/// What stands in a cell that is not clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskChoice {
    /// No mask is permitted: NULL where the column is clear on other rows, else the column is hidden.
    None,
    /// This mask of the raw value.
    Mask(String),
    /// NULL in a visible column: two permitted masks share the lowest rank, which must not happen.
    NullByTie,
}

impl MaskChoice {
    /// The permitted mask of the lowest rank; the order of `permitted` never matters.
    pub(crate) fn of(permitted: &[&MaskFacts]) -> Self {
        let Some(lowest) = permitted.iter().map(|mask| mask.rank).min() else {
            return Self::None;
        };
        let mut first = permitted.iter().filter(|mask| mask.rank == lowest);
        match (first.next(), first.next()) {
            (Some(mask), None) => Self::Mask(mask.id.clone()),
            _ => Self::NullByTie,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(masks: &[(&str, i64)]) -> MaskChoice {
        let facts: Vec<MaskFacts> = masks
            .iter()
            .map(|(id, rank)| MaskFacts {
                id: (*id).to_owned(),
                rank: *rank,
            })
            .collect();
        MaskChoice::of(&facts.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_lowest_rank_applies_and_a_tie_is_null() {
        assert_eq!(choose(&[]), MaskChoice::None);
        assert_eq!(choose(&[("z", 10), ("a", 20)]), MaskChoice::Mask("z".to_owned()));
        assert_eq!(choose(&[("a", 20), ("z", 10)]), MaskChoice::Mask("z".to_owned()));
        assert_eq!(choose(&[("a", 10), ("z", 10)]), MaskChoice::NullByTie);
        assert_eq!(
            choose(&[("a", 20), ("b", 20), ("z", 10)]),
            MaskChoice::Mask("z".to_owned())
        );
    }
}
