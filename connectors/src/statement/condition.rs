//! Which part of a predicate can a source evaluate, and how is it written?
//!
//! Verdicts follow three-valued logic: a conjunction may lose parts and stays a superset, a disjunction may not, and the
//! complement of a superset is none.

use super::{Dialect, Sql};
use crate::{
    capability::Pushdown,
    predicate::Predicate,
    scan::{ColumnId, ColumnRef},
};

/// Deeper predicates stay with the engine: parsers have stacks.
const MAX_DEPTH: usize = 64;

/// A written condition.
#[derive(Debug)]
pub(crate) struct Condition<P> {
    pub sql: Sql<P>,
    /// `Exact` or `Inexact`; what is unsupported is not written.
    pub verdict: Pushdown,
}

impl<P> Condition<P> {
    /// With the outcome of the engine's operator.
    pub(crate) fn exact(sql: Sql<P>) -> Self {
        Self {
            sql,
            verdict: Pushdown::Exact,
        }
    }

    /// Text without literals, exact.
    pub(crate) fn exact_text(text: impl Into<String>) -> Self {
        Self::exact(Sql::text(text))
    }
}

/// The column that a comparison reads. `None` for columns of other tables and for what is no comparison.
pub(crate) fn leaf_column(predicate: &Predicate) -> Option<&ColumnId> {
    let column: &ColumnRef = match predicate {
        Predicate::Compare { column, .. }
        | Predicate::InSet { column, .. }
        | Predicate::Between { column, .. }
        | Predicate::IsNull { column, .. }
        | Predicate::Like { column, .. } => column,
        Predicate::True
        | Predicate::False
        | Predicate::And(_)
        | Predicate::Or(_)
        | Predicate::Not(_)
        | Predicate::Call { .. } => return None,
    };
    (column.table == 0).then_some(&column.column)
}

/// Writes what the source can evaluate of `predicate`, `None` if that is nothing. Columns in `hidden` are not read.
pub(super) fn write<D: Dialect>(
    dialect: &D,
    predicate: &Predicate,
    hidden: &[&ColumnId],
) -> Option<Condition<D::Parameter>> {
    Writer { dialect, hidden }.write(predicate, MAX_DEPTH)
}

struct Writer<'a, D> {
    dialect: &'a D,
    hidden: &'a [&'a ColumnId],
}

impl<D: Dialect> Writer<'_, D> {
    fn write(&self, predicate: &Predicate, depth: usize) -> Option<Condition<D::Parameter>> {
        let depth = depth.checked_sub(1)?;
        match predicate {
            Predicate::True => Some(Condition::exact_text("TRUE")),
            Predicate::False => Some(Condition::exact_text("FALSE")),
            Predicate::And(parts) => self.all(parts, depth),
            Predicate::Or(parts) => self.any(parts, depth),
            Predicate::Not(part) => {
                let Condition {
                    sql,
                    verdict: Pushdown::Exact,
                } = self.write(part, depth)?
                else {
                    return None;
                };
                Some(Condition::exact(sql.between("(NOT ", ")")))
            }
            Predicate::Call { .. } => None,
            leaf => {
                let column = leaf_column(leaf)?;
                if self.hidden.contains(&column) {
                    return None;
                }
                self.dialect.leaf(leaf)
            }
        }
    }

    fn all(&self, parts: &[Predicate], depth: usize) -> Option<Condition<D::Parameter>> {
        let written: Vec<_> = parts.iter().filter_map(|part| self.write(part, depth)).collect();
        let complete = written.len() == parts.len();
        if written.is_empty() && !complete {
            return None;
        }
        let mut whole = join(written, "AND", "TRUE");
        if !complete {
            whole.verdict = Pushdown::Inexact;
        }
        Some(whole)
    }

    fn any(&self, parts: &[Predicate], depth: usize) -> Option<Condition<D::Parameter>> {
        let written: Option<Vec<_>> = parts.iter().map(|part| self.write(part, depth)).collect();
        Some(join(written?, "OR", "FALSE"))
    }
}

/// Conditions joined as a balanced tree, so that a thousand of them are ten deep.
pub(super) fn join<P>(mut parts: Vec<Condition<P>>, operator: &str, empty: &str) -> Condition<P> {
    let right = parts.split_off(parts.len().div_ceil(2));
    let left = match parts.pop() {
        None => return Condition::exact_text(empty),
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts, operator, empty)
        }
    };
    if right.is_empty() {
        return left;
    }
    let right = join(right, operator, empty);
    let mut sql = left.sql.between("(", &format!(" {operator} "));
    sql.append(right.sql);
    sql.push(")");
    Condition {
        sql,
        verdict: left.verdict.min(right.verdict),
    }
}
