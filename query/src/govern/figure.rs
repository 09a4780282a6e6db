//! What may a planner know of the size of a relation? About how many rows it has, rounded up to a power of four (governance.md §6.1).
//!
//! One figure for everybody (of files, for all who may not know figures): which plan is made for a statement tells nobody what he may
//! not see, and a statement of somebody who sees all is planned as one of somebody who does not.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::SchemaRef,
    common::{Statistics, stats::Precision},
};

/// The least figure: four to the power of eight.
const LEAST: u64 = 65_536;
/// Of so many rows one passes the conditions of a statement, for all that is known: the engine's guess.
const ONE_IN: u64 = 5;

/// Rows of a whole relation, roughly. Orders the sides of joins; nothing is ever answered from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figure(Option<u64>);

impl Figure {
    /// `rows` of the relation as it is stored, hidden ones too; `None` if nothing is known.
    pub(super) fn of(rows: Option<u64>) -> Self {
        let round = |rows: u64| {
            let mut figure = LEAST;
            while figure < rows {
                figure = figure.saturating_mul(4);
            }
            figure
        };
        Self(rows.map(round))
    }

    /// What is left by conditions and a limit of the statement.
    pub(super) fn asked(self, has_conditions: bool, limit: Option<usize>) -> Self {
        let kept = |rows: u64| if has_conditions { rows / ONE_IN } else { rows };
        let limit = limit.and_then(|limit| u64::try_from(limit).ok()).unwrap_or(u64::MAX);
        Self(self.0.map(|rows| kept(rows).min(limit)))
    }

    /// So many rows, by a guess.
    pub(super) fn guessed(rows: Option<u64>) -> Self {
        Self(rows)
    }

    /// The figure itself.
    pub(super) fn rows(self) -> Option<u64> {
        self.0
    }

    /// For the engine: a guess, and nothing about columns.
    ///
    /// INVARIANT: never exact. Counts, minima and limits are folded from exact figures.
    pub(super) fn statistics(self, schema: &SchemaRef) -> Arc<Statistics> {
        let rows = self.0.and_then(|rows| usize::try_from(rows).ok());
        Arc::new(Statistics {
            num_rows: rows.map_or(Precision::Absent, Precision::Inexact),
            ..Statistics::new_unknown(schema)
        })
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn rows(figure: Figure) -> Precision<usize> {
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, true)]));
        let statistics = figure.statistics(&schema);
        assert_eq!(statistics.total_byte_size, Precision::Absent);
        assert_eq!(statistics.column_statistics, Statistics::unknown_column(&schema));
        statistics.num_rows
    }

    #[test]
    fn a_rounded_figure_is_a_power_of_four_and_at_least_65536() {
        let rounded = |of: u64| rows(Figure::of(Some(of)));
        for (of, figure) in [
            (0, 65_536),
            (1, 65_536),
            (65_536, 65_536),
            (65_537, 262_144),
            (262_144, 262_144),
            (6_000_000, 16_777_216),
        ] {
            assert_eq!(rounded(of), Precision::Inexact(figure), "{of}");
        }
        assert_eq!(rounded(u64::MAX), Precision::Inexact(usize::MAX));
        assert_eq!(rows(Figure::of(None)), Precision::Absent);
    }

    #[test]
    fn conditions_and_limits_leave_less_and_nothing_is_exact() {
        let figure = Figure::of(Some(1_000));
        assert_eq!(rows(figure), Precision::Inexact(65_536));
        assert_eq!(rows(figure.asked(true, None)), Precision::Inexact(13_107));
        assert_eq!(rows(figure.asked(false, Some(7))), Precision::Inexact(7));
        assert_eq!(rows(figure.asked(true, Some(70_000))), Precision::Inexact(13_107));
        assert_eq!(rows(figure.asked(false, Some(0))), Precision::Inexact(0));
    }
}
