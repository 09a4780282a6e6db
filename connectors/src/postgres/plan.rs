//! What of a scan does PostgreSQL do? Everything is known from the table's handle: planning asks nothing of the server.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::{
    fold::{self, Folded},
    join,
    literal::Literal,
    statement::{Column, Table},
};
use crate::{
    capability::{Consistency, LimitVerdict, OrderVerdict, Pushdown},
    connector::PlanResponse,
    error::Result,
    predicate::{CompareOp, Predicate},
    scan::{AggregateFunction, ColumnId, Relation, ScanSpec},
    split::Handle,
    statement::{RowGuard, Seams, write_over, write_scan},
    table_spec::{RemoteName, Statistics},
};

/// A planned scan: the statement and how its rows are decoded.
#[derive(Debug)]
pub(super) struct Scan {
    pub name: RemoteName,
    pub text: String,
    /// The text without any literal.
    pub shown: String,
    pub pushdown: String,
    pub parameters: Vec<Literal>,
    pub schema: SchemaRef,
    /// Columns of the table, one per field of `schema`.
    pub columns: Vec<Column>,
    pub row_guard: Option<RowGuard>,
    /// Of the table; of a join, of the first one.
    pub oid: u32,
    /// Of the other tables of a join.
    pub others: Vec<u32>,
    /// Where the text can be narrowed to a part of the table.
    pub seams: Seams,
    /// Pages that are worth reading in parts; 0 where the scan is one piece.
    pub pages: u64,
    /// Conditions stand in the statement: an index may serve them.
    pub conditional: bool,
    /// Sums of groups are among the columns: one that does not fit is an overflow.
    pub sums: bool,
    pub statistics: Statistics,
}

/// Verdicts and handle.
pub(super) fn plan(scan: &ScanSpec) -> Result<PlanResponse> {
    let tables = join::tables(&scan.relation)?;
    if fold::is_grouped(scan) {
        return folded(&tables, scan, fold::grouped(&tables, scan)?);
    }
    // An order that is refused, or cannot be kept, is the engine's.
    if let Some(ordered) = fold::ordered(&tables, scan)
        && let Ok(planned) = folded(&tables, scan, ordered)
    {
        return Ok(planned);
    }
    match tables[..] {
        [table] => of_table(table, scan),
        _ if scan.order.is_empty() => folded(&tables, scan, fold::joined(&tables, scan)?),
        _ => Err(fold::refused("this order of joined rows")),
    }
}

/// A scan of one table that gives its rows.
fn of_table(table: &Table, scan: &ScanSpec) -> Result<PlanResponse> {
    let planned = write_scan(table, scan, &table.types())?;
    let columns = planned
        .positions
        .iter()
        .filter_map(|position| table.columns.get(*position).cloned())
        .collect();
    // A limit that was sent counts all rows, and few rows are wanted where it was not.
    let whole = scan.limit.is_some() || is_lookup(table, scan);
    let handle = Scan {
        seams: planned.seams,
        pages: if whole { 0 } else { table.pages },
        conditional: !planned.parameters.is_empty() || planned.text.contains(" WHERE "),
        name: table.name.clone(),
        text: planned.text,
        shown: planned.shown,
        pushdown: planned.pushdown,
        parameters: planned.parameters,
        schema: Arc::clone(&planned.schema),
        columns,
        sums: false,
        row_guard: planned.row_guard,
        oid: table.oid,
        others: Vec::new(),
        statistics: table.statistics,
    };
    Ok(PlanResponse {
        handle: Handle::new(Arc::new(handle)),
        schema: planned.schema,
        estimate: table.statistics,
        consistency: Consistency::Statement,
        guard: planned.guard,
        filter: planned.filter,
        dynamic: vec![Pushdown::Unsupported; scan.dynamic.len()],
        aggregate: Pushdown::Unsupported,
        join: Pushdown::Unsupported,
        order: OrderVerdict::Unsupported,
        limit: planned.limit,
    })
}

/// A scan whose rows are groups, the first of an order, or those of a join: one statement, never parts.
fn folded(tables: &[&Table], scan: &ScanSpec, Folded { over, columns }: Folded) -> Result<PlanResponse> {
    let planned = write_over(tables, scan, over)?;
    let order = match scan.order.is_empty() {
        true => OrderVerdict::Unsupported,
        false => OrderVerdict::Global,
    };
    let limit = match scan.limit {
        Some(_) => LimitVerdict::Exact,
        None => LimitVerdict::Unsupported,
    };
    let grouped = fold::is_grouped(scan);
    let rows = tables.iter().map(|table| table.statistics.rows).max().flatten();
    let estimate = Statistics {
        rows: rows.map(|rows| rows.min(scan.limit.unwrap_or(rows))),
        bytes: None,
    };
    let mut oids = tables.iter().map(|table| table.oid);
    let handle = Scan {
        name: name(tables),
        text: planned.text,
        shown: planned.shown,
        pushdown: pushdown(scan, grouped),
        parameters: planned.parameters,
        schema: Arc::clone(&planned.schema),
        columns,
        row_guard: None,
        oid: oids.next().unwrap_or(0),
        others: oids.collect(),
        seams: Seams::default(),
        pages: 0,
        conditional: true,
        sums: scan.aggregates.iter().any(|one| one.function == AggregateFunction::Sum),
        statistics: estimate,
    };
    Ok(PlanResponse {
        handle: Handle::new(Arc::new(handle)),
        schema: planned.schema,
        estimate,
        consistency: Consistency::Statement,
        guard: Pushdown::Exact,
        filter: vec![Pushdown::Exact; scan.filter.len()],
        dynamic: vec![Pushdown::Unsupported; scan.dynamic.len()],
        aggregate: if grouped {
            Pushdown::Exact
        } else {
            Pushdown::Unsupported
        },
        join: if tables.len() > 1 {
            Pushdown::Exact
        } else {
            Pushdown::Unsupported
        },
        order,
        limit,
    })
}

/// `a`, or `a,b` of a join.
fn name(tables: &[&Table]) -> RemoteName {
    let names: Vec<&str> = tables.iter().map(|table| table.name.name.as_str()).collect();
    RemoteName {
        database: tables.first().and_then(|table| table.name.database.clone()),
        name: names.join(","),
    }
}

/// `guard=exact filter=2/2 joins=1 groups=1 aggregates=2`, or `… order=exact limit=exact`: for people.
fn pushdown(scan: &ScanSpec, grouped: bool) -> String {
    let conditions = scan.filter.len();
    let mut text = format!("guard=exact filter={conditions}/{conditions}");
    let joins = scan.relation.tables().len().saturating_sub(1);
    if joins > 0 {
        text.push_str(&format!(" joins={joins}"));
    }
    if grouped {
        let (groups, aggregates) = (scan.group_by.len(), scan.aggregates.len());
        text.push_str(&format!(" groups={groups} aggregates={aggregates}"));
    } else if !scan.order.is_empty() {
        text.push_str(" order=exact limit=exact");
    }
    text
}

/// Does a condition ask for few values of a column that an index begins with?
fn is_lookup(table: &Table, scan: &ScanSpec) -> bool {
    let Relation::Table { guard, .. } = &scan.relation else {
        return true;
    };
    let indexed = |column: &ColumnId| {
        let known = table.columns.iter().find(|known| known.name == column.as_str());
        known.is_some_and(|known| known.indexed)
    };
    scan.filter
        .iter()
        .chain([&guard.rows])
        .any(|condition| is_point(condition, &indexed))
}

fn is_point(condition: &Predicate, indexed: &dyn Fn(&ColumnId) -> bool) -> bool {
    match condition {
        Predicate::False => true,
        Predicate::Compare {
            column,
            op: CompareOp::Eq,
            ..
        }
        | Predicate::InSet {
            column, or_null: false, ..
        } => indexed(&column.column),
        Predicate::And(parts) => parts.iter().any(|part| is_point(part, indexed)),
        Predicate::Or(parts) => parts.iter().all(|part| is_point(part, indexed)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::ScalarValue;

    use super::*;
    use crate::{
        postgres::types::{ColumnType, Comparison, Output, Wire},
        scan::{ColumnRef, Guard, OutputColumn, OutputValue},
        statement::PlannedScan,
    };

    fn table() -> Table {
        let column = |name: &str, wire: Wire, comparison| Column {
            name: name.to_owned(),
            kind: ColumnType {
                wire,
                dimensions: 0,
                output: Output::Plain,
                comparison,
            },
            sent: 0,
            collation: 0,
            indexed: false,
            written: String::new(),
        };
        Table {
            name: RemoteName::table("s", "t"),
            relation: "\"s\".\"t\"".to_owned(),
            oid: 1,
            stored: true,
            pages: 0,
            columns: vec![
                column("a\"b", Wire::Int8, Comparison::Ordered),
                column("t", Wire::Text, Comparison::Text),
            ],
            statistics: Statistics::default(),
        }
    }

    fn planned(guard: Predicate, limit: Option<u64>) -> PlannedScan<Literal> {
        let table = table();
        let output = OutputColumn {
            name: "x".to_owned(),
            value: OutputValue::Column(ColumnRef::of("a\"b")),
            data_type: arrow::datatypes::DataType::Int64,
            nullable: true,
        };
        let guard = Guard {
            rows: guard,
            masks: Vec::new(),
        };
        let mut scan = ScanSpec::table(Handle::new(()), vec![ColumnId::new("a\"b")], guard, vec![output]);
        scan.filter = vec![Predicate::compare("t", CompareOp::Lt, ScalarValue::from("x'; --"))];
        scan.limit = limit;
        write_scan(&table, &scan, &table.types()).expect("planned")
    }

    fn text(guard: Predicate, limit: Option<u64>) -> (String, Vec<String>) {
        let planned = planned(guard, limit);
        let literals = planned.parameters.into_iter().map(|literal| literal.text);
        (planned.text, literals.collect())
    }

    #[test]
    fn what_people_are_shown_has_no_literal() {
        let guard = Predicate::compare("a\"b", CompareOp::Eq, ScalarValue::Int64(Some(7)));
        let planned = planned(guard, Some(90_210));
        assert!(planned.text.ends_with(" LIMIT 90210"));
        assert!(planned.shown.ends_with("OFFSET 0) AS t0 LIMIT ?"), "{}", planned.shown);
        assert_eq!(planned.pushdown, "guard=exact filter=1/1 limit=exact");
    }

    #[test]
    fn a_guard_is_fenced_and_literals_are_bound() {
        let guard = Predicate::compare("a\"b", CompareOp::Eq, ScalarValue::Int64(Some(7)));
        let (sql, literals) = text(guard, Some(5));
        let expected = "SELECT t0.c0 FROM (SELECT s.\"a\"\"b\" AS c0 FROM \"s\".\"t\" AS s \
            WHERE ((s.\"a\"\"b\" = $1) AND (s.\"t\" COLLATE \"C\" < $2)) OFFSET 0) AS t0 LIMIT 5";
        assert_eq!(sql, expected);
        assert_eq!(literals, ["7", "x'; --"]);
    }

    #[test]
    fn without_a_guard_there_is_no_derived_table() {
        let (sql, _) = text(Predicate::True, None);
        assert_eq!(
            sql,
            "SELECT s.\"a\"\"b\" AS c0 FROM \"s\".\"t\" AS s WHERE (s.\"t\" COLLATE \"C\" < $1)"
        );
    }
}
