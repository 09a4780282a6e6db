//! How is a condition for sources written as an engine expression? For pruning files, partitions and row groups.

use datafusion::{
    arrow::datatypes::Schema,
    common::ScalarValue,
    logical_expr::{Between, Expr, Like, Operator, expr::InList, lit},
};
use lakegate_connectors::{
    predicate::{CompareOp, Predicate},
    scan::ColumnRef,
};

use super::row_filter::{binary, raw_column, text_literal};

/// The same condition over the columns of `raw` by name; `None` for what the engine has no form of.
pub(super) fn expression(predicate: &Predicate, raw: &Schema) -> Option<Expr> {
    Some(match predicate {
        Predicate::True => lit(true),
        Predicate::False => lit(false),
        Predicate::And(parts) => joined(parts, Operator::And, raw)?,
        Predicate::Or(parts) => joined(parts, Operator::Or, raw)?,
        Predicate::Not(part) => Expr::Not(Box::new(expression(part, raw)?)),
        Predicate::Compare {
            column: name,
            op,
            value,
        } => binary(column(name), operator(*op), literal(&value.0)),
        Predicate::Between {
            column: name,
            low,
            high,
        } => {
            let (low, high) = (Box::new(literal(&low.0)), Box::new(literal(&high.0)));
            Expr::Between(Between::new(Box::new(column(name)), false, low, high))
        }
        Predicate::IsNull {
            column: name,
            negated: false,
        } => Expr::IsNull(Box::new(column(name))),
        Predicate::IsNull {
            column: name,
            negated: true,
        } => Expr::IsNotNull(Box::new(column(name))),
        Predicate::InSet {
            column: name,
            values,
            or_null,
        } => {
            let list = (0..values.len())
                .map(|row| ScalarValue::try_from_array(values, row))
                .collect::<Result<Vec<_>, _>>()
                .ok()?;
            let list = list.into_iter().map(|value| literal(&value)).collect();
            let within = Expr::InList(InList::new(Box::new(column(name)), list, false));
            if *or_null {
                binary(within, Operator::Or, Expr::IsNull(Box::new(column(name))))
            } else {
                within
            }
        }
        Predicate::Like { column: name, pattern } => {
            // Only the prefix form prunes; others may need a matcher that can fail on long patterns.
            pattern.prefix()?;
            // In the layout of the column: nothing converts it any more.
            let data_type = raw.field_with_name(name.column.as_str()).ok()?.data_type();
            let pattern = text_literal(&pattern.to_sql(), data_type)?;
            Expr::Like(Like::new(
                false,
                Box::new(column(name)),
                Box::new(literal(&pattern)),
                None,
                false,
            ))
        }
        Predicate::Call { .. } => return None,
    })
}

/// Conjuncts, so that one without a form does not take the others with it.
pub(super) fn conjuncts(predicate: &Predicate, raw: &Schema) -> Vec<Expr> {
    match predicate {
        Predicate::True => Vec::new(),
        Predicate::And(parts) => parts.iter().flat_map(|part| conjuncts(part, raw)).collect(),
        other => expression(other, raw).into_iter().collect(),
    }
}

fn joined(parts: &[Predicate], operator: Operator, raw: &Schema) -> Option<Expr> {
    let parts: Vec<Expr> = parts.iter().map(|part| expression(part, raw)).collect::<Option<_>>()?;
    Some(
        parts
            .into_iter()
            .reduce(|left, right| binary(left, operator, right))
            .unwrap_or_else(|| lit(operator == Operator::And)),
    )
}

fn column(name: &ColumnRef) -> Expr {
    raw_column(name.column.as_str())
}

fn literal(value: &ScalarValue) -> Expr {
    Expr::Literal(value.clone(), None)
}

fn operator(op: CompareOp) -> Operator {
    match op {
        CompareOp::Eq => Operator::Eq,
        CompareOp::NotEq => Operator::NotEq,
        CompareOp::Lt => Operator::Lt,
        CompareOp::LtEq => Operator::LtEq,
        CompareOp::Gt => Operator::Gt,
        CompareOp::GtEq => Operator::GtEq,
    }
}
