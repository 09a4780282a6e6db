//! What does a dynamic filter say about one column? A set of keys, a range, or nothing: always of more rows than it lets pass.

use std::{cmp::Ordering, collections::HashSet, sync::Arc};

use datafusion::{
    arrow::datatypes::DataType,
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::{
        PhysicalExpr, ScalarFunctionExpr,
        expressions::{BinaryExpr, CaseExpr, InListExpr, IsNullExpr, Literal},
    },
};

use super::lossless::{Narrowed, below_casts, narrowed};

/// The values that a column has in rows that pass; more of them, never fewer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    /// Nothing is known.
    Anything,
    /// None of them NULL. A missing bound is open.
    Within {
        low: Option<ScalarValue>,
        high: Option<ScalarValue>,
    },
    Keys {
        /// None of them NULL.
        values: HashSet<ScalarValue>,
        null: bool,
    },
}

impl Found {
    /// No row passes.
    fn never() -> Self {
        Self::Keys {
            values: HashSet::new(),
            null: false,
        }
    }

    /// What holds where both hold: the narrower, or the first where that cannot be told.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Anything, other) | (other, Self::Anything) => other,
            (keys @ Self::Keys { .. }, _) | (_, keys @ Self::Keys { .. }) => keys,
            (Self::Within { low, high }, Self::Within { low: from, high: to }) => Self::Within {
                low: low.or(from),
                high: high.or(to),
            },
        }
    }

    /// What holds where one of them holds.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Keys { mut values, null },
                Self::Keys {
                    values: more,
                    null: also,
                },
            ) => {
                values.extend(more);
                Self::Keys {
                    values,
                    null: null || also,
                }
            }
            (Self::Within { low, high }, Self::Within { low: from, high: to }) => Self::Within {
                low: outer(low, from, Ordering::Less),
                high: outer(high, to, Ordering::Greater),
            },
            // No row passes one side: the other is all.
            (Self::Keys { values, null: false }, other) | (other, Self::Keys { values, null: false })
                if values.is_empty() =>
            {
                other
            }
            _ => Self::Anything,
        }
    }
}

/// Of two bounds the one that leaves more; open if one is, or if they cannot be compared.
fn outer(one: Option<ScalarValue>, other: Option<ScalarValue>, wider: Ordering) -> Option<ScalarValue> {
    let (one, other) = (one?, other?);
    let order = one.partial_cmp(&other)?;
    Some(if order == wider { one } else { other })
}

/// What `expr`, over the input of a join, says about the column with this number, which holds values of this type.
pub(super) fn of(expr: &Arc<dyn PhysicalExpr>, at: usize, data_type: &DataType) -> Found {
    let column = Asked { at, data_type };
    column.says(expr)
}

struct Asked<'a> {
    at: usize,
    data_type: &'a DataType,
}

impl Asked<'_> {
    fn says(&self, expr: &Arc<dyn PhysicalExpr>) -> Found {
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            return self.binary(binary);
        }
        if let Some(list) = expr.downcast_ref::<InListExpr>() {
            return self.list(list);
        }
        if let Some(null) = expr.downcast_ref::<IsNullExpr>() {
            return if self.is(null.arg()) {
                Found::Keys {
                    values: HashSet::new(),
                    null: true,
                }
            } else {
                Found::Anything
            };
        }
        if let Some(case) = expr.downcast_ref::<CaseExpr>() {
            // By the partition of the key: which one it is of is not looked at.
            let branches = case.when_then_expr().iter().map(|(_, then)| self.says(then));
            let otherwise = case.else_expr().map_or_else(Found::never, |expr| self.says(expr));
            return branches.fold(otherwise, Found::or);
        }
        match expr.downcast_ref::<Literal>().map(Literal::value) {
            Some(ScalarValue::Boolean(Some(false))) => Found::never(),
            _ => Found::Anything,
        }
    }

    fn binary(&self, binary: &BinaryExpr) -> Found {
        match binary.op() {
            Operator::And => self.says(binary.left()).and(self.says(binary.right())),
            Operator::Or => self.says(binary.left()).or(self.says(binary.right())),
            op @ (Operator::GtEq | Operator::LtEq) if self.is(binary.left()) => {
                let bound = binary.right().downcast_ref::<Literal>().map(Literal::value);
                match bound.map(|bound| narrowed(bound, self.data_type)) {
                    Some(Narrowed::Value(bound)) if !bound.is_null() => match op {
                        Operator::GtEq => Found::Within {
                            low: Some(bound),
                            high: None,
                        },
                        _ => Found::Within {
                            low: None,
                            high: Some(bound),
                        },
                    },
                    _ => Found::Anything,
                }
            }
            _ => Found::Anything,
        }
    }

    fn list(&self, list: &InListExpr) -> Found {
        if list.negated() {
            return Found::Anything;
        }
        let Some(member) = self.member(list.expr()) else {
            return Found::Anything;
        };
        let mut values = HashSet::new();
        for item in list.list() {
            let literal = item.downcast_ref::<Literal>().map(Literal::value);
            match literal.and_then(|literal| self.value(literal, member)) {
                Some(Narrowed::Value(value)) if !value.is_null() => _ = values.insert(value),
                // NULL equals no key, and a key that the column cannot hold equals none of its values.
                Some(Narrowed::Value(_) | Narrowed::Never) => {}
                Some(Narrowed::Unknown) | None => return Found::Anything,
            }
        }
        Found::Keys { values, null: false }
    }

    /// Where this column stands in what a list compares: the whole, or a member of a row of keys.
    fn member(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<Option<usize>> {
        if self.is(expr) {
            return Some(None);
        }
        let row = expr.downcast_ref::<ScalarFunctionExpr>()?;
        if row.name() != "struct" {
            return None;
        }
        row.args().iter().position(|arg| self.is(arg)).map(Some)
    }

    fn value(&self, value: &ScalarValue, member: Option<usize>) -> Option<Narrowed> {
        let Some(member) = member else {
            return Some(narrowed(value, self.data_type));
        };
        let ScalarValue::Struct(row) = value else {
            return None;
        };
        let value = ScalarValue::try_from_array(row.columns().get(member)?, 0).ok()?;
        Some(narrowed(&value, self.data_type))
    }

    fn is(&self, expr: &Arc<dyn PhysicalExpr>) -> bool {
        below_casts(expr) == Some(self.at)
    }
}

#[cfg(test)]
mod tests;
