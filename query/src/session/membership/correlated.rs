//! Can a subquery that refers to the outer row be asked for other rows? If the engine can lift its conditions into a join.

use std::sync::Arc;

use datafusion::{
    common::{
        Column, JoinType, Result,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    logical_expr::{Distinct, Expr, LogicalPlan, LogicalPlanBuilder, Projection},
};

use super::refusal;

/// The rows of a correlated subquery whose element meets a condition. `columns` are those of the outer row in the condition.
///
/// # Errors
/// When the engine could not compute it, or would take a column of the subquery for the outer one.
pub(super) fn filtered(
    plan: &LogicalPlan,
    columns: &[&Column],
    condition: impl FnOnce(Expr) -> Option<Expr>,
) -> Result<LogicalPlan> {
    match plan {
        // Neither order nor copies matter.
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => filtered(&sort.input, columns, condition),
        LogicalPlan::Distinct(Distinct::All(input)) => filtered(input, columns, condition),
        LogicalPlan::Projection(projection) if is_liftable(plan)? => {
            check_names(plan, columns)?;
            chosen(projection, condition)
        }
        _ => Err(refusal(
            "NOT IN, and IN below OR, NOT or CASE, with a subquery that refers to the outer row takes SELECT … FROM … WHERE … GROUP \
             BY; without LIMIT, set operations, windows, outer joins or derived tables that refer to the outer row",
        )),
    }
}

fn chosen(projection: &Projection, condition: impl FnOnce(Expr) -> Option<Expr>) -> Result<LogicalPlan> {
    let Some(element) = projection.expr.first() else {
        return datafusion::common::internal_err!("a subquery has one column");
    };
    match condition(element.clone().unalias()) {
        None => Ok(LogicalPlan::Projection(projection.clone())),
        Some(condition) => {
            // One filter: of two on top of each other the engine forgets the columns of the lower.
            let (input, condition) = match projection.input.as_ref() {
                LogicalPlan::Filter(filter) => (&filter.input, filter.predicate.clone().and(condition)),
                _ => (&projection.input, condition),
            };
            LogicalPlanBuilder::from(Arc::clone(input))
                .filter(condition)?
                .project(projection.expr.clone())?
                .build()
        }
    }
}

/// The engine knows columns by their names once the condition is lifted.
fn check_names(plan: &LogicalPlan, columns: &[&Column]) -> Result<()> {
    let mut taken = false;
    plan.apply(|node| {
        taken |= columns.iter().any(|column| node.schema().has_column(column));
        Ok(TreeNodeRecursion::Continue)
    })?;
    if taken {
        return Err(refusal(
            "a subquery of IN that refers to the outer row reads a table under the name that it has outside; give one an alias",
        ));
    }
    Ok(())
}

/// Conditions on the outer row stand only where lifting them keeps their meaning.
fn is_liftable(plan: &LogicalPlan) -> Result<bool> {
    if plan.all_out_ref_exprs().is_empty() {
        return Ok(true);
    }
    if !matches!(plan, LogicalPlan::Filter(_)) && plan.contains_outer_reference() {
        return Ok(false);
    }
    match plan {
        LogicalPlan::Filter(filter) => is_liftable(&filter.input),
        LogicalPlan::Projection(projection) => is_liftable(&projection.input),
        LogicalPlan::Distinct(Distinct::All(input)) => is_liftable(input),
        LogicalPlan::Aggregate(aggregate) if !aggregate.group_expr.is_empty() => is_liftable(&aggregate.input),
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            Ok(is_liftable(&join.left)? && is_liftable(&join.right)?)
        }
        _ => Ok(false),
    }
}

/// An aggregate without groups has one row, whatever it reads.
pub(super) fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => is_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_one_row(&alias.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        _ => false,
    }
}
