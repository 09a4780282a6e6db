//! What of a scan does SQLite do? Everything is known from the table's handle: planning asks nothing of the file.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::statement::{Column, Literal, Table};
use crate::{
    capability::{Consistency, OrderVerdict, Pushdown},
    connector::PlanResponse,
    error::{ConnectorError, Result},
    scan::{Relation, ScanSpec},
    split::Handle,
    statement::{RowGuard, write_scan},
    table_spec::Statistics,
};

/// A planned scan: the statement and how its rows are read. The last column of a row is its rowid.
#[derive(Debug)]
pub(super) struct Scan {
    pub text: String,
    /// The text without any literal.
    pub shown: String,
    pub pushdown: String,
    pub parameters: Vec<Literal>,
    pub schema: SchemaRef,
    /// Columns of the table, one per field of `schema`.
    pub columns: Vec<Column>,
    pub row_guard: Option<RowGuard>,
    pub table: String,
}

/// Verdicts and handle.
pub(super) fn plan(scan: &ScanSpec) -> Result<PlanResponse> {
    let Relation::Table { table, .. } = &scan.relation else {
        return Err(ConnectorError::unsupported("a join at the source is not supported"));
    };
    let table = table.get::<Arc<Table>>()?;
    let planned = write_scan(table.as_ref(), scan, &table.types())?;
    let columns = planned
        .positions
        .iter()
        .filter_map(|position| table.columns.get(*position).cloned())
        .collect();
    let handle = Scan {
        text: planned.text,
        shown: planned.shown,
        pushdown: planned.pushdown,
        parameters: planned.parameters,
        schema: Arc::clone(&planned.schema),
        columns,
        row_guard: planned.row_guard,
        table: table.name.clone(),
    };
    Ok(PlanResponse {
        handle: Handle::new(Arc::new(handle)),
        schema: planned.schema,
        estimate: Statistics::default(),
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

#[cfg(test)]
mod tests {
    use datafusion::common::ScalarValue;

    use super::*;
    use crate::{
        predicate::{CompareOp, Predicate},
        scan::Guard,
        sqlite::types::{ColumnType, Storage},
    };

    #[test]
    fn a_guard_is_fenced_and_literals_are_bound() {
        let column = |name: &str, storage| Column {
            name: name.to_owned(),
            kind: ColumnType::new(storage, false, true),
        };
        let table = Table {
            name: "t".to_owned(),
            relation: "\"main\".\"t\"".to_owned(),
            columns: vec![column("a\"b", Storage::Integer), column("t", Storage::Text)],
            stored: true,
            row_id: Some("rowid".to_owned()),
        };
        let rows = Predicate::compare("t", CompareOp::Eq, ScalarValue::from("x'; --"));
        let scan = ScanSpec {
            limit: Some(5),
            filter: vec![Predicate::compare(
                "a\"b",
                CompareOp::NotEq,
                ScalarValue::Int64(Some(7)),
            )],
            ..ScanSpec::table(Handle::new(()), vec![], Guard { rows, masks: vec![] }, vec![])
        };
        let planned = write_scan(&table, &scan, &table.types()).expect("planned");
        let expected = "SELECT t0.c0 FROM (SELECT s.\"rowid\" AS c0 FROM \"main\".\"t\" AS s \
            WHERE ((s.\"t\" COLLATE BINARY = ?1) AND (s.\"a\"\"b\" <> ?2)) LIMIT -1 OFFSET 0) AS t0 LIMIT 5";
        assert_eq!(planned.text, expected);
        assert_eq!(
            planned.parameters,
            [Literal::Text("x'; --".to_owned()), Literal::Integer(7)]
        );
    }
}
