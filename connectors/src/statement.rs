//! How does a scan become one SELECT of a relational source?
//!
//! Our own typed writer: identifiers are always quoted, literals are always bound, nothing is edited as text. A source
//! brings a [`Dialect`]; what is common to all of them – the fence around a guard, verdicts, the shape of the statement –
//! is written once. Not here: which comparison is exact (each dialect's `leaf`).

mod comment;
mod condition;
mod join;
mod over;
mod row_guard;
mod scan;
mod sql;

pub(crate) use comment::commented;
pub(crate) use condition::{Condition, leaf_column};
pub(crate) use join::Source;
pub(crate) use over::{Over, write_over};
pub(crate) use row_guard::{GUARDED_ROWS, RowGuard};
#[cfg(test)]
pub(crate) use scan::PlannedScan;
pub(crate) use scan::write_scan;
pub(crate) use sql::{Seams, Sql};

use std::collections::BTreeMap;

use crate::{
    capability::{FilterSupport, OperatorClass, Pushdown, TypeClass},
    predicate::Predicate,
    scan::ColumnId,
};

/// What a source's SQL looks like, for one of its tables.
pub(crate) trait Dialect {
    /// A bound literal.
    type Parameter;

    /// Bound literals of one statement, at most.
    const MAX_PARAMETERS: usize;
    /// Ends a derived table so that the source does not merge it with what stands around it.
    const FENCE: &'static str;

    /// The table, quoted and qualified.
    fn relation(&self) -> &str;

    /// Is every column a value that lies there? What is computed when it is read, as in a view, may fail on any row.
    fn is_stored(&self) -> bool;

    /// Position of a column in the table, whose name is the source's spelling.
    fn position(&self, column: &ColumnId) -> Option<usize>;

    /// The column as an expression of the select list, of the table alias `s`. Errors name the column and its type.
    fn select(&self, position: usize) -> crate::error::Result<String>;

    /// One more expression that every row ends with, for the source's own use.
    fn row_mark(&self) -> Option<String> {
        None
    }

    /// A comparison, or nothing when the source cannot evaluate it as the engine does.
    fn leaf(&self, predicate: &Predicate) -> Option<Condition<Self::Parameter>>;

    /// The place of the parameter with this number, counted from 1.
    fn placeholder(number: usize) -> String;
}

/// `name` as a quoted identifier.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A column of the scanned table. Qualified: SQLite takes an unknown bare `"name"` for a text literal.
pub(crate) fn column(name: &str) -> String {
    format!("s.{}", quoted(name))
}

/// What a table promises per type class: `Exact` where every column of the class has the operator exactly, `Inexact` where
/// only some have, so that the engine asks and keeps its filter.
pub(crate) fn filter_support(
    columns: impl Iterator<Item = (TypeClass, Vec<(OperatorClass, Pushdown)>)>,
) -> FilterSupport {
    let mut members: BTreeMap<TypeClass, usize> = BTreeMap::new();
    let mut exact: BTreeMap<(OperatorClass, TypeClass), usize> = BTreeMap::new();
    for (class, operators) in columns {
        *members.entry(class).or_default() += 1;
        for (operator, verdict) in operators {
            *exact.entry((operator, class)).or_default() += usize::from(verdict == Pushdown::Exact);
        }
    }
    let mut support = FilterSupport::default();
    for ((operator, class), count) in exact {
        let all = members.get(&class) == Some(&count);
        support = support.with(
            &[operator],
            &[class],
            if all { Pushdown::Exact } else { Pushdown::Inexact },
        );
    }
    support
}
