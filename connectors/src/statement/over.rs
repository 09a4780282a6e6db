//! What is written over the rows of tables when the source joins, groups or orders them?
//!
//! ```text
//! SELECT <values> FROM (SELECT <columns> FROM <table> AS s WHERE (<guard>) AND <conjuncts> <fence>) AS t0 <tail> LIMIT n
//! ```
//! with one such derived table for each that is joined (`join`). Only over exactly the rows that the engine would see: one row more or
//! less, and every group may be wrong. Not here: which joins, aggregates and orders are the engine's (each connector's own).

use arrow::datatypes::SchemaRef;

use super::{
    Dialect, Sql, condition,
    join::{Joined, Source, joined},
    scan::{Conditions, conditions, limited, schema},
};
use crate::{
    capability::Pushdown,
    error::{ConnectorError, Result},
    predicate::Predicate,
    scan::{Guard, ScanSpec},
};

/// What is written over the rows.
#[derive(Debug)]
pub(crate) struct Over<P> {
    /// Of each table, the positions of the columns that are read.
    reads: Vec<Vec<usize>>,
    /// How the tables are joined.
    pub source: Source,
    values: Vec<Sql<P>>,
    /// `GROUP BY …` or `ORDER BY …`, or nothing.
    pub tail: String,
}

impl<P> Over<P> {
    /// Over so many tables.
    pub(crate) fn new(tables: usize) -> Self {
        Self {
            reads: vec![Vec::new(); tables],
            source: Source::Table,
            values: Vec::new(),
            tail: String::new(),
        }
    }

    /// The column at this position of a table, as joins, values and the tail call it.
    pub(crate) fn column(&mut self, table: usize, position: usize) -> String {
        let Some(reads) = self.reads.get_mut(table) else {
            return "NULL".to_owned();
        };
        let known = reads.iter().position(|read| *read == position);
        let at = known.unwrap_or_else(|| {
            reads.push(position);
            reads.len() - 1
        });
        format!("t{table}.c{at}")
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

/// Writes the statement over these tables of the scan.
///
/// # Errors
/// `NOT_SUPPORTED` unless the source decides guards and conditions exactly and alone.
pub(crate) fn write_over<D: Dialect>(
    tables: &[&D],
    scan: &ScanSpec,
    over: Over<D::Parameter>,
) -> Result<PlannedOver<D::Parameter>> {
    let guards = scan.relation.tables();
    if guards.len() != tables.len()
        || scan
            .filter
            .iter()
            .any(|one| one.table().is_none_or(|at| at >= tables.len()))
    {
        return Err(ConnectorError::unsupported(
            "a condition over several tables is not supported",
        ));
    }
    let mut rows = Vec::new();
    for (number, ((dialect, table), reads)) in tables.iter().zip(guards).zip(&over.reads).enumerate() {
        let own = scan.filter.iter().filter(|one| one.table() == Some(number));
        let own: Vec<Predicate> = own.map(|one| one.in_table(0)).collect();
        let inner = derived(*dialect, table.guard, &own, reads)?;
        rows.push(inner.between("(", &format!(") AS t{number}")));
    }
    let Joined { from, conditions } = joined(&over.source, &mut rows.into_iter())?;
    let mut sql = Sql::text("SELECT ");
    for (at, value) in over.values.into_iter().enumerate() {
        sql.push(if at > 0 { ", " } else { "" });
        sql.append(value);
        sql.push(&format!(" AS v{at}"));
    }
    sql.push(" FROM ");
    sql.append(from);
    for (at, condition) in conditions.into_iter().enumerate() {
        sql.push(if at > 0 { " AND " } else { " WHERE " });
        sql.append(condition);
    }
    sql.push(&over.tail);
    if sql.parameters() > D::MAX_PARAMETERS {
        return Err(ConnectorError::unsupported(
            "so many literals in one statement are not supported",
        ));
    }
    let (text, parameters, _) = sql.finish(D::placeholder);
    let (text, shown) = limited(text, scan.limit);
    Ok(PlannedOver {
        text,
        shown,
        parameters,
        schema: schema(&scan.output),
    })
}

/// The rows of one table that guard and conditions leave, with these columns.
fn derived<D: Dialect>(dialect: &D, guard: &Guard, filter: &[Predicate], reads: &[usize]) -> Result<Sql<D::Parameter>> {
    let Conditions {
        written,
        guard,
        fenced,
        filter,
    } = conditions(dialect, filter, guard)?;
    // INVARIANT: what is not decided here for good would be decided after rows have been joined or have become groups.
    if guard != Pushdown::Exact || filter.iter().any(|one| *one != Pushdown::Exact) {
        return Err(ConnectorError::unsupported(
            "a condition below a join or an aggregate that the source cannot evaluate is not supported",
        ));
    }
    let columns: Vec<String> = reads
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
    Ok(inner)
}
