//! Where in a condition does IN (subquery) have to tell NULL from false? Below NOT, CASE and comparisons, not below AND and OR.
//!
//! The engine makes a join of each IN. That of one that stands alone, or negated alone, knows NULL; that of others does not.

use datafusion::{
    common::{
        DFSchema, Result,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::{
        BinaryExpr, Expr, Operator,
        expr::InSubquery,
        utils::{conjunction, split_conjunction_owned},
    },
};

use super::{subquery::named, value};

/// Counts where NULL matters, and names the others' subqueries.
pub(super) fn told_apart(expr: Expr, outer: &DFSchema, alias: &dyn Fn() -> String) -> Result<Transformed<Expr>> {
    if !expr.exists(|expr| Ok(matches!(expr, Expr::InSubquery(_))))? {
        return Ok(Transformed::no(expr));
    }
    let conditions: Vec<Expr> = split_conjunction_owned(expr)
        .into_iter()
        .map(|condition| match condition {
            alone @ Expr::InSubquery(_) => Ok(alone),
            Expr::Not(inner) if matches!(inner.as_ref(), Expr::InSubquery(_)) => Ok(Expr::Not(inner)),
            other => false_is_null(other, outer, alias),
        })
        .collect::<Result<_>>()?;
    match conjunction(conditions) {
        Some(condition) => Ok(Transformed::yes(condition)),
        None => datafusion::common::internal_err!("a condition was lost"),
    }
}

/// A condition of which NULL and false both leave the row out.
fn false_is_null(expr: Expr, outer: &DFSchema, alias: &dyn Fn() -> String) -> Result<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::And | Operator::Or),
            right,
        }) => Ok(Expr::BinaryExpr(BinaryExpr::new(
            Box::new(false_is_null(*left, outer, alias)?),
            op,
            Box::new(false_is_null(*right, outer, alias)?),
        ))),
        Expr::InSubquery(predicate) if !predicate.negated => joined(predicate, alias),
        other => other
            .transform_up(|expr| match expr {
                Expr::InSubquery(predicate) if predicate.subquery.outer_ref_columns.is_empty() => {
                    value::contains(predicate, outer, &alias()).map(Transformed::yes)
                }
                Expr::InSubquery(predicate) => joined(predicate, alias).map(Transformed::yes),
                other => Ok(Transformed::no(other)),
            })
            .map(|rewritten| rewritten.data),
    }
}

fn joined(predicate: InSubquery, alias: &dyn Fn() -> String) -> Result<Expr> {
    Ok(Expr::InSubquery(InSubquery {
        subquery: named(&predicate.subquery, alias())?,
        ..predicate
    }))
}
