//! Where does a condition tell NULL from false about `x IN (subquery)`? Below NOT, CASE, IS and comparisons; there it is written out.
//!
//! The engine joins each IN of a condition. A join knows NULL for a NOT IN that stands alone and is not correlated, and it need not
//! for an IN under nothing but AND and OR, since NULL and false both leave the row out. All others become (SQL:2016 8.4)
//! `CASE WHEN EXISTS (… = x) THEN true WHEN EXISTS (… IS NULL) OR x IS NULL AND EXISTS (…) THEN NULL ELSE false END`:
//! the truth of EXISTS has two values, and its join has them too. What cannot be written so is refused.

mod asked;
mod correlated;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use datafusion::{
    common::{
        DFSchema, DataFusionError, JoinType, Result,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::{
        BinaryExpr, Expr, Filter, Join, LogicalPlan, Operator,
        expr::{InSubquery, SetComparison, SetQuantifier},
        utils::{conjunction, split_conjunction_owned},
    },
    optimizer::AnalyzerRule,
};

use crate::{
    error::{ErrorCode, QueryError},
    session::membership::asked::Asked,
};

/// Gives IN its third truth value.
#[derive(Debug)]
pub struct Membership;

impl AnalyzerRule for Membership {
    fn name(&self) -> &'static str {
        "three_valued_membership"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let names = AtomicUsize::new(0);
        let alias = || format!("__set_{}", names.fetch_add(1, Ordering::Relaxed) + 1);
        let plan = plan.transform_up_with_subqueries(|plan| node(plan, &alias))?;
        Ok(plan.data)
    }
}

/// Names for the sets, each of its own.
type Alias<'a> = &'a dyn Fn() -> String;

fn node(plan: LogicalPlan, alias: Alias<'_>) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Filter(filter) if has_membership(&filter.predicate)? => {
            let predicate = condition(filter.predicate, filter.input.schema(), alias)?;
            Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(
                predicate,
                filter.input,
            )?)))
        }
        LogicalPlan::Join(join) if join.filter.as_ref().map_or(Ok(false), has_membership)? => joined(join, alias),
        other => Ok(Transformed::no(other)),
    }
}

fn has_membership(expr: &Expr) -> Result<bool> {
    expr.exists(|expr| Ok(matches!(expr, Expr::InSubquery(_)) || equality(expr).is_some()))
}

/// `= ANY` is IN and `<> ALL` is NOT IN.
fn equality(expr: &Expr) -> Option<InSubquery> {
    let Expr::SetComparison(SetComparison {
        expr,
        subquery,
        op,
        quantifier,
    }) = expr
    else {
        return None;
    };
    let negated = match (op, quantifier) {
        (Operator::Eq, SetQuantifier::Any) => false,
        (Operator::NotEq, SetQuantifier::All) => true,
        _ => return None,
    };
    Some(InSubquery::new(expr.clone(), subquery.clone(), negated))
}

/// A condition of ON is moved above an inner join, where it means the same. Those of outer joins stay.
fn joined(join: Join, alias: Alias<'_>) -> Result<Transformed<LogicalPlan>> {
    let mut join = join;
    let conditions = join.filter.take().map(split_conjunction_owned).unwrap_or_default();
    let (above, inside): (Vec<Expr>, Vec<Expr>) = conditions
        .into_iter()
        .partition(|condition| has_membership(condition).unwrap_or(true));
    if join.join_type != JoinType::Inner {
        return Err(refusal(
            "IN (subquery) in the ON condition of an outer join is not supported; compute it in a subquery of FROM",
        ));
    }
    join.filter = conjunction(inside);
    let Some(predicate) = conjunction(above) else {
        return datafusion::common::internal_err!("a condition was lost");
    };
    let predicate = condition(predicate, &join.schema, alias)?;
    let filter = Filter::try_new(predicate, Arc::new(LogicalPlan::Join(join)))?;
    Ok(Transformed::yes(LogicalPlan::Filter(filter)))
}

/// What a statement asks for and cannot have.
fn refusal(text: &str) -> DataFusionError {
    DataFusionError::External(Box::new(QueryError::new(ErrorCode::NotSupported, text)))
}

/// A condition as the engine computes it right.
fn condition(predicate: Expr, outer: &DFSchema, alias: Alias<'_>) -> Result<Expr> {
    let predicate = predicate
        .transform_up(|expr| match equality(&expr) {
            Some(membership) => Ok(Transformed::yes(Expr::InSubquery(membership))),
            None => Ok(Transformed::no(expr)),
        })?
        .data;
    let terms = split_conjunction_owned(predicate)
        .into_iter()
        .map(|term| match alone(&term) {
            Some(membership) => standing_alone(term, &membership, outer, alias),
            None => chosen(term, outer, alias),
        })
        .collect::<Result<Vec<_>>>()?;
    match conjunction(terms) {
        Some(condition) => Ok(condition),
        None => datafusion::common::internal_err!("a condition was lost"),
    }
}

/// A term that is nothing but a membership, or its negation.
fn alone(term: &Expr) -> Option<InSubquery> {
    match term {
        Expr::InSubquery(membership) => Some(membership.clone()),
        Expr::Not(inner) => match inner.as_ref() {
            Expr::InSubquery(membership) => {
                let mut membership = membership.clone();
                membership.negated = !membership.negated;
                Some(membership)
            }
            _ => None,
        },
        _ => None,
    }
}

/// The engine's anti join knows NULL, but compares one pair of columns only.
fn standing_alone(term: Expr, membership: &InSubquery, outer: &DFSchema, alias: Alias<'_>) -> Result<Expr> {
    if !membership.negated || (!Asked::is_correlated(membership) && membership.expr.any_column_refs()) {
        return Ok(term);
    }
    Asked::of(membership, outer, alias())?.is_certainly_missing()
}

/// A term of which NULL and false both leave the row out.
fn chosen(term: Expr, outer: &DFSchema, alias: Alias<'_>) -> Result<Expr> {
    match term {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::And | Operator::Or),
            right,
        }) => Ok(Expr::BinaryExpr(BinaryExpr::new(
            Box::new(chosen(*left, outer, alias)?),
            op,
            Box::new(chosen(*right, outer, alias)?),
        ))),
        Expr::InSubquery(membership) if !membership.negated => Ok(Expr::InSubquery(membership)),
        other => {
            let told = other.transform_up(|expr| match expr {
                Expr::InSubquery(membership) => Asked::of(&membership, outer, alias())?.value().map(Transformed::yes),
                other => Ok(Transformed::no(other)),
            })?;
            Ok(told.data)
        }
    }
}
