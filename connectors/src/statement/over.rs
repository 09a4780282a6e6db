//! What is written over the rows of a table when the source groups or orders them?
//!
//! ```text
//! SELECT <values> FROM (SELECT <columns> FROM <table> AS s WHERE (<guard>) AND <conjuncts> <fence>) AS t0 <tail> LIMIT n
//! ```
//! Only over exactly the rows that the engine would see: one row more or less, and every group may be wrong. Not here: which
//! aggregates and orders are the engine's (each connector's own).

use arrow::datatypes::SchemaRef;

use super::{
    Dialect, Sql, condition,
    scan::{Conditions, conditions, limited, schema},
};
use crate::{
    capability::Pushdown,
    error::{ConnectorError, Result},
    scan::{Relation, ScanSpec},
};

/// What is written over the rows.
#[derive(Debug)]
pub(crate) struct Over<P> {
    /// Positions in the table of the columns that it reads.
    reads: Vec<usize>,
    values: Vec<Sql<P>>,
    /// `GROUP BY …` or `ORDER BY …`, or nothing.
    pub tail: String,
}

impl<P> Over<P> {
    pub(crate) fn new() -> Self {
        Self {
            reads: Vec::new(),
            values: Vec::new(),
            tail: String::new(),
        }
    }

    /// The column at this position of the table, as the values and the tail call it.
    pub(crate) fn column(&mut self, position: usize) -> String {
        let known = self.reads.iter().position(|read| *read == position);
        let at = known.unwrap_or_else(|| {
            self.reads.push(position);
            self.reads.len() - 1
        });
        format!("t0.c{at}")
    }

    /// One more value of every row.
    pub(crate) fn push(&mut self, value: Sql<P>) {
        self.values.push(value);
    }
}

/// A statement whose rows are no longer those of the table.
#[derive(Debug)]
pub(crate) struct PlannedOver<P> {
    pub text: String,
    /// The text without any literal, for people.
    pub shown: String,
    pub parameters: Vec<P>,
    /// Of the batches, exactly.
    pub schema: SchemaRef,
}

/// Writes the statement.
///
/// # Errors
/// `NOT_SUPPORTED` unless the source decides guard and conditions exactly and alone.
pub(crate) fn write_over<D: Dialect>(
    dialect: &D,
    scan: &ScanSpec,
    over: Over<D::Parameter>,
) -> Result<PlannedOver<D::Parameter>> {
    let Relation::Table { guard, .. } = &scan.relation else {
        return Err(ConnectorError::unsupported("a join at the source is not supported"));
    };
    let Conditions {
        written,
        guard,
        fenced,
        filter,
    } = conditions(dialect, scan, guard)?;
    // INVARIANT: what is not decided here for good would be decided after rows have become groups.
    if guard != Pushdown::Exact || filter.iter().any(|one| *one != Pushdown::Exact) {
        return Err(ConnectorError::unsupported(
            "a condition below an aggregate that the source cannot evaluate is not supported",
        ));
    }
    let columns: Vec<String> = over
        .reads
        .iter()
        .enumerate()
        .map(|(at, position)| Ok(format!("{} AS c{at}", dialect.select(*position)?)))
        .collect::<Result<_>>()?;
    let mut inner = Sql::text(format!(
        "SELECT {} FROM {} AS s",
        columns.join(", "),
        dialect.relation()
    ));
    if !written.is_empty() {
        inner.push(" WHERE ");
        inner.append(condition::join(written, "AND", "TRUE").sql);
    }
    if fenced {
        inner.push(&format!(" {}", D::FENCE));
    }
    let mut sql = Sql::text("SELECT ");
    for (at, value) in over.values.into_iter().enumerate() {
        sql.push(if at > 0 { ", " } else { "" });
        sql.append(value);
        sql.push(&format!(" AS v{at}"));
    }
    sql.append(inner.between(" FROM (", &format!(") AS t0{}", over.tail)));
    let (text, parameters, _) = sql.finish(D::placeholder);
    let (text, shown) = limited(text, scan.limit);
    Ok(PlannedOver {
        text,
        shown,
        parameters,
        schema: schema(&scan.output),
    })
}
