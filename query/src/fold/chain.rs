//! What stands between a part of a plan and its rows, and what do its expressions mean there? Aliases and projections.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::SchemaRef,
    common::{
        Column, DFSchema, Result,
        tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion},
    },
    logical_expr::{Expr, LogicalPlan},
};

/// Projections and aliases between a part and its rows, at most.
const MAX_LENGTH: usize = 64;

/// The scan or join below nothing but aliases and projections.
pub(super) fn core_below(plan: &LogicalPlan) -> Option<&LogicalPlan> {
    let mut plan = plan;
    for _ in 0..MAX_LENGTH {
        plan = match plan {
            LogicalPlan::TableScan(_) | LogicalPlan::Join(_) => return Some(plan),
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            _ => return None,
        };
    }
    None
}

/// An expression over the output of `plan`, as one over what `known` says of the columns of the scan or join below it; `None` where it
/// reads something else.
pub(super) fn meaning(expr: &Expr, plan: &LogicalPlan, known: &dyn Fn(usize) -> Option<Expr>) -> Option<Expr> {
    let mut expr = expr.clone();
    let mut plan = plan;
    for _ in 0..MAX_LENGTH {
        plan = match plan {
            LogicalPlan::TableScan(_) | LogicalPlan::Join(_) => {
                return translated(expr, |column| known(place(plan.schema(), column)?));
            }
            LogicalPlan::Projection(projection) => {
                expr = translated(expr, |column| {
                    let at = place(&projection.schema, column)?;
                    projection.expr.get(at).cloned().map(unaliased)
                })?;
                &projection.input
            }
            LogicalPlan::SubqueryAlias(alias) => {
                expr = translated(expr, |column| {
                    let at = place(&alias.schema, column)?;
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

/// Which field of a schema is it? The one of this name and qualifier; else the only one of this name.
pub(super) fn place(schema: &DFSchema, column: &Column) -> Option<usize> {
    let named = || {
        schema
            .iter()
            .enumerate()
            .filter(|(_, (_, field))| *field.name() == column.name)
    };
    let mut same = named().filter(|(_, (qualifier, _))| *qualifier == column.relation.as_ref());
    let (at, _) = match (same.next(), same.next()) {
        (Some(found), None) => found,
        (Some(_), Some(_)) => return None,
        (None, _) => {
            let mut alike = named();
            alike.next().filter(|_| alike.next().is_none())?
        }
    };
    Some(at)
}

/// Is nothing computed between `plan` and its rows?
pub(super) fn is_plain(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            let plain = |expr: &Expr| matches!(unaliased(expr.clone()), Expr::Column(_) | Expr::Literal(..));
            projection.expr.iter().all(plain) && is_plain(&projection.input)
        }
        LogicalPlan::SubqueryAlias(alias) => is_plain(&alias.input),
        LogicalPlan::TableScan(_) | LogicalPlan::Join(_) => true,
        _ => false,
    }
}

/// `plan` over another leaf in the place of its scan or join.
pub(super) fn over(plan: &LogicalPlan, leaf: &LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.clone().transform_down(|part| {
        Ok(match part {
            LogicalPlan::TableScan(_) | LogicalPlan::Join(_) => {
                Transformed::new(leaf.clone(), true, TreeNodeRecursion::Jump)
            }
            part => Transformed::no(part),
        })
    });
    plan.data()
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
