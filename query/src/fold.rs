//! Which groups and orders of a finished plan can the source of their rows compute? They become one leaf, planned at the source.
//!
//! The engine has no hook for aggregates and joins in its table providers. So the optimizer's plan is looked through once more, after
//! its last rule: an aggregate right over a scan, or over a join of scans, is replaced by what the source gives for it; so is what lies
//! right under a sort with a limit, by the source's first rows (that sort stays, so that their order is the engine's), and a join by its
//! rows. What a source refuses stays as it was.
//! Not here: what may be folded for this caller (`govern::folded`), and what a source computes exactly (each connector's own).

mod aggregate;
mod average;
mod base;
mod chain;
mod join;
mod node;
mod operand;
mod top;

use std::{any::Any, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    arrow::datatypes::SchemaRef,
    catalog::Session,
    common::{
        DFSchemaRef, DataFusionError, Result,
        tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    },
    datasource::source_as_provider,
    execution::context::QueryPlanner,
    logical_expr::LogicalPlan,
    physical_plan::ExecutionPlan,
    physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner},
};

use base::Base;
use node::{FoldedPlanner, leaf};

use crate::govern::{
    self, GovernedTable,
    folded::{Shape, Wanted, WantedTable},
};

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
        // What lies in a part that is replaced is not asked for.
        if within(&replacements, &part)? {
            continue;
        }
        let by = match &part {
            LogicalPlan::Aggregate(aggregate) => aggregate::folded(aggregate, session).await?,
            LogicalPlan::Sort(sort) => top::folded(sort, session).await?,
            join => join::folded(join, session).await?,
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

fn within(replacements: &[Replacement], part: &LogicalPlan) -> Result<bool> {
    for one in replacements {
        if one.part != *part && one.part.exists(|node| Ok(node == part))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Is it within a join that is no candidate itself? Its parts are told the keys of the other side instead.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Within {
    Join,
    Nothing,
}

/// Aggregates, sorts with a limit and joins over nothing but scans, in subqueries too.
fn candidates(plan: &LogicalPlan) -> Result<Vec<LogicalPlan>> {
    let mut found = Vec::new();
    gather(plan, Within::Nothing, &mut found)?;
    Ok(found)
}

fn gather(plan: &LogicalPlan, within: Within, found: &mut Vec<LogicalPlan>) -> Result<()> {
    plan.apply_subqueries(|part| {
        gather(part, Within::Nothing, found)?;
        Ok(TreeNodeRecursion::Jump)
    })?;
    let below = match plan {
        LogicalPlan::Aggregate(aggregate) => {
            if Base::below(&aggregate.input).is_some() {
                found.push(plan.clone());
            }
            Within::Nothing
        }
        LogicalPlan::Sort(sort) if sort.fetch.is_some() => {
            if Base::below(&sort.input).is_some() {
                found.push(plan.clone());
            }
            Within::Nothing
        }
        LogicalPlan::Join(_) | LogicalPlan::Projection(_) if within == Within::Nothing && join::is_join(plan) => {
            found.push(plan.clone());
            Within::Join
        }
        LogicalPlan::Join(_) => Within::Join,
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Filter(_) => within,
        _ => Within::Nothing,
    };
    plan.inputs()
        .into_iter()
        .try_for_each(|input| gather(input, below, found))
}

/// Each replacement is used once: parts that are equal have a leaf each.
fn replaced(plan: LogicalPlan, mut replacements: Vec<Replacement>) -> Result<LogicalPlan> {
    let folded = plan.transform_down_with_subqueries(|part| {
        use LogicalPlan::{Aggregate, Join, Projection, Sort};
        if !matches!(part, Aggregate(_) | Join(_) | Projection(_) | Sort(_)) {
            return Ok(Transformed::no(part));
        }
        match replacements.iter().position(|one| one.part == part) {
            Some(at) => Ok(Transformed::yes(replacements.swap_remove(at).by)),
            None => Ok(Transformed::no(part)),
        }
    })?;
    Ok(folded.data)
}

/// The rows of `base` as they are folded: what governed relations give for them, or nothing. `told` is how plans show it, and what comes
/// back.
async fn at_source(
    base: &Base<'_>,
    session: &dyn Session,
    shape: Shape,
    (shown, schema): (String, SchemaRef),
    part: &DFSchemaRef,
) -> Result<Option<LogicalPlan>> {
    let providers = base.scans.iter().map(|scan| source_as_provider(&scan.source));
    let providers = providers.collect::<Result<Vec<_>>>()?;
    let mut tables = Vec::new();
    for (provider, scan) in providers.iter().zip(&base.scans) {
        let concrete: &dyn Any = provider.as_ref();
        let Some(table) = concrete.downcast_ref::<GovernedTable>() else {
            return Ok(None);
        };
        tables.push(WantedTable {
            table,
            filters: &scan.filters,
            width: scan.projected_schema.fields().len(),
        });
    }
    let wanted = Wanted {
        tables,
        joined: base.joined.clone(),
        shape,
        schema,
        shown,
    };
    let folded = govern::folded::folded(session, wanted).await;
    let folded = folded.map_err(|error| DataFusionError::External(Box::new(error)))?;
    Ok(folded.map(|plan| leaf(part, plan)))
}
