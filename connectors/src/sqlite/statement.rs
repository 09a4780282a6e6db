//! How is a comparison written for SQLite so that it has the engine's outcome?
//!
//! `COLLATE BINARY` is always written: a column may be declared with another collation. Literals are bound and have the
//! storage class of the column, so affinity changes neither side.

use arrow::{
    array::AsArray,
    datatypes::{DataType, Int64Type},
};
use datafusion::common::ScalarValue;
use serde::{Deserialize, Serialize};

use super::types::{ColumnType, Storage};
use crate::{
    error::Result,
    predicate::{CompareOp, Datum, Predicate},
    scan::ColumnId,
    statement::{Condition, Dialect, Sql, column, leaf_column},
};

/// A table or view, as described.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Table {
    /// The source's spelling.
    pub name: String,
    /// Quoted and qualified.
    pub relation: String,
    pub columns: Vec<Column>,
    /// No column is computed when it is read.
    pub stored: bool,
    /// Name under which the rowid can be read: not in views and WITHOUT ROWID tables.
    pub row_id: Option<String>,
}

/// A column of it.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Column {
    pub name: String,
    pub kind: ColumnType,
}

/// A bound literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Integer(i64),
    Text(String),
}

impl Table {
    /// Arrow types of the columns.
    pub(super) fn types(&self) -> Vec<DataType> {
        self.columns
            .iter()
            .map(|column| column.kind.storage.arrow_type())
            .collect()
    }
}

impl Dialect for Table {
    type Parameter = Literal;

    // SQLITE_MAX_VARIABLE_NUMBER is 32,766.
    const MAX_PARAMETERS: usize = 30_000;
    // A subquery with LIMIT is not flattened into a query with a WHERE clause, nor are conditions pushed into it.
    const FENCE: &'static str = "LIMIT -1 OFFSET 0";

    fn relation(&self) -> &str {
        &self.relation
    }

    fn is_stored(&self) -> bool {
        self.stored
    }

    fn position(&self, column: &ColumnId) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column.as_str())
    }

    fn select(&self, position: usize) -> Result<String> {
        Ok(self
            .columns
            .get(position)
            .map_or_else(|| "NULL".to_owned(), |known| column(&known.name)))
    }

    fn row_mark(&self) -> Option<String> {
        Some(self.row_id.as_deref().map_or_else(|| "NULL".to_owned(), column))
    }

    fn leaf(&self, predicate: &Predicate) -> Option<Condition<Literal>> {
        let known = self.columns.get(self.position(leaf_column(predicate)?)?)?;
        let kind = known.kind;
        let name = column(&known.name);
        let compared = if kind.storage == Storage::Text {
            format!("{name} COLLATE BINARY")
        } else {
            name.clone()
        };
        match predicate {
            Predicate::IsNull { negated, .. } => Some(Condition::exact_text(format!(
                "({name} IS {}NULL)",
                if *negated { "NOT " } else { "" }
            ))),
            Predicate::Compare { op, value, .. } => {
                let (operator, allowed) = operator(*op, kind);
                let value = literal(value, kind.storage).filter(|_| allowed)?;
                Some(Condition::exact(
                    Sql::parameter(value).between(&format!("({compared} {operator} "), ")"),
                ))
            }
            Predicate::Between { low, high, .. } if kind.ranges => {
                let mut sql = Sql::text(format!("({compared} BETWEEN "));
                sql.bind(literal(low, kind.storage)?);
                sql.push(" AND ");
                sql.bind(literal(high, kind.storage)?);
                sql.push(")");
                Some(Condition::exact(sql))
            }
            Predicate::InSet { values, or_null, .. } if kind.equality => {
                if values.null_count() > 0 || values.data_type() != &kind.storage.arrow_type() {
                    return None;
                }
                let mut sql = Sql::text(format!("({compared} IN ("));
                let literals: Vec<Literal> = match kind.storage {
                    Storage::Integer => values
                        .as_primitive::<Int64Type>()
                        .values()
                        .iter()
                        .copied()
                        .map(Literal::Integer)
                        .collect(),
                    _ => values
                        .as_string::<i32>()
                        .iter()
                        .flatten()
                        .map(|text| Literal::Text(text.to_owned()))
                        .collect(),
                };
                for (number, value) in literals.into_iter().enumerate() {
                    sql.push(if number == 0 { "" } else { ", " });
                    sql.bind(value);
                }
                sql.push("))");
                Some(Condition::exact(if *or_null {
                    sql.between("(", &format!(" OR {name} IS NULL)"))
                } else {
                    sql
                }))
            }
            // LIKE folds case in SQLite.
            _ => None,
        }
    }

    fn placeholder(number: usize) -> String {
        format!("?{number}")
    }
}

/// The operator, and whether the column has it.
fn operator(op: CompareOp, kind: ColumnType) -> (&'static str, bool) {
    match op {
        CompareOp::Eq => ("=", kind.equality),
        CompareOp::NotEq => ("<>", kind.equality),
        CompareOp::Lt => ("<", kind.ranges),
        CompareOp::LtEq => ("<=", kind.ranges),
        CompareOp::Gt => (">", kind.ranges),
        CompareOp::GtEq => (">=", kind.ranges),
    }
}

/// A literal of the column's own type, not NULL.
fn literal(value: &Datum, storage: Storage) -> Option<Literal> {
    match (&value.0, storage) {
        (ScalarValue::Int64(Some(number)), Storage::Integer) => Some(Literal::Integer(*number)),
        (ScalarValue::Utf8(Some(text)), Storage::Text) => Some(Literal::Text(text.clone())),
        _ => None,
    }
}
