//! Over which scan does a part of a plan stand, and what do its expressions mean there? Through aliases and projections.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::SchemaRef,
    common::{
        Column, DFSchema, Result,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    logical_expr::{Expr, LogicalPlan, TableScan},
};

/// Projections and aliases between a part and its scan, at most.
const MAX_LENGTH: usize = 64;

/// The scan below nothing but aliases and projections. One with a limit of its own is none: its rows are not all rows.
pub(super) fn scan_below(plan: &LogicalPlan) -> Option<&TableScan> {
    let mut plan = plan;
    for _ in 0..MAX_LENGTH {
        plan = match plan {
            LogicalPlan::TableScan(scan) => return scan.fetch.is_none().then_some(scan),
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            _ => return None,
        };
    }
    None
}

/// An expression over the output of `plan`, as one over its scan; `None` where it reads something else.
pub(super) fn over_scan(expr: &Expr, plan: &LogicalPlan) -> Option<Expr> {
    let mut expr = expr.clone();
    let mut plan = plan;
    for _ in 0..MAX_LENGTH {
        plan = match plan {
            LogicalPlan::TableScan(_) => return Some(expr),
            LogicalPlan::Projection(projection) => {
                expr = translated(expr, |column| {
                    let at = projection.schema.maybe_index_of_column(column)?;
                    projection.expr.get(at).cloned().map(unaliased)
                })?;
                &projection.input
            }
            LogicalPlan::SubqueryAlias(alias) => {
                expr = translated(expr, |column| {
                    let at = alias.schema.maybe_index_of_column(column)?;
                    let (qualifier, field) = alias.input.schema().iter().nth(at)?;
                    Some(Expr::Column(Column::from((qualifier, field))))
                })?;
                &alias.input
            }
            _ => return None,
        };
    }
    None
}

/// Is nothing computed between `plan` and its scan?
pub(super) fn is_plain(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            let plain = |expr: &Expr| matches!(unaliased(expr.clone()), Expr::Column(_) | Expr::Literal(..));
            projection.expr.iter().all(plain) && is_plain(&projection.input)
        }
        LogicalPlan::SubqueryAlias(alias) => is_plain(&alias.input),
        LogicalPlan::TableScan(_) => true,
        _ => false,
    }
}

/// `plan` over another leaf in the place of its scan.
pub(super) fn over(plan: &LogicalPlan, leaf: &LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.clone().transform_up(|part| {
        Ok(match part {
            LogicalPlan::TableScan(_) => Transformed::yes(leaf.clone()),
            part => Transformed::no(part),
        })
    });
    plan.data()
}

/// The name that a scan knows a column by; `None` if the expression is more than that.
pub(super) fn name_in<'a>(expr: &Expr, scan: &'a TableScan) -> Option<&'a str> {
    let Expr::Column(column) = expr else { return None };
    let at = scan.projected_schema.maybe_index_of_column(column)?;
    Some(scan.projected_schema.field(at).name())
}

fn translated(expr: Expr, meaning: impl Fn(&Column) -> Option<Expr>) -> Option<Expr> {
    let mut whole = true;
    let expr = expr.transform_up(|part| {
        Ok(match &part {
            Expr::Column(column) => match meaning(column) {
                Some(found) => Transformed::yes(found),
                None => {
                    whole = false;
                    Transformed::no(part)
                }
            },
            _ => Transformed::no(part),
        })
    });
    expr.data().ok().filter(|_| whole)
}

/// Aliases name a value and do not change it.
pub(super) fn unaliased(expr: Expr) -> Expr {
    match expr {
        Expr::Alias(alias) => unaliased(*alias.expr),
        other => other,
    }
}

/// What stands in a plan for people to read: the expression without the names of its relations.
pub(super) fn shown(expr: &Expr) -> String {
    let bare = expr.clone().transform_up(|part| {
        Ok(match part {
            Expr::Column(column) => Transformed::yes(Expr::Column(Column::new_unqualified(column.name))),
            part => Transformed::no(part),
        })
    });
    bare.data()
        .map_or_else(|_| String::new(), |expr| expr.schema_name().to_string())
}

/// An Arrow schema of a part.
pub(super) fn arrow(schema: &DFSchema) -> SchemaRef {
    Arc::clone(schema.inner())
}
