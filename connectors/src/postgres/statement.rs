//! How is a comparison written for PostgreSQL so that it has the engine's outcome? The table of connectors.md §5.1.

use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};

use super::{
    literal::Literal,
    types::{ColumnType, Comparison, Output},
};
use crate::{
    capability::Pushdown,
    error::{ConnectorError, Result},
    predicate::{CompareOp, Predicate},
    scan::ColumnId,
    statement::{Condition, Dialect, Sql, column, leaf_column},
    table_spec::{RemoteName, Statistics},
};

/// A table, view, materialized view or foreign table, as described.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Table {
    pub name: RemoteName,
    /// Quoted and qualified.
    pub relation: String,
    /// `pg_class.oid`: a table of the same name that came later has another.
    pub oid: u32,
    /// No column is computed when it is read.
    pub stored: bool,
    /// Pages of the heap, partitions included; 0 where it cannot be read in ranges of pages.
    pub pages: u64,
    pub columns: Vec<Column>,
    pub statistics: Statistics,
}

/// A column of it.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Column {
    pub name: String,
    pub kind: ColumnType,
    /// Oid of the type that the server will announce for it.
    pub sent: u32,
    /// Oid of its collation; 0 for types without.
    pub collation: u32,
    /// An index begins with it.
    pub indexed: bool,
    /// Type as the server writes it.
    pub written: String,
}

impl Table {
    /// Arrow types of the columns.
    pub(super) fn types(&self) -> Vec<DataType> {
        self.columns.iter().map(|column| column.kind.arrow_type()).collect()
    }
}

impl Dialect for Table {
    type Parameter = Literal;

    // The protocol counts parameters in 16 bits; sets are one array.
    const MAX_PARAMETERS: usize = 30_000;
    // Without it the server may run a cheap condition on rows that a dearer guard would hide.
    const FENCE: &'static str = "OFFSET 0";

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
        let Some(known) = self.columns.get(position) else {
            return Ok("NULL".to_owned());
        };
        match known.kind.output {
            Output::Plain => Ok(column(&known.name)),
            Output::AsText | Output::RowAsText if known.kind.dimensions > 0 => {
                Ok(format!("{}::text[]", column(&known.name)))
            }
            Output::AsText | Output::RowAsText => Ok(format!("{}::text", column(&known.name))),
            Output::Refused => Err(ConnectorError::unsupported(format!(
                "column `{}` of type `{}` is not supported",
                known.name, known.written
            ))),
        }
    }

    fn leaf(&self, predicate: &Predicate) -> Option<Condition<Literal>> {
        let known = self.columns.get(self.position(leaf_column(predicate)?)?)?;
        let name = column(&known.name);
        if let Predicate::IsNull { negated, .. } = predicate {
            return null_test(&name, *negated, known.kind);
        }
        if known.kind.comparison == Comparison::Nothing {
            return None;
        }
        let wire = known.kind.wire;
        // Byte order is the engine's order of text.
        let ordered = if known.kind.comparison == Comparison::Text {
            format!("{name} COLLATE \"C\"")
        } else {
            name.clone()
        };
        match predicate {
            Predicate::Compare { op, value, .. } => {
                let value = Literal::value(&value.0, wire)?;
                let (left, operator) = match op {
                    CompareOp::Eq => (&name, "="),
                    CompareOp::NotEq => (&name, "<>"),
                    CompareOp::Lt => (&ordered, "<"),
                    CompareOp::LtEq => (&ordered, "<="),
                    CompareOp::Gt => (&ordered, ">"),
                    CompareOp::GtEq => (&ordered, ">="),
                };
                Some(Condition::exact(
                    Sql::parameter(value).between(&format!("({left} {operator} "), ")"),
                ))
            }
            Predicate::Between { low, high, .. } => {
                let mut sql = Sql::text(format!("({ordered} BETWEEN "));
                sql.bind(Literal::value(&low.0, wire)?);
                sql.push(" AND ");
                sql.bind(Literal::value(&high.0, wire)?);
                sql.push(")");
                Some(Condition::exact(sql))
            }
            Predicate::InSet { values, or_null, .. } => {
                let set = if values.is_empty() {
                    Sql::text("FALSE")
                } else {
                    Sql::parameter(Literal::array(values.as_ref(), wire)?).between(&format!("({name} = ANY ("), "))")
                };
                Some(Condition::exact(if *or_null {
                    set.between("(", &format!(" OR {name} IS NULL)"))
                } else {
                    set
                }))
            }
            Predicate::Like { pattern, .. } if known.kind.comparison == Comparison::Text => {
                let verdict = if pattern.prefix().is_some() {
                    Pushdown::Exact
                } else {
                    Pushdown::Inexact
                };
                let sql = Sql::parameter(Literal::text(&pattern.to_sql())?).between(&format!("({name} LIKE "), ")");
                Some(Condition { sql, verdict })
            }
            _ => None,
        }
    }

    fn placeholder(number: usize) -> String {
        format!("${number}")
    }
}

/// `IS NULL` on a composite asks about its members: as text it is one value.
fn null_test(name: &str, negated: bool, kind: ColumnType) -> Option<Condition<Literal>> {
    let test = if negated { "IS NOT NULL" } else { "IS NULL" };
    match kind.output {
        Output::Plain | Output::AsText => Some(Condition::exact_text(format!("({name} {test})"))),
        Output::RowAsText => Some(Condition::exact_text(format!("({name}::text {test})"))),
        Output::Refused => None,
    }
}
