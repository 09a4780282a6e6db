//! On which way are the items of a scan read? Of those that the conditions allow, the one that is thought to take the fewest read units.

use super::{
    expression::Terms,
    keys::{Empty, KeyValue, Part, Sort, keys},
    kind::Kind,
    request::{BATCH, Template, Work, kind_of},
    table::{Index, Key, Table},
};
use crate::predicate::Predicate;

const MIB: u64 = 1 << 20;
/// Bytes of a segment, and segments of a table that is worth several.
const SEGMENT: u64 = 64 * MIB;
const SEGMENTS: (u64, u64) = (8, 10_000);
/// Items that a value of a hash attribute is thought to have, at most.
const ITEMS_OF_HASH: f64 = 100.0;

/// A way to the items.
pub(super) struct Path<'a> {
    pub works: Vec<Work>,
    pub parts: Vec<Part<'a>>,
    pub index: Option<&'a Index>,
    pub key: &'a Key,
    pub units: f64,
}

/// What an index must have to be read instead of the table.
pub(super) struct Needs<'a> {
    pub read: &'a [&'a str],
    pub whole: bool,
}

/// The cheapest way.
pub(super) fn cheapest<'a>(table: &'a Table, parts: &[Part<'a>], needs: &Needs<'_>) -> Path<'a> {
    let scan = Path {
        works: segments(table),
        parts: parts.to_vec(),
        index: None,
        key: &table.key,
        units: scan_units(table),
    };
    let mut best: Option<Path<'a>> = None;
    let indexes = table.indexes.iter().filter(|index| serves(table, index, parts, needs));
    for index in std::iter::once(None).chain(indexes.map(Some)) {
        let Some(path) = keyed(table, index, parts) else {
            continue;
        };
        if best.as_ref().is_none_or(|best| path.units < best.units) {
            best = Some(path);
        }
    }
    best.filter(|best| best.units <= scan.units).unwrap_or(scan)
}

fn scan_units(table: &Table) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let bytes = table.bytes as f64;
    // The figure is hours old: what is told to be empty may have been filled since.
    if bytes == 0.0 {
        f64::INFINITY
    } else {
        table.units_of(bytes)
    }
}

fn segments(table: &Table) -> Vec<Work> {
    let wanted = table
        .bytes
        .div_ceil(SEGMENT)
        .max(SEGMENTS.0.min(table.bytes.div_ceil(MIB)));
    let count = usize::try_from(wanted.clamp(1, SEGMENTS.1)).unwrap_or(1);
    (0..count).map(|segment| Work::Segment(segment, count)).collect()
}

/// Can the index be read instead of the table? It has all attributes that are read or asked, and all items that can pass.
fn serves(table: &Table, index: &Index, parts: &[Part<'_>], needs: &Needs<'_>) -> bool {
    if table.consistent && !index.local {
        return false;
    }
    let has = |attribute: &str| {
        index
            .projected
            .as_ref()
            .is_none_or(|projected| projected.iter().any(|name| name == attribute))
            || index.key.has(attribute)
            || table.key.has(attribute)
    };
    let asked = parts.iter().flat_map(|part| part.columns.iter());
    let all =
        (!needs.whole || index.projected.is_none()) && needs.read.iter().chain(asked).all(|attribute| has(attribute));
    // Items without the sort attribute are not in it.
    let there = index.key.range.as_deref().is_none_or(|range| {
        table.key.has(range)
            || parts
                .iter()
                .any(|part| part.reads_only(&[range]) && rejects_null(part.predicate))
    });
    all && there
}

fn rejects_null(predicate: &Predicate) -> bool {
    matches!(
        predicate,
        Predicate::Compare { .. }
            | Predicate::Between { .. }
            | Predicate::Like { .. }
            | Predicate::InSet { or_null: false, .. }
            | Predicate::IsNull { negated: true, .. }
    )
}

/// The way by keys of the table or of an index, if the conditions bind its hash attribute.
fn keyed<'a>(table: &'a Table, index: Option<&'a Index>, parts: &[Part<'a>]) -> Option<Path<'a>> {
    let key = index.map_or(&table.key, |index| &index.key);
    let mut parts = parts.to_vec();
    let found = keys(&mut parts, &key.hash, key.range.as_deref(), Empty::of(index.is_some()))?;
    let full = index.is_none()
        && found
            .iter()
            .all(|value| key.range.is_none() || matches!(value.sort, Sort::Is(_)));
    // INVARIANT: a condition on keys that cannot be written is no condition.
    let probe = probe(table, key);
    let writable = |value: &KeyValue| {
        let work = if full {
            Work::Get(vec![value.clone()])
        } else {
            Work::Query(value.clone())
        };
        probe.body(&work, None).is_some()
    };
    if !found.iter().all(writable) {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let (count, items) = (found.len() as f64, table.items as f64);
    let (works, units) = if full {
        let works = found.chunks(BATCH).map(|keys| Work::Get(keys.to_vec())).collect();
        (works, count * table.units_of(table.item_bytes()))
    } else {
        let exact = found.iter().all(|value| matches!(value.sort, Sort::Is(_)));
        let expected = if exact { 1.0 } else { ITEMS_OF_HASH.min(items.max(1.0)) };
        let units = count * table.units_of(table.item_bytes() * expected);
        (found.into_iter().map(Work::Query).collect(), units)
    };
    Some(Path {
        works,
        parts,
        index,
        key,
        units,
    })
}

/// A request for keys and no more.
pub(super) fn probe(table: &Table, key: &Key) -> Template {
    Template {
        table: table.name.clone(),
        index: None,
        key: key.clone(),
        hash_kind: kind_of(table, &key.hash).unwrap_or(Kind::Item),
        range_kind: key
            .range
            .as_deref()
            .map(|range| kind_of(table, range).unwrap_or(Kind::Item)),
        terms: Terms::default(),
        projection: None,
        filter: None,
        consistent: table.consistent,
        page: None,
    }
}
