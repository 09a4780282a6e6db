//! Which condition that sources and pruning understand holds wherever a Cedar body does? Never a narrower one.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use lakegate_connectors::{
    predicate::{CompareOp, LikePattern, Predicate},
    scan::ColumnRef,
};
use lakegate_policy::{Comparison, RowExpr, RowRead, RowValue};

use super::{
    emit::{like, literal},
    path,
};
use crate::govern::row_filter::{all, any, flipped, in_set};

const DAY_MS: i64 = 86_400_000;

/// Translates one condition; what has no translation is `True`.
pub(super) struct Pruner<'a> {
    pub(super) columns: &'a [(String, DataType)],
    /// The source's column for a top-level name; `None`: do not push conditions on it.
    pub(super) column: &'a dyn Fn(&str) -> Option<ColumnRef>,
}

impl Pruner<'_> {
    /// A condition that is TRUE on every row where `expr` is `wanted`.
    pub(super) fn wherever(&self, expr: &RowExpr, wanted: bool) -> Predicate {
        let each = |parts: &[RowExpr]| parts.iter().map(|part| self.wherever(part, wanted)).collect();
        match expr {
            RowExpr::Value(RowValue::Boolean(value)) if *value == wanted => Predicate::True,
            // Neither TRUE nor FALSE, or the other of the two.
            RowExpr::Value(_) | RowExpr::Error(_) => Predicate::False,
            RowExpr::Not(inner) => self.wherever(inner, !wanted),
            RowExpr::All(parts) if wanted => all(each(parts)),
            RowExpr::Any(parts) if !wanted => all(each(parts)),
            RowExpr::All(parts) | RowExpr::Any(parts) => any(each(parts)),
            RowExpr::If(parts) => {
                let [condition, then, otherwise] = parts.as_ref();
                let branch = |holds: bool, branch: &RowExpr| {
                    all(vec![self.wherever(condition, holds), self.wherever(branch, wanted)])
                };
                any(vec![branch(true, then), branch(false, otherwise)])
            }
            leaf => self.leaf(leaf, wanted).unwrap_or(Predicate::True),
        }
    }

    /// Is `expr` `wanted` on every row where [`Pruner::wherever`] holds? `false` where that is not plain to see.
    pub(super) fn is_exact(&self, expr: &RowExpr, wanted: bool) -> bool {
        let every = |parts: &[RowExpr]| parts.iter().all(|part| self.is_exact(part, wanted));
        match expr {
            RowExpr::Value(_) | RowExpr::Error(_) => true,
            RowExpr::Not(inner) => self.is_exact(inner, !wanted),
            RowExpr::All(parts) if wanted => every(parts),
            RowExpr::Any(parts) if !wanted => every(parts),
            // One part may hold where another, before it, raises an error.
            RowExpr::All(_) | RowExpr::Any(_) | RowExpr::If(_) => false,
            RowExpr::Compare(_, sides) => match sides.as_ref() {
                [RowExpr::Column { read, .. }, RowExpr::Value(value)]
                | [RowExpr::Value(value), RowExpr::Column { read, .. }] => {
                    let source = self.source(read);
                    // Sources disagree about −0.0 and NaN; moments are compared in other units.
                    source
                        .is_some_and(|(_, data_type)| !data_type.is_floating() && literal(value, &data_type).is_some())
                }
                _ => false,
            },
            RowExpr::Within(sides) => match sides.as_ref() {
                [RowExpr::Value(RowValue::Set(_)), RowExpr::Column { read, .. }] => {
                    let floating = self.source(read).is_none_or(|(_, data_type)| data_type.is_floating());
                    !floating && self.leaf(expr, wanted).is_some()
                }
                _ => false,
            },
            leaf => self.leaf(leaf, wanted).is_some(),
        }
    }

    fn leaf(&self, expr: &RowExpr, wanted: bool) -> Option<Predicate> {
        match expr {
            RowExpr::Present(read) => Some(Predicate::IsNull {
                column: self.source(read)?.0,
                negated: wanted,
            }),
            RowExpr::Column { read, .. } => {
                let (column, _) = self.source(read)?;
                Some(compare(column, CompareOp::Eq, ScalarValue::Boolean(Some(wanted))))
            }
            RowExpr::Compare(comparison, sides) => match sides.as_ref() {
                [RowExpr::Column { read, .. }, RowExpr::Value(value)] => {
                    self.comparison(read, directed(op(*comparison), wanted), value)
                }
                [RowExpr::Value(value), RowExpr::Column { read, .. }] => {
                    self.comparison(read, directed(flipped(op(*comparison)), wanted), value)
                }
                _ => None,
            },
            RowExpr::Within(sides) => match sides.as_ref() {
                [RowExpr::Value(RowValue::Set(set)), RowExpr::Column { read, .. }] => self.within(read, set, wanted),
                _ => None,
            },
            RowExpr::Like(inner, pattern) => match inner.as_ref() {
                RowExpr::Column { read, .. } => {
                    let pattern = LikePattern::parse(&like(pattern), Some('\\')).ok()?;
                    let column = self.source(read)?.0;
                    Some(asked(Predicate::Like { column, pattern }, wanted))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The column of the source, if the leaf is a whole column.
    fn source(&self, read: &RowRead) -> Option<(ColumnRef, DataType)> {
        let place = path::place(self.columns, &read.path).filter(|place| place.fields.is_empty())?;
        let (name, data_type) = self.columns.get(place.column)?;
        Some(((self.column)(name)?, data_type.clone()))
    }

    fn within(&self, read: &RowRead, set: &[RowValue], wanted: bool) -> Option<Predicate> {
        if set.is_empty() {
            // `contains` of the empty set is FALSE.
            return Some(if wanted { Predicate::False } else { Predicate::True });
        }
        let (column, data_type) = self.source(read)?;
        let values: Vec<ScalarValue> = set
            .iter()
            .map(|value| literal(value, &data_type))
            .collect::<Option<_>>()?;
        Some(asked(in_set(column, values)?, wanted))
    }

    fn comparison(&self, read: &RowRead, op: CompareOp, value: &RowValue) -> Option<Predicate> {
        let (column, data_type) = self.source(read)?;
        if let Some(exact) = literal(value, &data_type) {
            return Some(compare(column, op, exact));
        }
        let RowValue::Moment(ms) = value else { return None };
        self.moment(column, &data_type, op, *ms)
    }

    /// A moment beside a column with another unit. Columns are rounded down to milliseconds, so that one millisecond is the
    /// interval of units from `first` to `last`.
    fn moment(&self, column: ColumnRef, data_type: &DataType, op: CompareOp, ms: i64) -> Option<Predicate> {
        let (first, last) = match data_type {
            DataType::Timestamp(TimeUnit::Microsecond, _) => interval(ms, 1_000)?,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => interval(ms, 1_000_000)?,
            // The day or second in which the moment lies: nothing before it is later, nothing after it is earlier.
            DataType::Date32 => (ms.div_euclid(DAY_MS), ms.div_euclid(DAY_MS)),
            DataType::Timestamp(TimeUnit::Second, _) => (ms.div_euclid(1_000), ms.div_euclid(1_000)),
            _ => return None,
        };
        let bound = |op, units| Some(compare(column.clone(), op, unit(units, data_type)?));
        match op {
            CompareOp::Lt | CompareOp::LtEq => bound(CompareOp::LtEq, last),
            CompareOp::Gt | CompareOp::GtEq => bound(CompareOp::GtEq, first),
            CompareOp::Eq => Some(all(vec![bound(CompareOp::GtEq, first)?, bound(CompareOp::LtEq, last)?])),
            CompareOp::NotEq => None,
        }
    }
}

/// The units of a finer type that are rounded down to `ms`.
fn interval(ms: i64, per_ms: i64) -> Option<(i64, i64)> {
    let first = ms.checked_mul(per_ms)?;
    Some((first, first.checked_add(per_ms - 1)?))
}

fn unit(units: i64, data_type: &DataType) -> Option<ScalarValue> {
    Some(match data_type {
        DataType::Date32 => ScalarValue::Date32(Some(i32::try_from(units).ok()?)),
        DataType::Timestamp(TimeUnit::Second, zone) => ScalarValue::TimestampSecond(Some(units), zone.clone()),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            ScalarValue::TimestampMicrosecond(Some(units), zone.clone())
        }
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => ScalarValue::TimestampNanosecond(Some(units), zone.clone()),
        _ => return None,
    })
}

/// Where the condition is TRUE, or where it is FALSE.
fn asked(condition: Predicate, wanted: bool) -> Predicate {
    if wanted {
        condition
    } else {
        Predicate::Not(Box::new(condition))
    }
}

fn compare(column: ColumnRef, op: CompareOp, value: ScalarValue) -> Predicate {
    Predicate::Compare {
        column,
        op,
        value: value.into(),
    }
}

fn op(comparison: Comparison) -> CompareOp {
    match comparison {
        Comparison::Equal => CompareOp::Eq,
        Comparison::NotEqual => CompareOp::NotEq,
        Comparison::Less => CompareOp::Lt,
        Comparison::LessOrEqual => CompareOp::LtEq,
        Comparison::Greater => CompareOp::Gt,
        Comparison::GreaterOrEqual => CompareOp::GtEq,
    }
}

/// The operator that is TRUE where this one is TRUE, or where it is FALSE.
fn directed(op: CompareOp, wanted: bool) -> CompareOp {
    match op {
        op if wanted => op,
        CompareOp::Eq => CompareOp::NotEq,
        CompareOp::NotEq => CompareOp::Eq,
        CompareOp::Lt => CompareOp::GtEq,
        CompareOp::LtEq => CompareOp::Gt,
        CompareOp::Gt => CompareOp::LtEq,
        CompareOp::GtEq => CompareOp::Lt,
    }
}
