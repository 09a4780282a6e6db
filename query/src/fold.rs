//! Which groups and orders of a finished plan can the source of their rows compute? They become one leaf, planned at the source.
//!
//! The engine has no hook for aggregates in its table providers. So the optimizer's plan is looked through once more, after its last
//! rule: an aggregate right over a scan is replaced by what the source gives for it, and a scan right under a sort with a limit by
//! the source's first rows; that sort stays, so that their order is the engine's. What a source refuses stays as it was.
//! Not here: what may be folded for this caller (`govern::folded`), and what a source computes exactly (each connector's own).

mod aggregate;
mod chain;
mod node;
mod operand;
mod top;

use std::{any::Any, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    catalog::Session,
    common::{
        DFSchemaRef, DataFusionError, Result,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    datasource::source_as_provider,
    execution::context::QueryPlanner,
    logical_expr::{LogicalPlan, TableScan},
    physical_plan::ExecutionPlan,
    physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner},
};

use node::{FoldedPlanner, leaf};

use crate::govern::{GovernedTable, folded::Wanted};

/// Plans as the engine does, after folding.
#[derive(Debug)]
pub struct FoldingPlanner;

#[async_trait]
impl QueryPlanner for FoldingPlanner {
    async fn create_physical_plan(
        &self,
        logical: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let folded = folded(logical, session).await?;
        DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(FoldedPlanner)])
            .create_physical_plan(folded.as_ref().unwrap_or(logical), session)
            .await
    }
}

/// A part of a plan, and what takes its place.
struct Replacement {
    part: LogicalPlan,
    by: LogicalPlan,
}

/// The plan with its leaves folded; `None` where nothing is.
async fn folded(plan: &LogicalPlan, session: &dyn Session) -> Result<Option<LogicalPlan>> {
    let mut replacements = Vec::new();
    for part in candidates(plan)? {
        let by = match &part {
            LogicalPlan::Aggregate(aggregate) => aggregate::folded(aggregate, session).await?,
            LogicalPlan::Sort(sort) => top::folded(sort, session).await?,
            _ => None,
        };
        if let Some(by) = by {
            replacements.push(Replacement { part, by });
        }
    }
    if replacements.is_empty() {
        return Ok(None);
    }
    replaced(plan.clone(), replacements).map(Some)
}

/// Aggregates and sorts with a limit over nothing but a scan, in subqueries too.
fn candidates(plan: &LogicalPlan) -> Result<Vec<LogicalPlan>> {
    let mut found = Vec::new();
    plan.apply_with_subqueries(|part| {
        let input = match part {
            LogicalPlan::Aggregate(aggregate) => Some(&aggregate.input),
            LogicalPlan::Sort(sort) if sort.fetch.is_some() => Some(&sort.input),
            _ => None,
        };
        if input.is_some_and(|input| chain::scan_below(input).is_some()) {
            found.push(part.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// Each replacement is used once: parts that are equal have a leaf each.
fn replaced(plan: LogicalPlan, mut replacements: Vec<Replacement>) -> Result<LogicalPlan> {
    let folded = plan.transform_down_with_subqueries(|part| {
        if !matches!(part, LogicalPlan::Aggregate(_) | LogicalPlan::Sort(_)) {
            return Ok(Transformed::no(part));
        }
        match replacements.iter().position(|one| one.part == part) {
            Some(at) => Ok(Transformed::yes(replacements.swap_remove(at).by)),
            None => Ok(Transformed::no(part)),
        }
    })?;
    Ok(folded.data)
}

/// `scan` as it is folded: what a governed relation gives for it, or nothing.
async fn at_source(
    scan: &TableScan,
    session: &dyn Session,
    wanted: Wanted<'_>,
    schema: &DFSchemaRef,
) -> Result<Option<LogicalPlan>> {
    let provider = source_as_provider(&scan.source)?;
    let concrete: &dyn Any = provider.as_ref();
    let Some(table) = concrete.downcast_ref::<GovernedTable>() else {
        return Ok(None);
    };
    let folded = table.folded(session, wanted).await;
    let folded = folded.map_err(|error| DataFusionError::External(Box::new(error)))?;
    Ok(folded.map(|plan| leaf(schema, plan)))
}
