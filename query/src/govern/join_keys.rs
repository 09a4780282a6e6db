//! Which scans are told the keys of the joins above them? Those to which nothing lies in between that could fail on a row, or that
//! does anything but pass rows on.
//!
//! A row that no join uses is left out at its source. What stands between would have seen it: a division in a projection would have
//! failed on it. So keys go through columns as they are or in a wider type, exchanges and joins on plain columns only, and a statement fails or not whether
//! keys arrive or not.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::{
    common::{
        JoinType, NullEquality,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    config::ConfigOptions,
    error::Result,
    physical_expr::{
        Partitioning, PhysicalExpr,
        expressions::{DynamicFilterPhysicalExpr, Literal, lit},
    },
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
        coalesce_partitions::CoalescePartitionsExec,
        coop::CooperativeExec,
        joins::{HashJoinExec, PartitionMode},
        projection::ProjectionExec,
        recursive_query::RecursiveQueryExec,
        repartition::RepartitionExec,
    },
};

use super::scan_exec::GovernedScanExec;
use crate::federate::late_keys::column_of;

/// Gives the keys of hash joins to the governed scans below them. The last rule: others do not know what a scan waits for.
#[derive(Debug, Default)]
pub struct JoinKeys;

impl PhysicalOptimizerRule for JoinKeys {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        // The plan of a recursive query runs many times, each with other keys.
        if plan.exists(|node| Ok(node.downcast_ref::<RecursiveQueryExec>().is_some()))? {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            let told = node.downcast_ref::<HashJoinExec>().map(told).transpose()?.flatten();
            Ok(told.map_or_else(|| Transformed::no(node), Transformed::yes))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "JoinKeys"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The join with its keys given to what it probes; `None` if nothing there takes them.
fn told(join: &HashJoinExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let keys = compared(join.on().iter().map(|(_, right)| right), join.right());
    let Some(keys) = keys.filter(|_| gives_keys(join)) else {
        return Ok(None);
    };
    let probed = join.on().iter().map(|(_, right)| Arc::clone(right)).collect();
    let filter = Arc::new(DynamicFilterPhysicalExpr::new(probed, lit(true)));
    let columns: Columns = keys.into_iter().map(|key| (key, key)).collect();
    let Some(right) = offered(join.right(), &filter, &columns)? else {
        return Ok(None);
    };
    let children = vec![Arc::clone(join.left()), right];
    let join = join
        .builder()
        .recompute_properties()
        .with_new_children(children)?
        .build()?;
    Ok(Some(Arc::new(join.with_dynamic_filter_expr(filter)?)))
}

/// Rows of the probed side that meet no key are not seen above, and the engine makes the filter.
fn gives_keys(join: &HashJoinExec) -> bool {
    let unseen = matches!(
        join.join_type(),
        JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::RightSemi
    );
    let routed = match join.partition_mode() {
        PartitionMode::CollectLeft => true,
        PartitionMode::Partitioned => matches!(
            (join.left().output_partitioning(), join.right().output_partitioning()),
            (Partitioning::Hash(_, left), Partitioning::Hash(_, right)) if left == right
        ),
        PartitionMode::Auto => false,
    };
    unseen
        && routed
        && !join.null_aware
        && join.null_equality() == NullEquality::NullEqualsNothing
        && join.dynamic_expressions_produced().is_empty()
}

/// The columns of one side that a join compares, if it compares nothing but columns: as they are or in a wider type.
fn compared<'a>(
    keys: impl Iterator<Item = &'a Arc<dyn PhysicalExpr>>,
    side: &Arc<dyn ExecutionPlan>,
) -> Option<Vec<usize>> {
    let schema = side.schema();
    keys.map(|key| column_of(key, &schema)).collect()
}

/// Which column of the join's input is which column of a plan below it.
type Columns = BTreeMap<usize, usize>;

/// The plan in which a scan took the keys; `None` if none did.
fn offered(
    plan: &Arc<dyn ExecutionPlan>,
    filter: &Arc<DynamicFilterPhysicalExpr>,
    columns: &Columns,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if columns.is_empty() {
        return Ok(None);
    }
    if let Some(scan) = plan.downcast_ref::<GovernedScanExec>() {
        return Ok(scan.with_keys(filter, columns)?.map(|scan| Arc::new(scan) as _));
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        return offered_to_join(plan, join, filter, columns);
    }
    let columns = if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        match below(projection, columns) {
            Some(columns) => columns,
            None => return Ok(None),
        }
    } else if passes_on(plan) {
        columns.clone()
    } else {
        return Ok(None);
    };
    let [input] = plan.children()[..] else {
        return Ok(None);
    };
    let Some(input) = offered(input, filter, &columns)? else {
        return Ok(None);
    };
    rebuilt(plan, vec![input]).map(Some)
}

fn rebuilt(plan: &Arc<dyn ExecutionPlan>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
    let recompute = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(plan).replace_children(children, recompute)
}

/// Every row and column as they are.
fn passes_on(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<CooperativeExec>().is_some()
        || plan.downcast_ref::<RepartitionExec>().is_some()
        || plan
            .downcast_ref::<CoalescePartitionsExec>()
            .is_some_and(|coalesce| coalesce.fetch().is_none())
}

/// The columns below a projection that computes nothing.
fn below(projection: &ProjectionExec, columns: &Columns) -> Option<Columns> {
    let schema = projection.input().schema();
    let computes =
        |expr: &Arc<dyn PhysicalExpr>| column_of(expr, &schema).is_none() && expr.downcast_ref::<Literal>().is_none();
    if projection.expr().iter().any(|part| computes(&part.expr)) {
        return None;
    }
    let column = |here: &usize| column_of(&projection.expr().get(*here)?.expr, &schema);
    Some(
        columns
            .iter()
            .filter_map(|(joined, here)| Some((*joined, column(here)?)))
            .collect(),
    )
}

/// Through an inner join on plain columns without another condition.
fn offered_to_join(
    plan: &Arc<dyn ExecutionPlan>,
    join: &HashJoinExec,
    filter: &Arc<DynamicFilterPhysicalExpr>,
    columns: &Columns,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let plain = compared(join.on().iter().map(|(left, _)| left), join.left())
        .and(compared(join.on().iter().map(|(_, right)| right), join.right()));
    if *join.join_type() != JoinType::Inner || join.filter().is_some() || plain.is_none() {
        return Ok(None);
    }
    let width = join.left().schema().fields().len();
    let (mut left, mut right) = (Columns::new(), Columns::new());
    for (joined, here) in columns {
        let at = match join.projection.as_ref() {
            Some(projection) => projection.get(*here).copied(),
            None => Some(*here),
        };
        match at {
            Some(at) if at < width => left.insert(*joined, at),
            Some(at) => right.insert(*joined, at - width),
            None => None,
        };
    }
    let (left, right) = (
        offered(join.left(), filter, &left)?,
        offered(join.right(), filter, &right)?,
    );
    if left.is_none() && right.is_none() {
        return Ok(None);
    }
    let children = vec![
        left.unwrap_or_else(|| Arc::clone(join.left())),
        right.unwrap_or_else(|| Arc::clone(join.right())),
    ];
    rebuilt(plan, children).map(Some)
}
