//! Is every leaf of a final plan governed by a decision of this statement? Always checked; anything else is an incident.

use std::{any::Any, sync::Arc};

use datafusion::{
    datasource::{memory::MemorySourceConfig, source::DataSourceExec},
    functions_table::generate_series::{Empty, GenericSeriesState, TimestampValue},
    physical_plan::{
        ExecutionPlan, empty::EmptyExec, memory::LazyMemoryExec, placeholder_row::PlaceholderRowExec,
        work_table::WorkTableExec,
    },
};

use super::{
    policy_filter::{Mark, PolicyFilterExec},
    scan_exec::GovernedScanExec,
};
use crate::{
    context::QueryContext,
    error::{ErrorCode, QueryError, Result},
    federate::scan_exec::ConnectorScanExec,
    metadata::table::InformationExec,
    views::ViewExec,
};

/// Walks a final plan.
///
/// # Errors
/// `PLAN_INVARIANT` for a leaf that is neither a governed scan of this statement and epoch nor a constant, and for a
/// governed scan whose source does not lie under the policy filters of all of its decisions, or reads what none of them is about; so
/// inside the bodies of views.
pub fn check(plan: &Arc<dyn ExecutionPlan>, cx: &QueryContext) -> Result<()> {
    let children = plan.children();
    if !children.is_empty() {
        return children.into_iter().try_for_each(|child| check(child, cx));
    }
    // The concrete type: `downcast_ref` of plans follows delegates, so that a wrapper could pass for a scan.
    let concrete: &dyn Any = plan.as_ref();
    match concrete.downcast_ref::<GovernedScanExec>() {
        Some(scan) => governed(scan, cx),
        None if is_constant(concrete) => Ok(()),
        None => Err(incident(
            cx,
            &format!("`{}` is a leaf that is not governed", plan.name()),
        )),
    }
}

fn governed(scan: &GovernedScanExec, cx: &QueryContext) -> Result<()> {
    for mark in scan.marks() {
        if mark.epoch != cx.snapshot.version || mark.query != cx.query {
            return Err(incident(
                cx,
                "a governed scan belongs to another statement or policy version",
            ));
        }
        under_filter(scan.inner(), mark, false, cx)?;
    }
    as_decided(scan.inner(), scan.marks(), cx)
}

/// Of every table that a source reads here there is a mark, and no other.
fn as_decided(plan: &Arc<dyn ExecutionPlan>, marks: &[Mark], cx: &QueryContext) -> Result<()> {
    let concrete: &dyn Any = plan.as_ref();
    let children = if concrete.is::<ViewExec>() {
        Vec::new()
    } else {
        plan.children()
    };
    if !children.is_empty() {
        return children.into_iter().try_for_each(|child| as_decided(child, marks, cx));
    }
    let read = concrete
        .downcast_ref::<ConnectorScanExec>()
        .map(ConnectorScanExec::decided);
    if is_decided(read, marks) {
        return Ok(());
    }
    Err(incident(cx, "a source reads other tables than were decided about"))
}

/// `read` are the decisions that a connector's scan was made under; other sources are of one relation.
fn is_decided(read: Option<&[[u8; 32]]>, marks: &[Mark]) -> bool {
    match read {
        Some(read) => marks.iter().map(|mark| &mark.digest).eq(read),
        None => marks.len() == 1,
    }
}

/// Every path down to a source meets the policy filter with this mark. Below the body of a view every leaf is governed again.
fn under_filter(plan: &Arc<dyn ExecutionPlan>, mark: &Mark, met: bool, cx: &QueryContext) -> Result<()> {
    let concrete: &dyn Any = plan.as_ref();
    let met = met
        || concrete
            .downcast_ref::<PolicyFilterExec>()
            .is_some_and(|filter| filter.mark() == mark);
    if let Some(view) = concrete.downcast_ref::<ViewExec>().filter(|_| met) {
        return check(view.body(), cx);
    }
    if concrete.is::<GovernedScanExec>() {
        return Err(incident(cx, "a governed scan lies inside another one without a view"));
    }
    let children = plan.children();
    if children.is_empty() && !met {
        return Err(incident(cx, "a source does not lie under its policy filter"));
    }
    children
        .into_iter()
        .try_for_each(|child| under_filter(child, mark, met, cx))
}

/// Leaves that hold nothing but what the statement itself says, or visible metadata.
fn is_constant(leaf: &dyn Any) -> bool {
    if leaf.is::<EmptyExec>()
        || leaf.is::<PlaceholderRowExec>()
        || leaf.is::<WorkTableExec>()
        || leaf.is::<InformationExec>()
    {
        return true;
    }
    if let Some(series) = leaf.downcast_ref::<LazyMemoryExec>() {
        return series.generators().iter().all(|generator| {
            let generator = generator.read();
            let generator = generator.as_any();
            generator.is::<GenericSeriesState<i64>>()
                || generator.is::<GenericSeriesState<TimestampValue>>()
                || generator.is::<Empty>()
        });
    }
    leaf.downcast_ref::<DataSourceExec>()
        .and_then(|source| {
            let source: &dyn Any = source.data_source().as_ref();
            source.downcast_ref::<MemorySourceConfig>()
        })
        .is_some_and(is_values)
}

/// VALUES plans to one batch whose columns are called `column1`, `column2`, …; a table in memory would keep its names.
/// (No provider but ours is in a session's catalogs; this is the second wall.)
fn is_values(source: &MemorySourceConfig) -> bool {
    let one_batch = matches!(source.partitions(), [batches] if batches.len() == 1);
    let schema = source.original_schema();
    let mut names = schema.fields().iter().enumerate();
    one_batch
        && source.sort_information().is_empty()
        && names.all(|(at, field)| *field.name() == format!("column{}", at + 1))
}

fn incident(cx: &QueryContext, what: &str) -> QueryError {
    tracing::error!(query = %cx.query, what, "plan invariant violated");
    QueryError::new(ErrorCode::PlanInvariant, "an internal safety check stopped the query").because(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_reads_what_was_decided_about_and_nothing_else() {
        let mark = |digest| Mark {
            digest: [digest; 32],
            epoch: 1,
            query: "q".to_owned(),
        };
        let (one, both) = (vec![mark(1)], vec![mark(1), mark(2)]);
        let read: [[u8; 32]; 2] = [[1; 32], [2; 32]];
        assert!(is_decided(Some(&read), &both));
        assert!(is_decided(Some(&read[..1]), &one) && is_decided(None, &one));
        for (read, marks) in [
            (Some(&read[..]), one.as_slice()),
            (Some(&read[..1]), both.as_slice()),
            (Some(&read[..]), &[mark(2), mark(1)][..]),
            (Some(&read[..]), &[mark(1), mark(1)][..]),
            (Some(&read[..0]), one.as_slice()),
            (None, both.as_slice()),
            (None, &one[..0]),
        ] {
            assert!(!is_decided(read, marks), "{read:?} {marks:?}");
        }
    }
}
