//! Which keys do conditions leave? Values of a hash attribute, and values or one range of a sort attribute.

use std::{cmp::Ordering, collections::HashSet};

use arrow::{
    array::{Array, RecordBatch, RecordBatchOptions},
    datatypes::{Field, Schema},
};
use datafusion::common::ScalarValue;

use super::literal;
use crate::{
    capability::Pushdown,
    predicate::{CompareOp, Predicate},
};

/// Keys of one plan, at most; more are read by a scan.
const MAX_KEYS: usize = 10_000;
/// Bytes of a hash and of a sort value, at most: longer ones are no keys.
const MAX_HASH: usize = 2_048;
const MAX_SORT: usize = 1_024;

/// What an item is whose value is empty or too long for a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Empty {
    /// There is none: the keys of a table are neither.
    Impossible,
    /// It is in the table and not in the index.
    Missing,
}

impl Empty {
    pub(super) fn of(index: bool) -> Self {
        if index { Self::Missing } else { Self::Impossible }
    }
}

/// One conjunct, and what the source does of it.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    pub predicate: &'a Predicate,
    pub columns: Vec<&'a str>,
    pub verdict: Pushdown,
}

impl<'a> Part<'a> {
    pub(super) fn new(predicate: &'a Predicate) -> Self {
        Self {
            predicate,
            columns: predicate
                .columns()
                .iter()
                .map(|column| column.column.as_str())
                .collect(),
            verdict: Pushdown::Unsupported,
        }
    }

    /// Does it read nothing but these attributes, and at least one?
    pub(super) fn reads_only(&self, attributes: &[&str]) -> bool {
        !self.columns.is_empty() && self.columns.iter().all(|column| attributes.contains(column))
    }
}

/// A value of the hash attribute with what is asked of the sort attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeyValue {
    pub hash: ScalarValue,
    pub sort: Sort,
}

/// What is asked of the sort attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sort {
    Any,
    Is(ScalarValue),
    /// Inclusive or not, as said.
    From(ScalarValue, bool),
    To(ScalarValue, bool),
    /// Both included.
    Between(ScalarValue, ScalarValue),
    Prefix(String),
}

/// The keys that conjuncts leave of an index with these attributes, the parts marked with what that does of them. `None`: the hash
/// attribute is not bound, or to too many values.
pub(super) fn keys(parts: &mut [Part<'_>], hash: &str, range: Option<&str>, empty: Empty) -> Option<Vec<KeyValue>> {
    let hashes = candidates(parts, hash, MAX_HASH, empty)?;
    let sorts = range.and_then(|range| Some((range, candidates(parts, range, MAX_SORT, empty)?)));
    if let Some((range, sorts)) = sorts {
        let count = hashes.len().checked_mul(sorts.len())?;
        if count > MAX_KEYS {
            return None;
        }
        let pairs: Vec<Vec<ScalarValue>> = hashes
            .iter()
            .flat_map(|hash| sorts.iter().map(|sort| vec![hash.clone(), sort.clone()]))
            .collect();
        let kept = left(parts, &[hash, range], pairs)?;
        return Some(kept.into_iter().filter_map(full_key).collect());
    }
    if hashes.len() > MAX_KEYS {
        return None;
    }
    let rows = hashes.into_iter().map(|hash| vec![hash]).collect();
    let kept = left(parts, &[hash], rows)?;
    let sort = match range {
        Some(range) => match bounds(parts, range) {
            Some(sort) => sort,
            None => return Some(Vec::new()),
        },
        None => Sort::Any,
    };
    let with = |hash: ScalarValue| KeyValue {
        hash,
        sort: sort.clone(),
    };
    Some(kept.into_iter().flatten().map(with).collect())
}

fn full_key(row: Vec<ScalarValue>) -> Option<KeyValue> {
    let mut row = row.into_iter();
    Some(KeyValue {
        hash: row.next()?,
        sort: Sort::Is(row.next()?),
    })
}

/// The values that an attribute may have, each once; of the conjuncts, the one that leaves the fewest.
fn candidates(parts: &[Part<'_>], attribute: &str, longest: usize, empty: Empty) -> Option<Vec<ScalarValue>> {
    let found = parts.iter().filter_map(|part| points(part.predicate, attribute));
    let values = found.min_by_key(Vec::len)?;
    let mut seen = HashSet::new();
    let possible = |value: &ScalarValue| !value.is_null() && (1..=longest).contains(&literal::length(value));
    if empty == Empty::Missing && !values.iter().all(|value| value.is_null() || possible(value)) {
        return None;
    }
    Some(
        values
            .into_iter()
            .filter(|value| possible(value) && seen.insert(value.clone()))
            .collect(),
    )
}

/// The values outside of which the condition is not TRUE.
fn points(predicate: &Predicate, attribute: &str) -> Option<Vec<ScalarValue>> {
    let is = |column: &crate::scan::ColumnRef| column.table == 0 && column.column.as_str() == attribute;
    match predicate {
        Predicate::Compare {
            column,
            op: CompareOp::Eq,
            value,
        } if is(column) => Some(vec![value.0.clone()]),
        Predicate::InSet {
            column,
            values,
            or_null: false,
        } if is(column) && values.len() <= MAX_KEYS => (0..values.len())
            .map(|row| ScalarValue::try_from_array(values, row).ok())
            .collect(),
        Predicate::False => Some(Vec::new()),
        Predicate::Or(parts) => {
            let all: Option<Vec<_>> = parts.iter().map(|part| points(part, attribute)).collect();
            Some(all?.into_iter().flatten().collect())
        }
        Predicate::And(parts) => parts
            .iter()
            .filter_map(|part| points(part, attribute))
            .min_by_key(Vec::len),
        _ => None,
    }
}

/// The rows of key values on which every conjunct holds that reads nothing else; those conjuncts are then done.
fn left(parts: &mut [Part<'_>], attributes: &[&str], mut rows: Vec<Vec<ScalarValue>>) -> Option<Vec<Vec<ScalarValue>>> {
    for part in parts.iter_mut().filter(|part| part.reads_only(attributes)) {
        if !rows.is_empty() {
            let batch = batch(attributes, &rows)?;
            // A condition that cannot be evaluated here stays with the engine.
            let Ok(outcome) = part.predicate.evaluate(&batch) else {
                continue;
            };
            let mut passed = outcome.values().iter();
            rows.retain(|_| passed.next().unwrap_or(true));
        }
        part.verdict = Pushdown::Exact;
    }
    Some(rows)
}

fn batch(attributes: &[&str], rows: &[Vec<ScalarValue>]) -> Option<RecordBatch> {
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (at, attribute) in attributes.iter().enumerate() {
        let values: Option<Vec<ScalarValue>> = rows.iter().map(|row| row.get(at).cloned()).collect();
        let column = ScalarValue::iter_to_array(values?).ok()?;
        fields.push(Field::new(*attribute, column.data_type().clone(), true));
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Schema::new(fields).into(), columns, &options).ok()
}

/// One bound of a range: its value, whether it is included.
type Bound = Option<(ScalarValue, bool)>;

/// The one condition that a sort attribute may have, and the conjuncts that it decides. `None`: nothing can pass.
fn bounds(parts: &mut [Part<'_>], attribute: &str) -> Option<Sort> {
    let (mut low, mut high): (Bound, Bound) = (None, None);
    let mut prefix: Option<usize> = None;
    for (at, part) in parts.iter().enumerate() {
        if !part.reads_only(&[attribute]) {
            continue;
        }
        match limits(part.predicate) {
            Limits::Range(from, to) => {
                tighten(&mut low, from, Ordering::Greater);
                tighten(&mut high, to, Ordering::Less);
            }
            Limits::Prefix => prefix = prefix.or(Some(at)),
            Limits::None => {}
        }
    }
    let sort = match (low, high, prefix) {
        (None, None, Some(at)) => {
            let part = parts.get_mut(at)?;
            let Predicate::Like { pattern, .. } = part.predicate else {
                return Some(Sort::Any);
            };
            part.verdict = Pushdown::Exact;
            return Some(Sort::Prefix(pattern.prefix().unwrap_or_default().to_owned()));
        }
        (None, None, None) => return Some(Sort::Any),
        (Some((value, included)), None, _) => Sort::From(value, included),
        (None, Some((value, included)), _) => Sort::To(value, included),
        (Some((low, low_included)), Some((high, high_included)), _) => match low.partial_cmp(&high) {
            Some(Ordering::Less) => Sort::Between(low, high),
            Some(Ordering::Equal) if low_included && high_included => Sort::Between(low, high),
            Some(Ordering::Equal | Ordering::Greater) => {
                decided(parts, attribute, |_| true);
                return None;
            }
            None => return Some(Sort::Any),
        },
    };
    decided(parts, attribute, |predicate| implies(&sort, predicate));
    Some(sort)
}

fn decided(parts: &mut [Part<'_>], attribute: &str, exact: impl Fn(&Predicate) -> bool) {
    for part in parts.iter_mut().filter(|part| part.reads_only(&[attribute])) {
        if !matches!(limits(part.predicate), Limits::Range(..)) {
            continue;
        }
        part.verdict = if exact(part.predicate) {
            Pushdown::Exact
        } else {
            Pushdown::Inexact
        };
    }
}

/// Does every value in the range fulfil the condition?
fn implies(sort: &Sort, predicate: &Predicate) -> bool {
    let Limits::Range(from, to) = limits(predicate) else {
        return false;
    };
    let (low, high): (Bound, Bound) = match sort {
        Sort::From(value, included) => (Some((value.clone(), *included)), None),
        Sort::To(value, included) => (None, Some((value.clone(), *included))),
        Sort::Between(low, high) => (Some((low.clone(), true)), Some((high.clone(), true))),
        Sort::Any | Sort::Is(_) | Sort::Prefix(_) => (None, None),
    };
    within(low, from, Ordering::Greater) && within(high, to, Ordering::Less)
}

/// Is the bound at least as tight as what is asked? `tighter`: how a tighter value compares.
fn within(bound: Bound, asked: Bound, tighter: Ordering) -> bool {
    let Some((asked, asked_included)) = asked else {
        return true;
    };
    bound.is_some_and(|(value, included)| match value.partial_cmp(&asked) {
        Some(Ordering::Equal) => asked_included || !included,
        Some(order) => order == tighter,
        None => false,
    })
}

fn tighten(bound: &mut Bound, asked: Bound, tighter: Ordering) {
    let Some((value, included)) = asked else { return };
    let replace = match bound {
        None => true,
        Some((known, known_included)) => match value.partial_cmp(known) {
            Some(Ordering::Equal) => *known_included && !included,
            Some(order) => order == tighter,
            None => false,
        },
    };
    if replace {
        *bound = Some((value, included));
    }
}

enum Limits {
    Range(Bound, Bound),
    Prefix,
    None,
}

/// The bounds that a condition on a sort attribute sets, if a key condition can have them.
fn limits(predicate: &Predicate) -> Limits {
    let usable = |value: &ScalarValue| !value.is_null() && (1..=MAX_SORT).contains(&literal::length(value));
    match predicate {
        Predicate::Compare { op, value, .. } if usable(&value.0) => {
            let value = value.0.clone();
            match op {
                CompareOp::Gt => Limits::Range(Some((value, false)), None),
                CompareOp::GtEq => Limits::Range(Some((value, true)), None),
                CompareOp::Lt => Limits::Range(None, Some((value, false))),
                CompareOp::LtEq => Limits::Range(None, Some((value, true))),
                CompareOp::Eq | CompareOp::NotEq => Limits::None,
            }
        }
        Predicate::Between { low, high, .. } if usable(&low.0) && usable(&high.0) => {
            Limits::Range(Some((low.0.clone(), true)), Some((high.0.clone(), true)))
        }
        Predicate::Like { pattern, .. }
            if pattern
                .prefix()
                .is_some_and(|prefix| (1..=MAX_SORT).contains(&prefix.len())) =>
        {
            Limits::Prefix
        }
        _ => Limits::None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;

    use super::*;
    use crate::{predicate::LikePattern, scan::ColumnRef};

    fn number(value: i64) -> ScalarValue {
        ScalarValue::Int64(Some(value))
    }

    fn compare(column: &str, op: CompareOp, value: i64) -> Predicate {
        Predicate::compare(column, op, number(value))
    }

    fn asked(conditions: &[Predicate]) -> (Option<Vec<KeyValue>>, Vec<Pushdown>) {
        let mut parts: Vec<Part<'_>> = conditions.iter().map(Part::new).collect();
        let found = keys(&mut parts, "h", Some("r"), Empty::Impossible);
        (found, parts.iter().map(|part| part.verdict).collect())
    }

    fn one(hash: i64, sort: Sort) -> KeyValue {
        KeyValue {
            hash: number(hash),
            sort,
        }
    }

    #[test]
    fn values_are_narrowed_by_every_condition_on_keys() {
        let set = Predicate::InSet {
            column: ColumnRef::of("h"),
            values: Arc::new(Int64Array::from(vec![Some(3), Some(1), None, Some(3), Some(9)])),
            or_null: false,
        };
        let (found, verdicts) = asked(&[set, compare("h", CompareOp::Lt, 5), compare("x", CompareOp::Eq, 1)]);
        assert_eq!(found, Some(vec![one(3, Sort::Any), one(1, Sort::Any)]));
        assert_eq!(verdicts, [Pushdown::Exact, Pushdown::Exact, Pushdown::Unsupported]);
        let either = Predicate::Or(vec![compare("h", CompareOp::Eq, 1), compare("r", CompareOp::Eq, 1)]);
        assert_eq!(asked(&[either]).0, None);
        assert_eq!(asked(&[compare("h", CompareOp::Gt, 1)]).0, None);
        assert_eq!(
            asked(&[compare("h", CompareOp::Eq, 1), compare("h", CompareOp::Eq, 2)]).0,
            Some(vec![])
        );
    }

    #[test]
    fn conditions_over_both_attributes_are_asked_of_full_keys() {
        let pair = |h, r| Predicate::And(vec![compare("h", CompareOp::Eq, h), compare("r", CompareOp::Eq, r)]);
        let (found, verdicts) = asked(&[Predicate::Or(vec![pair(1, 10), pair(2, 20)])]);
        assert_eq!(
            found,
            Some(vec![one(1, Sort::Is(number(10))), one(2, Sort::Is(number(20)))])
        );
        assert_eq!(verdicts, [Pushdown::Exact]);
    }

    #[test]
    fn ranges_stay_as_open_as_they_are() {
        let h = || compare("h", CompareOp::Eq, 1);
        let (found, verdicts) = asked(&[h(), compare("r", CompareOp::Gt, 5)]);
        assert_eq!(found, Some(vec![one(1, Sort::From(number(5), false))]));
        assert_eq!(verdicts[1], Pushdown::Exact);
        let (found, verdicts) = asked(&[
            h(),
            compare("r", CompareOp::Gt, 5),
            compare("r", CompareOp::LtEq, 9),
            compare("r", CompareOp::Lt, 12),
        ]);
        assert_eq!(found, Some(vec![one(1, Sort::Between(number(5), number(9)))]));
        assert_eq!(verdicts[1..], [Pushdown::Inexact, Pushdown::Exact, Pushdown::Exact]);
        let (found, verdicts) = asked(&[h(), compare("r", CompareOp::Gt, 9), compare("r", CompareOp::Lt, 9)]);
        assert_eq!((found, verdicts), (Some(vec![]), vec![Pushdown::Exact; 3]));
        let (_, verdicts) = asked(&[h(), compare("r", CompareOp::NotEq, 9)]);
        assert_eq!(verdicts[1], Pushdown::Unsupported);
    }

    #[test]
    fn what_no_key_can_be_is_looked_for_in_the_table() {
        let none = Predicate::compare("h", CompareOp::Eq, ScalarValue::from(""));
        let asked = |empty| keys(&mut [Part::new(&none)], "h", None, empty);
        assert_eq!(asked(Empty::Impossible), Some(vec![]));
        assert_eq!(asked(Empty::Missing), None);
    }

    #[test]
    fn a_prefix_and_what_is_too_long() {
        let like = |text: &str| Predicate::Like {
            column: ColumnRef::of("r"),
            pattern: LikePattern::parse(text, None).unwrap(),
        };
        let h = || compare("h", CompareOp::Eq, 1);
        let (found, verdicts) = asked(&[h(), like("ab%")]);
        assert_eq!(
            (found, verdicts[1]),
            (Some(vec![one(1, Sort::Prefix("ab".to_owned()))]), Pushdown::Exact)
        );
        assert_eq!(asked(&[h(), like("%")]).0, Some(vec![one(1, Sort::Any)]));
        let long = Predicate::compare("r", CompareOp::Lt, ScalarValue::from("x".repeat(1_025)));
        let (found, verdicts) = asked(&[h(), long]);
        assert_eq!(
            (found, verdicts[1]),
            (Some(vec![one(1, Sort::Any)]), Pushdown::Unsupported)
        );
    }
}
