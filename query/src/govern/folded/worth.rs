//! Is less sent if tables are joined where they are? A guess from their sizes and keys; nothing is ever answered from it.
//!
//! A join by a key of one side has at most as many rows as the other side. Where no key is known it may have any number, and stays here
//! unless little of it is sent: one row of aggregates, or the first rows of an order.

use lakegate_connectors::{
    scan::{ColumnId, ColumnRef, JoinKind, Relation},
    table_spec::KeySpec,
};

use super::{Shape, Wanted, Whole};
use crate::govern::figure::Figure;

/// Cells that are not sent must be so many times those that are: a scan may be read in parts, a join is one statement.
const GAIN: u64 = 2;

/// What is known of the rows of a relation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Size {
    /// About how many.
    pub(super) rows: Option<u64>,
    /// Without any condition.
    whole: Option<u64>,
    /// The table of which every row is there once at most.
    of: Option<usize>,
}

/// A table as it is guessed at.
struct Side<'a> {
    size: Size,
    keys: &'a [KeySpec],
}

/// The size of what is joined; `relation` is `None` for one table.
pub(super) fn size(wanted: &Wanted<'_>, sources: &[Whole<'_>], relation: Option<&Relation>) -> Option<Size> {
    let tables = sources.iter().zip(&wanted.tables).enumerate();
    let sides = tables.map(|(number, (source, one))| {
        let figure = Figure::of(source.spec.statistics.rows);
        Side {
            size: Size {
                rows: figure.asked(!one.filters.is_empty(), None).rows(),
                whole: figure.rows(),
                of: Some(number),
            },
            keys: &source.spec.keys,
        }
    });
    let sides: Vec<Side<'_>> = sides.collect();
    match relation {
        Some(relation) => joined(relation, &mut 0, &sides),
        None => sides.first().map(|side| side.size),
    }
}

/// `next` is the number of the next table.
fn joined(relation: &Relation, next: &mut usize, sides: &[Side<'_>]) -> Option<Size> {
    let Relation::Join { left, right, kind, on } = relation else {
        let size = sides.get(*next)?.size;
        *next += 1;
        return Some(size);
    };
    let (left, right) = (joined(left, next, sides)?, joined(right, next, sides)?);
    let lefts: Vec<&ColumnRef> = on.iter().map(|(one, _)| one).collect();
    let rights: Vec<&ColumnRef> = on.iter().map(|(_, other)| other).collect();
    let (by_left, by_right) = (is_key(left, &lefts, sides), is_key(right, &rights, sides));
    Some(match kind {
        JoinKind::Semi | JoinKind::Inner if by_right || *kind == JoinKind::Semi => Size {
            rows: met(left, right),
            ..left
        },
        JoinKind::Inner if by_left => Size {
            rows: met(right, left),
            ..right
        },
        JoinKind::Anti => left,
        JoinKind::Left if by_right => left,
        JoinKind::Inner | JoinKind::Left | JoinKind::Semi => Size {
            rows: left.rows.max(right.rows),
            whole: left.whole.max(right.whole),
            of: None,
        },
    })
}

/// Of the rows of `one`, those that meet a row of `other`: as many as its conditions leave of that.
fn met(one: Size, other: Size) -> Option<u64> {
    let share = other.rows?.min(other.whole?);
    Some(one.rows?.saturating_mul(share) / other.whole?.max(1))
}

/// Does each row of another side meet one row of this one at most?
fn is_key(side: Size, columns: &[&ColumnRef], sides: &[Side<'_>]) -> bool {
    let Some(table) = side.of else { return false };
    let own = |column: &ColumnId| columns.iter().any(|one| one.table == table && one.column == *column);
    let keys = sides.get(table).map(|side| side.keys).unwrap_or_default();
    keys.iter()
        .any(|key| !key.columns.is_empty() && key.columns.iter().all(own))
}

/// Is it to be asked for? One table always: its rows become fewer.
pub(super) fn is_worth(wanted: &Wanted<'_>, size: Size) -> bool {
    if wanted.tables.len() < 2 {
        return true;
    }
    let bounded = size.of.is_some();
    match &wanted.shape {
        Shape::Groups { keys, .. } => bounded || keys.is_empty(),
        Shape::First { .. } => true,
        Shape::Rows(columns) => {
            let cells =
                |rows: u64, columns: usize| rows.saturating_mul(u64::try_from(columns.max(1)).unwrap_or(u64::MAX));
            let apart = wanted.tables.iter().map(|one| {
                let figure = Figure::of(one.table.stored_rows()).asked(!one.filters.is_empty(), None);
                figure.rows().map(|rows| cells(rows, one.width))
            });
            let apart = apart.sum::<Option<u64>>();
            let sent = size.rows.map(|rows| cells(rows, columns.len()).saturating_mul(GAIN));
            bounded && sent.zip(apart).is_some_and(|(sent, apart)| sent < apart)
        }
    }
}

#[cfg(test)]
mod tests;
