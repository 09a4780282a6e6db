//! Which conditions of a user may run next to the policy filter? A closed grammar that can neither fail nor tell.
//!
//! governance.md §6.1: AND, OR, NOT over column ⊙ literal of identical type, IN of literals, BETWEEN, IS [NOT] NULL and
//! LIKE 'prefix%', on columns that are clear on every visible row. Everything else runs above the barrier.

use datafusion::{
    arrow::datatypes::DataType,
    common::ScalarValue,
    logical_expr::{BinaryExpr, Expr, Operator},
};
use lakegate_connectors::{
    predicate::{CompareOp, LikePattern, Predicate},
    scan::ColumnRef,
};

use super::row_filter::{flipped, in_set, text_literal};

/// What a clear column is called below the barrier, and its type there. `None`: not to be read by user conditions.
pub(super) trait ClearColumns {
    fn clear(&self, visible: &str) -> Option<(&str, &DataType)>;
}

/// The condition in the closed language; `None` if it is not leakproof.
pub(super) fn translate(expr: &Expr, columns: &dyn ClearColumns) -> Option<Predicate> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::And => Some(Predicate::And(vec![
                translate(left, columns)?,
                translate(right, columns)?,
            ])),
            Operator::Or => Some(Predicate::Or(vec![
                translate(left, columns)?,
                translate(right, columns)?,
            ])),
            op => comparison(left, compare_op(*op)?, right, columns),
        },
        // What the optimizer makes of conditions that it has handed over before.
        Expr::Literal(ScalarValue::Boolean(Some(holds)), _) => {
            Some(if *holds { Predicate::True } else { Predicate::False })
        }
        Expr::Column(_) => {
            let (column, data_type) = column(expr, columns)?;
            (*data_type == DataType::Boolean).then(|| Predicate::Compare {
                column,
                op: CompareOp::Eq,
                value: ScalarValue::Boolean(Some(true)).into(),
            })
        }
        Expr::Not(part) => Some(Predicate::Not(Box::new(translate(part, columns)?))),
        Expr::IsNull(part) => Some(Predicate::IsNull {
            column: column(part, columns)?.0,
            negated: false,
        }),
        Expr::IsNotNull(part) => Some(Predicate::IsNull {
            column: column(part, columns)?.0,
            negated: true,
        }),
        Expr::Between(between) => {
            let (column, data_type) = column(&between.expr, columns)?;
            let (low, high) = (literal(&between.low, data_type)?, literal(&between.high, data_type)?);
            Some(negated(
                Predicate::Between {
                    column,
                    low: low.into(),
                    high: high.into(),
                },
                between.negated,
            ))
        }
        Expr::InList(list) => {
            let (column, data_type) = column(&list.expr, columns)?;
            let values = list
                .list
                .iter()
                .map(|value| literal(value, data_type))
                .collect::<Option<Vec<_>>>()?;
            if values.is_empty() {
                return None;
            }
            Some(negated(in_set(column, values)?, list.negated))
        }
        Expr::Like(like) if !like.case_insensitive && like.escape_char.is_none() => {
            let (column, data_type) = column(&like.expr, columns)?;
            let pattern = text(literal(&like.pattern, data_type)?)?;
            // The engine's default escape is the backslash; a pattern with one is not of the prefix form here.
            let pattern = if pattern.contains('\\') {
                return None;
            } else {
                LikePattern::parse(&pattern, None).ok()?
            };
            pattern.prefix()?;
            Some(negated(Predicate::Like { column, pattern }, like.negated))
        }
        _ => None,
    }
}

fn comparison(left: &Expr, op: CompareOp, right: &Expr, columns: &dyn ClearColumns) -> Option<Predicate> {
    let ((column, data_type), op, value) = match (column(left, columns), column(right, columns)) {
        (Some(found), None) => (found, op, right),
        (None, Some(found)) => (found, flipped(op), left),
        _ => return None,
    };
    Some(Predicate::Compare {
        column,
        op,
        value: literal(value, data_type)?.into(),
    })
}

fn column<'a>(expr: &Expr, columns: &'a dyn ClearColumns) -> Option<(ColumnRef, &'a DataType)> {
    match expr {
        Expr::Column(name) => columns
            .clear(&name.name)
            .map(|(raw, data_type)| (ColumnRef::of(raw), data_type)),
        _ => None,
    }
}

/// A literal of exactly this type, not NULL: what NULL makes of a condition is left to the engine. A text is one in whatever
/// form.
fn literal(expr: &Expr, data_type: &DataType) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) if value.is_null() => None,
        Expr::Literal(value, _) if value.data_type() == *data_type => Some(value.clone()),
        Expr::Literal(value, _) => text_literal(&text(value.clone())?, data_type),
        _ => None,
    }
}

fn text(value: ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => text,
        _ => None,
    }
}

fn negated(predicate: Predicate, negated: bool) -> Predicate {
    if negated {
        Predicate::Not(Box::new(predicate))
    } else {
        predicate
    }
}

fn compare_op(op: Operator) -> Option<CompareOp> {
    Some(match op {
        Operator::Eq => CompareOp::Eq,
        Operator::NotEq => CompareOp::NotEq,
        Operator::Lt => CompareOp::Lt,
        Operator::LtEq => CompareOp::LtEq,
        Operator::Gt => CompareOp::Gt,
        Operator::GtEq => CompareOp::GtEq,
        _ => return None,
    })
}

#[cfg(test)]
mod meaning;

#[cfg(test)]
mod tests {
    use datafusion::prelude::{cast, col, concat, lit};

    use super::*;

    struct Clear;

    impl ClearColumns for Clear {
        fn clear(&self, visible: &str) -> Option<(&str, &DataType)> {
            match visible {
                "id" => Some(("raw_id", &DataType::Int64)),
                "region" => Some(("region", &DataType::Utf8)),
                "city" => Some(("city", &DataType::Utf8View)),
                _ => None,
            }
        }
    }

    #[test]
    fn only_the_closed_grammar_passes() {
        let yes = [
            col("id").gt(lit(1_i64)),
            lit(1_i64).lt_eq(col("id")).and(!col("region").is_null()),
            col("region").in_list(vec![lit("DE"), lit("FR")], true),
            col("id")
                .between(lit(1_i64), lit(2_i64))
                .or(col("region").like(lit("D%"))),
            col("orders.region").eq(lit("DE")),
            col("city").eq(lit("Rom")).or(col("city").like(lit("R%"))),
            lit(true).or(lit(false)),
        ];
        for expr in yes {
            assert!(translate(&expr, &Clear).is_some(), "{expr}");
        }
        let no = [
            col("id").gt(lit(1_i32)),
            col("ssn").eq(lit("x")),
            col("id").eq(col("id")),
            (lit(10_i64) / col("id")).gt(lit(1_i64)),
            cast(col("region"), DataType::Int64).eq(lit(1_i64)),
            concat(vec![col("region"), lit("")]).eq(lit("DE")),
            col("region").like(lit("%E")),
            col("region").like(lit("D\\%")),
            col("region").ilike(lit("d%")),
            col("id").eq(lit(ScalarValue::Int64(None))),
            col("id").is_true(),
        ];
        for expr in no {
            assert!(translate(&expr, &Clear).is_none(), "{expr}");
        }
    }
}
