//! How many rows leave a join? About as many as the larger side has: keys meet what they are keys of.
//!
//! Plans know how large tables are and nothing of their columns (`govern/figure`). From sizes alone the engine takes every key for
//! unique, so that a join is as large as its smaller side, and the next join builds its table from what is in truth the largest input.

use std::sync::Arc;

use datafusion::{
    common::{JoinType, Result as EngineResult, Statistics, stats::Precision},
    physical_plan::{
        ExecutionPlan,
        joins::HashJoinExec,
        operator_statistics::{
            DefaultStatisticsProvider, ExtendedStatistics, FilterStatisticsProvider, LimitStatisticsProvider,
            PassthroughStatisticsProvider, ProjectionStatisticsProvider, StatisticsProvider, StatisticsRegistry,
            StatisticsResult, UnionStatisticsProvider,
        },
    },
};

/// Who estimates what: joins as here, all else as the engine does.
pub fn registry() -> StatisticsRegistry {
    StatisticsRegistry::with_providers(vec![
        Arc::new(KeysMeet),
        Arc::new(FilterStatisticsProvider),
        Arc::new(ProjectionStatisticsProvider),
        Arc::new(PassthroughStatisticsProvider),
        Arc::new(LimitStatisticsProvider),
        Arc::new(UnionStatisticsProvider),
        Arc::new(DefaultStatisticsProvider),
    ])
}

/// Of a join: every row of one side meets about one of the other.
#[derive(Debug)]
struct KeysMeet;

impl StatisticsProvider for KeysMeet {
    fn compute_statistics(
        &self,
        plan: &dyn ExecutionPlan,
        inputs: &[ExtendedStatistics],
    ) -> EngineResult<StatisticsResult> {
        let (Some(join), [left, right]) = (plan.downcast_ref::<HashJoinExec>(), inputs) else {
            return Ok(StatisticsResult::Delegate);
        };
        let rows = |side: &ExtendedStatistics| side.base().num_rows.get_value().copied();
        let rows = match (rows(left), rows(right)) {
            (Some(left), Some(right)) => Precision::Inexact(joined(*join.join_type(), left, right)),
            _ => Precision::Absent,
        };
        Ok(StatisticsResult::Computed(ExtendedStatistics::new(Statistics {
            num_rows: rows,
            ..Statistics::new_unknown(plan.schema().as_ref())
        })))
    }
}

fn joined(kind: JoinType, left: usize, right: usize) -> usize {
    match kind {
        JoinType::Inner | JoinType::Left | JoinType::Right => left.max(right),
        JoinType::Full => left.saturating_add(right),
        JoinType::LeftSemi | JoinType::RightSemi => left.min(right),
        JoinType::LeftAnti | JoinType::LeftMark => left,
        JoinType::RightAnti | JoinType::RightMark => right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_is_as_large_as_its_larger_side_and_a_semi_join_as_its_smaller() {
        assert_eq!(joined(JoinType::Inner, 10, 3), 10);
        assert_eq!(joined(JoinType::Left, 3, 10), 10);
        assert_eq!(joined(JoinType::Full, 3, 10), 13);
        assert_eq!(joined(JoinType::LeftSemi, 10, 3), 3);
        assert_eq!(joined(JoinType::RightAnti, 10, 3), 3);
        assert_eq!(joined(JoinType::LeftMark, 10, 3), 10);
    }
}
