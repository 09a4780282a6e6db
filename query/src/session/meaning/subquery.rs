//! Which subqueries does the engine misread or refuse? They are written as those that it runs.
//!
//! * The subquery of ANY and ALL gives its column a name of its own: without, an outer table of the same name takes it.
//! * EXISTS, IN, ANY and ALL outside of conditions are counted (`value`).
//! * A subquery that stands for one value is NULL without rows, and an error with several.

use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::{
    common::{
        Column, DFSchema, Result,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    functions_aggregate::expr_fn::first_value,
    logical_expr::{
        Expr, FetchType, Limit, LogicalPlan, LogicalPlanBuilder, SkipType, Sort, SortExpr, Subquery,
        expr::SetComparison, expr_rewriter::NamePreserver, utils::merge_schema,
    },
    optimizer::AnalyzerRule,
};

use super::{absent::maybe_absent, lifted::lift, membership, only::only_value, value};

/// Rewrites subqueries.
#[derive(Debug)]
pub(super) struct Subqueries;

impl AnalyzerRule for Subqueries {
    fn name(&self) -> &'static str {
        "standard_subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let aliases = AtomicUsize::new(0);
        let plan = plan.transform_up_with_subqueries(|plan| node(plan, &aliases))?;
        Ok(plan.data)
    }
}

fn node(plan: LogicalPlan, aliases: &AtomicUsize) -> Result<Transformed<LogicalPlan>> {
    let alias = || format!("__value_{}", aliases.fetch_add(1, Ordering::Relaxed) + 1);
    if let Some(mut lifted) = lift(&plan, &alias)? {
        let projection = std::mem::take(&mut lifted.projection);
        let projection = node(projection, aliases)?.data;
        return lifted.over(projection).map(Transformed::yes);
    }
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let chooses_rows = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
    let rewritten = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let rewritten = if chooses_rows {
            membership::told_apart(expr, &schema, &alias)?
                .transform_data(|expr| expr.transform_up(|expr| condition(expr, alias)))?
        } else {
            expr.transform_up(|expr| as_value(expr, &schema, alias))?
        };
        Ok(rewritten.update_data(|expr| name.restore(expr)))
    })?;
    if !rewritten.transformed {
        return Ok(rewritten);
    }
    rewritten.map_data(LogicalPlan::recompute_schema)
}

fn condition(expr: Expr, alias: impl Fn() -> String) -> Result<Transformed<Expr>> {
    match expr {
        Expr::SetComparison(comparison) => Ok(Transformed::yes(Expr::SetComparison(SetComparison {
            subquery: named(&comparison.subquery, alias())?,
            ..comparison
        }))),
        Expr::ScalarSubquery(subquery) => scalar(subquery, alias),
        other => Ok(Transformed::no(other)),
    }
}

/// The subquery, its column under a name of its own.
pub(super) fn named(subquery: &Subquery, alias: String) -> Result<Subquery> {
    Ok(subquery.with_plan(renamed(&subquery.subquery, alias)?.build()?.into()))
}

/// A plan of one column under another name.
pub(super) fn renamed(plan: &LogicalPlan, name: String) -> Result<LogicalPlanBuilder> {
    let column = Expr::Column(Column::from(plan.schema().qualified_field(0)));
    LogicalPlanBuilder::from(plan.clone()).project([column.alias(name)])
}

fn as_value(expr: Expr, outer: &DFSchema, alias: impl Fn() -> String) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Exists(exists) => value::exists(exists, &alias()).map(Transformed::yes),
        Expr::InSubquery(predicate) => value::contains(predicate, outer, &alias()).map(Transformed::yes),
        Expr::SetComparison(comparison) => value::compared(comparison, outer, &alias()).map(Transformed::yes),
        Expr::ScalarSubquery(subquery) => scalar(subquery, alias),
        other => Ok(Transformed::no(other)),
    }
}

fn scalar(subquery: Subquery, alias: impl Fn() -> String) -> Result<Transformed<Expr>> {
    if subquery.subquery.schema().fields().len() != 1 || is_one_row(&subquery.subquery) {
        return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
    }
    if subquery.outer_ref_columns.is_empty() {
        if subquery.subquery.schema().field(0).is_nullable() {
            return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
        }
        return Ok(Transformed::yes(maybe_absent(Expr::ScalarSubquery(subquery))));
    }
    if is_aggregated(&subquery.subquery) {
        return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
    }
    let plan = match first_row(&subquery.subquery)? {
        Some(plan) => plan,
        None => {
            let name = alias();
            let value = Expr::Column(Column::new_unqualified(&name));
            renamed(&subquery.subquery, name)?
                .aggregate(Vec::<Expr>::new(), [only_value(value)])?
                .build()?
        }
    };
    Ok(Transformed::yes(Expr::ScalarSubquery(subquery.with_plan(plan.into()))))
}

/// An aggregate without groups has one row, whatever it reads.
fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => is_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_one_row(&alias.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        _ => false,
    }
}

fn is_aggregated(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => is_aggregated(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_aggregated(&alias.input),
        LogicalPlan::Filter(filter) => is_aggregated(&filter.input),
        LogicalPlan::Aggregate(_) => true,
        _ => false,
    }
}

/// `… ORDER BY k LIMIT 1` is the value of the first row in that order.
fn first_row(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let LogicalPlan::Limit(limit) = plan else {
        return Ok(None);
    };
    if !is_first(limit)? {
        return Ok(None);
    }
    let (value, sort) = match limit.input.as_ref() {
        LogicalPlan::Projection(projection) => match (projection.input.as_ref(), projection.expr.as_slice()) {
            (LogicalPlan::Sort(sort), [value]) => (value.clone().unalias(), Some(sort)),
            _ => return first_of(&limit.input, None).map(Some),
        },
        LogicalPlan::Sort(sort) => return first_of(&sort.input, Some((sort, None))).map(Some),
        _ => return first_of(&limit.input, None).map(Some),
    };
    match sort {
        Some(sort) => first_of(&sort.input, Some((sort, Some(value)))).map(Some),
        None => Ok(None),
    }
}

fn is_first(limit: &Limit) -> Result<bool> {
    Ok(matches!(limit.get_skip_type()?, SkipType::Literal(0))
        && matches!(limit.get_fetch_type()?, FetchType::Literal(Some(1))))
}

fn first_of(input: &LogicalPlan, sorted: Option<(&Sort, Option<Expr>)>) -> Result<LogicalPlan> {
    let (order, value): (Vec<SortExpr>, Option<Expr>) = match sorted {
        Some((sort, value)) => (sort.expr.clone(), value),
        None => (Vec::new(), None),
    };
    let value = value.unwrap_or_else(|| Expr::Column(Column::from(input.schema().qualified_field(0))));
    LogicalPlanBuilder::from(input.clone())
        .aggregate(Vec::<Expr>::new(), [first_value(value, order)])?
        .build()
}
