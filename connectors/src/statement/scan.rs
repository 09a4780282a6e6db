//! What of a scan goes into the statement, with which verdicts, and what comes back?
//!
//! ```text
//! SELECT t0.c0, … FROM (SELECT <columns> FROM <table> AS s WHERE (<guard>) AND <conjuncts> <fence>) AS t0 LIMIT n
//! ```
//! The derived table and its fence stand wherever a guard is written: nothing above may be evaluated on rows that the
//! guard hides. Pushed conjuncts are leakproof and stand beside the guard, where indexes serve them. A source evaluates what
//! stands side by side in an order of its own: where columns are computed, nothing stands beside a guard.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::{
    Dialect, Sql,
    condition::{self, Condition},
    row_guard::RowGuard,
    sql::{Seam, Seams},
};
use crate::{
    capability::{LimitVerdict, Pushdown},
    error::{ConnectorError, ConnectorErrorKind, Result},
    predicate::Predicate,
    scan::{ColumnId, Guard, OutputColumn, OutputValue, Relation, ScanSpec},
};

/// A scan as the source will do it.
#[derive(Debug)]
pub(crate) struct PlannedScan<P> {
    pub text: String,
    /// The text without any literal, for people.
    pub shown: String,
    /// What the source does, and how exactly, for people.
    pub pushdown: String,
    pub parameters: Vec<P>,
    /// Where the text can be narrowed to a part of the table.
    pub seams: Seams,
    /// Of the batches, exactly.
    pub schema: SchemaRef,
    /// Position in the table of each output column.
    pub positions: Vec<usize>,
    pub guard: Pushdown,
    /// The guard once more, for rows that come back.
    pub row_guard: Option<RowGuard>,
    pub filter: Vec<Pushdown>,
    pub limit: LimitVerdict,
}

/// Writes the statement of a scan of one table. `types` are those of the table's columns, in order.
pub(crate) fn write_scan<D: Dialect>(
    dialect: &D,
    scan: &ScanSpec,
    types: &[DataType],
) -> Result<PlannedScan<D::Parameter>> {
    let Relation::Table { guard, .. } = &scan.relation else {
        return Err(ConnectorError::unsupported("a join at the source is not supported"));
    };
    if !scan.group_by.is_empty() || !scan.aggregates.is_empty() {
        return Err(ConnectorError::unsupported(
            "an aggregate at the source is not supported",
        ));
    }
    let positions = positions(dialect, &scan.output, types)?;
    let Conditions {
        written,
        guard,
        fenced,
        filter,
    } = conditions(dialect, &scan.filter, guard)?;
    let whole = guard == Pushdown::Exact && scan.order.is_empty() && filter.iter().all(|one| *one == Pushdown::Exact);
    let limit = scan.limit.filter(|_| whole);

    let statement = Shape {
        positions: &positions,
        fenced,
    };
    let (text, parameters, seams) = statement.write(dialect, written)?.finish(D::placeholder);
    let (text, shown) = limited(text, limit);
    // A limit that was sent counts every row: none may be left out here.
    let row_guard = RowGuard::new(scan).filter(|_| limit.is_none());
    Ok(PlannedScan {
        text,
        shown,
        pushdown: pushdown(guard, &filter, limit),
        parameters,
        seams,
        schema: schema(&scan.output),
        positions,
        guard,
        row_guard,
        filter,
        limit: if limit.is_some() {
            LimitVerdict::Exact
        } else {
            LimitVerdict::Unsupported
        },
    })
}

/// The conditions on the rows of a table, as far as the source evaluates them.
pub(super) struct Conditions<P> {
    pub written: Vec<Condition<P>>,
    pub guard: Pushdown,
    /// A guard is among them.
    pub fenced: bool,
    /// Positional, as `ScanSpec::filter`.
    pub filter: Vec<Pushdown>,
}

/// Guard and conjuncts of a table, with their verdicts.
pub(super) fn conditions<D: Dialect>(
    dialect: &D,
    filter: &[Predicate],
    guard: &Guard,
) -> Result<Conditions<D::Parameter>> {
    check_columns(dialect, filter, guard)?;
    let mut where_clause = Where {
        written: Vec::new(),
        room: D::MAX_PARAMETERS,
    };
    let open = matches!(guard.rows, Predicate::True);
    let rows = if open {
        Pushdown::Exact
    } else {
        where_clause.add(condition::write(dialect, &guard.rows, &[]))
    };
    let fenced = !open && rows != Pushdown::Unsupported;
    let masked: Vec<&ColumnId> = guard.masks.iter().map(|(column, _)| column).collect();
    // INVARIANT: a condition of the caller's must not fail, or be evaluated at all, on a row that the guard hides.
    let beside = open || dialect.is_stored();
    let written = |conjunct| beside.then(|| condition::write(dialect, conjunct, &masked)).flatten();
    let filter: Vec<Pushdown> = filter
        .iter()
        .map(|conjunct| where_clause.add(written(conjunct)))
        .collect();
    Ok(Conditions {
        written: where_clause.written,
        guard: guard_verdict(guard, rows),
        fenced,
        filter,
    })
}

/// Conditions of the WHERE clause, and how many literals still fit.
struct Where<P> {
    written: Vec<Condition<P>>,
    room: usize,
}

impl<P> Where<P> {
    fn add(&mut self, condition: Option<Condition<P>>) -> Pushdown {
        let Some(condition) = condition else {
            return Pushdown::Unsupported;
        };
        let Some(room) = self.room.checked_sub(condition.sql.parameters()) else {
            return Pushdown::Unsupported;
        };
        self.room = room;
        let verdict = condition.verdict;
        self.written.push(condition);
        verdict
    }
}

/// Rows and masks together: masks are never written here, so a masked table's guard is done at most by half.
fn guard_verdict(guard: &Guard, rows: Pushdown) -> Pushdown {
    match (guard.masks.is_empty(), &guard.rows) {
        (true, _) => rows,
        (false, Predicate::True) => Pushdown::Unsupported,
        (false, _) => rows.min(Pushdown::Inexact),
    }
}

/// The statement around the WHERE clause.
struct Shape<'a> {
    positions: &'a [usize],
    fenced: bool,
}

impl Shape<'_> {
    fn write<D: Dialect>(&self, dialect: &D, conditions: Vec<Condition<D::Parameter>>) -> Result<Sql<D::Parameter>> {
        let mut columns = Vec::new();
        for position in self.positions {
            columns.push(dialect.select(*position)?);
        }
        columns.extend(dialect.row_mark());
        let aliased: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(n, column)| format!("{column} AS c{n}"))
            .collect();
        let mut sql = Sql::text(format!("SELECT {} FROM ", aliased.join(", ")));
        sql.seam(Seam::Table);
        sql.push(&format!("{} AS s", dialect.relation()));
        if conditions.is_empty() {
            sql.seam(Seam::NoConditions);
        } else {
            sql.push(" WHERE ");
            sql.append(condition::join(conditions, "AND", "TRUE").sql);
            sql.seam(Seam::Conditions);
        }
        if self.fenced {
            let outer: Vec<String> = (0..columns.len()).map(|n| format!("t0.c{n}")).collect();
            sql = sql.between(
                &format!("SELECT {} FROM (", outer.join(", ")),
                &format!(" {}) AS t0", D::FENCE),
            );
        }
        Ok(sql)
    }
}

/// The statement, and as people are shown it.
pub(super) fn limited(text: String, limit: Option<u64>) -> (String, String) {
    match limit {
        Some(limit) => (
            format!("{text} LIMIT {}", limit.min(i64::MAX.unsigned_abs())),
            format!("{text} LIMIT ?"),
        ),
        None => (text.clone(), text),
    }
}

/// `guard=exact filter=1/2 limit=exact`: of the conditions, those that the source decides for good.
fn pushdown(guard: Pushdown, filter: &[Pushdown], limit: Option<u64>) -> String {
    let guard = match guard {
        Pushdown::Exact => "exact",
        Pushdown::Inexact => "inexact",
        Pushdown::Unsupported => "none",
    };
    let exact = filter.iter().filter(|one| **one == Pushdown::Exact).count();
    let limit = if limit.is_some() { "exact" } else { "none" };
    format!("guard={guard} filter={exact}/{} limit={limit}", filter.len())
}

pub(super) fn schema(output: &[OutputColumn]) -> SchemaRef {
    let fields: Vec<Field> = output
        .iter()
        .map(|column| Field::new(&column.name, column.data_type.clone(), column.nullable))
        .collect();
    Arc::new(Schema::new(fields))
}

/// Every column that is named must be there: a statement about another table than the caller thinks of must not run.
fn check_columns<D: Dialect>(dialect: &D, filter: &[Predicate], guard: &Guard) -> Result<()> {
    let read = filter.iter().chain([&guard.rows]).flat_map(Predicate::columns);
    for column in read {
        if column.table != 0 {
            return Err(ConnectorError::new(
                ConnectorErrorKind::InvalidRequest,
                "a column of another table",
            ));
        }
        find(dialect, &column.column)?;
    }
    for (column, _) in &guard.masks {
        find(dialect, column)?;
    }
    Ok(())
}

fn find<D: Dialect>(dialect: &D, column: &ColumnId) -> Result<usize> {
    dialect.position(column).ok_or_else(|| {
        ConnectorError::new(ConnectorErrorKind::SchemaChanged, "a column of the table is gone")
            .with_detail(format!("column `{column}`"))
    })
}

fn positions<D: Dialect>(dialect: &D, output: &[OutputColumn], types: &[DataType]) -> Result<Vec<usize>> {
    let mut positions = Vec::with_capacity(output.len());
    for column in output {
        let OutputValue::Column(reference) = &column.value else {
            return Err(ConnectorError::unsupported(
                "an aggregate at the source is not supported",
            ));
        };
        let position = find(dialect, &reference.column)?;
        // Refused columns say so before their type is looked at.
        dialect.select(position)?;
        if types.get(position) != Some(&column.data_type) {
            let detail = format!("column `{}` is not of type {}", reference.column, column.data_type);
            return Err(ConnectorError::new(
                ConnectorErrorKind::SchemaChanged,
                "a column has another type at the source",
            )
            .with_detail(detail));
        }
        positions.push(position);
    }
    Ok(positions)
}
