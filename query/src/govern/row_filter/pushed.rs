//! Which condition that sources and pruning understand holds wherever a filter body does? Never a narrower one.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use lakegate_connectors::{
    predicate::{CompareOp, Predicate},
    scan::ColumnRef,
};

use super::{
    FilterInputs,
    emit::set_of,
    literal,
    syntax::Comparison,
    typed::{Typed, TypedKind, TypedTest, TypedValue},
};

/// Larger sets stay here: no source is sent a statement of a megabyte.
const MOST_PUSHED: usize = 1_000;

/// Translates one body for one statement; what has no translation is `True`.
pub(super) struct Pusher<'a> {
    pub(super) inputs: &'a FilterInputs,
    /// The values of the mappings.
    pub(super) sets: &'a [Option<Arc<[ScalarValue]>>],
    /// The source's column for a name of the body; `None`: do not push conditions on it.
    pub(super) column: &'a dyn Fn(&str) -> Option<ColumnRef>,
}

impl Pusher<'_> {
    /// A condition that is TRUE wherever `condition` is TRUE.
    pub(super) fn superset(&self, condition: &Typed) -> Predicate {
        match condition {
            Typed::And(parts) => all(parts.iter().map(|part| self.superset(part)).collect()),
            Typed::Or(parts) => any(parts.iter().map(|part| self.superset(part)).collect()),
            Typed::Not(_) | Typed::Constant(_) | Typed::Test { .. } => self.exact(condition).unwrap_or(Predicate::True),
        }
    }

    /// A condition with the same outcome on every row, NULL included.
    pub(super) fn exact(&self, condition: &Typed) -> Option<Predicate> {
        match condition {
            Typed::And(parts) => parts
                .iter()
                .map(|part| self.exact(part))
                .collect::<Option<_>>()
                .map(Predicate::And),
            Typed::Or(parts) => parts
                .iter()
                .map(|part| self.exact(part))
                .collect::<Option<_>>()
                .map(Predicate::Or),
            Typed::Not(part) => Some(Predicate::Not(Box::new(self.exact(part)?))),
            Typed::Constant(true) => Some(Predicate::True),
            Typed::Constant(false) => Some(Predicate::False),
            Typed::Test { left, test, negated } => {
                let test = self.test(left, test)?;
                Some(match test {
                    Predicate::IsNull { column, .. } => Predicate::IsNull {
                        column,
                        negated: *negated,
                    },
                    test if *negated => Predicate::Not(Box::new(test)),
                    test => test,
                })
            }
        }
    }

    fn test(&self, left: &TypedValue, test: &TypedTest) -> Option<Predicate> {
        // Here −0.0 lies before 0.0 and every NaN is the greatest; sources, partitions and statistics disagree about both.
        if left.data_type.is_floating() && !matches!(test, TypedTest::IsNull) {
            return None;
        }
        if let TypedTest::Compare(comparison, right) = test {
            return match (self.column(left), self.column(right)) {
                (Some(column), None) => Some(compare(column, op(*comparison), self.literal(right)?)),
                (None, Some(column)) => Some(compare(column, flipped(op(*comparison)), self.literal(left)?)),
                _ => None,
            };
        }
        let column = self.column(left)?;
        match test {
            TypedTest::Between(low, high) => Some(Predicate::Between {
                column,
                low: self.literal(low)?.into(),
                high: self.literal(high)?.into(),
            }),
            TypedTest::InList(list) => in_set(column, list.iter().cloned()),
            TypedTest::InMapping(at) => {
                let values = set_of(self.sets, *at, &left.data_type)?;
                let few = !values.is_empty() && values.len() <= MOST_PUSHED;
                few.then(|| in_set(column, values)).flatten()
            }
            TypedTest::InTag(key) => {
                let values = self.inputs.tags.get(key).filter(|values| !values.is_empty())?;
                in_set(
                    column,
                    values.iter().filter_map(|value| literal::text(value, &left.data_type)),
                )
            }
            TypedTest::Like(pattern) => Some(Predicate::Like {
                column,
                pattern: pattern.clone(),
            }),
            TypedTest::IsNull => Some(Predicate::IsNull { column, negated: false }),
            TypedTest::Compare(..) | TypedTest::IsBoolean(_) => None,
        }
    }

    fn column(&self, value: &TypedValue) -> Option<ColumnRef> {
        match &value.kind {
            TypedKind::Column(name) => (self.column)(name),
            _ => None,
        }
    }

    fn literal(&self, value: &TypedValue) -> Option<ScalarValue> {
        match &value.kind {
            TypedKind::Literal(literal) => Some(literal.clone()),
            TypedKind::Attribute(attribute) => self.inputs.attribute(*attribute, value),
            _ => None,
        }
    }
}

/// Conjunction without what is always true.
pub(crate) fn all(parts: Vec<Predicate>) -> Predicate {
    let mut parts: Vec<Predicate> = parts
        .into_iter()
        .filter(|part| !matches!(part, Predicate::True))
        .collect();
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, None) => Predicate::True,
        (_, Some(last)) => {
            parts.push(last);
            if parts.iter().any(|part| matches!(part, Predicate::False)) {
                Predicate::False
            } else {
                Predicate::And(parts)
            }
        }
    }
}

/// Disjunction without what is never true.
pub(crate) fn any(parts: Vec<Predicate>) -> Predicate {
    let mut parts: Vec<Predicate> = parts
        .into_iter()
        .filter(|part| !matches!(part, Predicate::False))
        .collect();
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, None) => Predicate::False,
        (_, Some(last)) => {
            parts.push(last);
            if parts.iter().any(|part| matches!(part, Predicate::True)) {
                Predicate::True
            } else {
                Predicate::Or(parts)
            }
        }
    }
}

/// The widest condition over the wanted columns only that holds wherever `predicate` does.
pub(crate) fn relaxed(predicate: &Predicate, wanted: &dyn Fn(&ColumnRef) -> bool) -> Predicate {
    match predicate {
        Predicate::And(parts) => all(parts.iter().map(|part| relaxed(part, wanted)).collect()),
        Predicate::Or(parts) => any(parts.iter().map(|part| relaxed(part, wanted)).collect()),
        other if other.columns().into_iter().all(wanted) => other.clone(),
        _ => Predicate::True,
    }
}

fn compare(column: ColumnRef, op: CompareOp, value: ScalarValue) -> Predicate {
    Predicate::Compare {
        column,
        op,
        value: value.into(),
    }
}

pub(crate) fn in_set(column: ColumnRef, values: impl IntoIterator<Item = ScalarValue>) -> Option<Predicate> {
    let values = ScalarValue::iter_to_array(values).ok()?;
    Some(Predicate::InSet {
        column,
        values,
        or_null: false,
    })
}

fn op(comparison: Comparison) -> CompareOp {
    match comparison {
        Comparison::Eq => CompareOp::Eq,
        Comparison::NotEq => CompareOp::NotEq,
        Comparison::Lt => CompareOp::Lt,
        Comparison::LtEq => CompareOp::LtEq,
        Comparison::Gt => CompareOp::Gt,
        Comparison::GtEq => CompareOp::GtEq,
    }
}

/// The operator with its sides exchanged.
pub(crate) fn flipped(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Lt => CompareOp::Gt,
        CompareOp::LtEq => CompareOp::GtEq,
        CompareOp::Gt => CompareOp::Lt,
        CompareOp::GtEq => CompareOp::LtEq,
        CompareOp::Eq | CompareOp::NotEq => op,
    }
}
