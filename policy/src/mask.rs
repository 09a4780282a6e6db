//! Which of the permitted masks of a column applies?
//!
//! The nearest one: a mask that is not permitted decides nothing, so a field without one has that of its struct. Of equally
//! near ones the lowest rank, which is a mask's order of revealing: lowest reveals most. What a mask function does is
//! `query`'s.

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
    /// The nearest permitted mask of the lowest rank; the order of `permitted` never matters.
    pub(crate) fn of(permitted: &[&MaskFacts]) -> Self {
        let order = |mask: &MaskFacts| (mask.distance, mask.rank);
        let Some(best) = permitted.iter().map(|mask| order(mask)).min() else {
            return Self::None;
        };
        let mut first = permitted.iter().filter(|mask| order(mask) == best);
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
        let near: Vec<(&str, u32, i64)> = masks.iter().map(|(id, rank)| (*id, 0, *rank)).collect();
        choose_at(&near)
    }

    fn choose_at(masks: &[(&str, u32, i64)]) -> MaskChoice {
        let facts: Vec<MaskFacts> = masks
            .iter()
            .map(|(id, distance, rank)| MaskFacts {
                id: (*id).to_owned(),
                distance: *distance,
                rank: *rank,
            })
            .collect();
        MaskChoice::of(&facts.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_nearest_applies_whatever_the_ranks_above() {
        assert_eq!(
            choose_at(&[("above", 1, 1), ("own", 0, 20), ("own2", 0, 10)]),
            MaskChoice::Mask("own2".to_owned())
        );
        assert_eq!(
            choose_at(&[("above", 1, 1), ("top", 2, 1)]),
            MaskChoice::Mask("above".to_owned())
        );
        assert_eq!(
            choose_at(&[("a", 1, 1), ("own", 0, 1)]),
            MaskChoice::Mask("own".to_owned())
        );
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
