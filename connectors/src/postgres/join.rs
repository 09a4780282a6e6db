//! Which joins does the server compute as the engine does? Those by columns that both find equal in the same sense.
//!
//! Not here: how joined tables are written (`statement`).

use std::sync::Arc;

use super::{
    fold::{Fold, is_key, refused},
    statement::{Column, Table},
    types::Wire,
};
use crate::{
    error::Result,
    scan::{ColumnRef, JoinKind, Relation},
    statement::Source,
};

/// Tables of one statement, at most: the server's planner looks at all orders of so many.
const MAX_TABLES: usize = 8;

/// The tables of a relation, from left to right.
pub(super) fn tables(relation: &Relation) -> Result<Vec<&Table>> {
    let tables = relation.tables();
    if tables.len() > MAX_TABLES {
        return Err(refused("a join of so many tables"));
    }
    let tables = tables
        .into_iter()
        .map(|one| Ok(one.table.get::<Arc<Table>>()?.as_ref()));
    tables.collect()
}

/// The tables whose columns are there above a relation, whose leftmost table has the number `first`.
pub(super) fn shown(relation: &Relation, first: usize) -> Vec<usize> {
    let Relation::Join { left, right, kind, .. } = relation else {
        return vec![first];
    };
    let mut known = shown(left, first);
    if matches!(kind, JoinKind::Inner | JoinKind::Left) {
        known.extend(shown(right, first + left.tables().len()));
    }
    known
}

/// How the tables of a relation are joined.
///
/// # Errors
/// `NOT_SUPPORTED` for columns that are equal in another sense there.
pub(super) fn source(fold: &mut Fold<'_>, relation: &Relation) -> Result<Source> {
    below(fold, relation, 0)
}

/// The same of a part, whose leftmost table has the number `first`.
fn below(fold: &mut Fold<'_>, relation: &Relation, first: usize) -> Result<Source> {
    let Relation::Join { left, right, kind, on } = relation else {
        return Ok(Source::Table);
    };
    let middle = first + left.tables().len();
    let (known, others) = (shown(left, first), shown(right, middle));
    let mut conditions = Vec::new();
    for (one, other) in on {
        // INVARIANT: a condition stands where both of its columns are known, and joins the two sides.
        if !known.contains(&one.table) || !others.contains(&other.table) {
            return Err(refused("a join by columns of one side"));
        }
        conditions.push(equal(fold, one, other)?);
    }
    if conditions.is_empty() {
        return Err(refused("a join without a condition"));
    }
    Ok(Source::Join {
        left: Box::new(below(fold, left, first)?),
        right: Box::new(below(fold, right, middle)?),
        kind: *kind,
        on: conditions.join(" AND "),
    })
}

fn equal(fold: &mut Fold<'_>, one: &ColumnRef, other: &ColumnRef) -> Result<String> {
    let ((_, left), (_, right)) = (fold.find(one)?, fold.find(other)?);
    let collation = collation(left, right).ok_or_else(|| refused("a join by columns of these types"))?;
    let (left, right) = (fold.written(one)?, fold.written(other)?);
    Ok(format!("{left}{collation} = {right}{collation}"))
}

/// What stands behind both columns where they are compared; `None` if they are not equal where they are here.
fn collation(left: &Column, right: &Column) -> Option<&'static str> {
    if !is_key(left.kind) || !is_key(right.kind) {
        return None;
    }
    match (left.kind.wire, right.kind.wire) {
        // Under deterministic collations equality is that of bytes; two different ones conflict.
        (Wire::Text, Wire::Text) if left.collation != right.collation => Some(" COLLATE \"C\""),
        (Wire::Int2 | Wire::Int4 | Wire::Int8, Wire::Int2 | Wire::Int4 | Wire::Int8)
        | (Wire::Numeric { .. }, Wire::Numeric { .. }) => Some(""),
        (one, other) if one == other => Some(""),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
