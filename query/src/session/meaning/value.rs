//! What is the truth of a subquery predicate where its value is asked for, in a select list or a CASE? It is counted.
//!
//! Conditions that only choose rows become joins; a value must also tell NULL from false (SQL:2016 8.4, 8.9).

use std::sync::Arc;

use datafusion::{
    common::{
        Column, DFSchema, ExprSchema, Result, ScalarValue, Spans,
        tree_node::{Transformed, TreeNode},
    },
    functions_aggregate::expr_fn::{count, max, min},
    logical_expr::{
        Case, Expr, ExprSchemable, Operator, Subquery, binary_expr,
        expr::{Exists, InSubquery, SetComparison, SetQuantifier},
        lit,
    },
};

use super::subquery::renamed;

/// EXISTS as a value.
pub(super) fn exists(exists: Exists, alias: &str) -> Result<Expr> {
    let rows = one_value(&exists.subquery, alias, None, count(lit(1_i64)))?;
    let none = lit(0_i64);
    Ok(if exists.negated { rows.eq(none) } else { rows.gt(none) })
}

/// IN as a value.
pub(super) fn contains(predicate: InSubquery, outer: &DFSchema, alias: &str) -> Result<Expr> {
    let is_in = any(&predicate.expr, &predicate.subquery, Operator::Eq, outer, alias)?;
    Ok(if predicate.negated {
        Expr::Not(Box::new(is_in))
    } else {
        is_in
    })
}

/// A comparison with ANY or ALL as a value.
pub(super) fn compared(comparison: SetComparison, outer: &DFSchema, alias: &str) -> Result<Expr> {
    let SetComparison {
        expr,
        subquery,
        op,
        quantifier,
    } = comparison;
    match quantifier {
        SetQuantifier::Any => any(&expr, &subquery, op, outer, alias),
        // For all is: not for any the contrary.
        SetQuantifier::All => match op.negate() {
            Some(contrary) => Ok(Expr::Not(Box::new(any(&expr, &subquery, contrary, outer, alias)?))),
            None => datafusion::common::not_impl_err!("the operator {op} with ALL"),
        },
    }
}

fn any(operand: &Expr, subquery: &Subquery, op: Operator, outer: &DFSchema, alias: &str) -> Result<Expr> {
    let value = Expr::Column(Column::new_unqualified(alias));
    let extreme = |aggregate| one_value(subquery, alias, None, aggregate);
    let holds = match op {
        Operator::Eq => {
            let found = value.clone().eq(outer_reference(operand, outer)?);
            one_value(subquery, alias, Some(found), count(lit(1_i64)))?.gt(lit(0_i64))
        }
        Operator::NotEq => {
            let differs = |bound: Expr| operand.clone().not_eq(bound);
            differs(extreme(min(value.clone()))?).or(differs(extreme(max(value.clone()))?))
        }
        Operator::Gt | Operator::GtEq => binary_expr(operand.clone(), op, extreme(min(value.clone()))?),
        Operator::Lt | Operator::LtEq => binary_expr(operand.clone(), op, extreme(max(value.clone()))?),
        other => return datafusion::common::not_impl_err!("the operator {other} with ANY"),
    };
    if op == Operator::Eq && !operand.nullable(outer)? && !subquery.subquery.schema().field(0).is_nullable() {
        return Ok(holds);
    }
    let rows = extreme(count(lit(1_i64)))?;
    let unknown = operand.clone().is_null().or(extreme(count(value))?.lt(rows.clone()));
    let truth = |value| Box::new(Expr::Literal(ScalarValue::Boolean(value), None));
    Ok(Expr::Case(Case {
        expr: None,
        when_then_expr: vec![
            (Box::new(rows.eq(lit(0_i64))), truth(Some(false))),
            (Box::new(holds), truth(Some(true))),
            (Box::new(unknown), truth(None)),
        ],
        else_expr: Some(truth(Some(false))),
    }))
}

/// An aggregate over the subquery, which always has one row.
fn one_value(subquery: &Subquery, alias: &str, filter: Option<Expr>, aggregate: Expr) -> Result<Expr> {
    let mut plan = renamed(&subquery.subquery, alias.to_owned())?;
    if let Some(filter) = filter {
        plan = plan.filter(filter)?;
    }
    let plan = plan.aggregate(Vec::<Expr>::new(), [aggregate])?.build()?;
    Ok(Expr::ScalarSubquery(Subquery {
        outer_ref_columns: plan.all_out_ref_exprs(),
        subquery: plan.into(),
        spans: Spans::new(),
    }))
}

/// The operand as the subquery sees it.
fn outer_reference(operand: &Expr, outer: &DFSchema) -> Result<Expr> {
    let referenced = operand.clone().transform_up(|expr| match expr {
        Expr::Column(column) => {
            let field = outer.field_from_column(&column)?;
            Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(referenced.data)
}
