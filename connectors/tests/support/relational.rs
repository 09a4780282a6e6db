//! How are the relational connectors asked in tests? Plans and reads; what all connectors promise is asked by `conformance`.

use std::{sync::Arc, time::Duration};

use arrow::{array::RecordBatch, compute::concat_batches};
use futures::TryStreamExt;
use lakegate_connectors::{
    call::CallContext,
    connection::Connection,
    connector::{Connector, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    contract,
    error::Result,
    predicate::Predicate,
    scan::{ColumnId, ColumnRef, Guard, OutputColumn, OutputValue, ScanSpec},
    split::{ReadRequest, ReadStream, SplitsRequest},
    table_spec::{RemoteName, TableSpec},
};

pub const BATCH_ROWS: usize = 7;

pub fn context(connection: &Arc<Connection>) -> CallContext {
    CallContext::new("test-query", Arc::clone(connection), Duration::from_secs(30))
}

pub async fn table(connector: &dyn Connector, cx: &CallContext, database: &str, name: &str) -> Result<TableSpec> {
    match connector
        .describe(cx, DescribeRequest::Table(RemoteName::table(database, name)))
        .await?
    {
        DescribeResponse::Table(spec) => Ok(*spec),
        other => panic!("not a table: {other:?}"),
    }
}

/// A scan of these columns of a table.
pub fn scan(spec: &TableSpec, columns: &[&str], guard: Guard, filter: Vec<Predicate>) -> ScanSpec {
    let output = columns.iter().map(|name| {
        let field = spec.schema.field_with_name(name).expect("column");
        OutputColumn {
            name: (*name).to_owned(),
            value: OutputValue::Column(ColumnRef::of(*name)),
            data_type: field.data_type().clone(),
            nullable: field.is_nullable(),
        }
    });
    let all = spec.columns.iter().map(|column| column.id.clone()).collect();
    let mut scan = ScanSpec::table(spec.handle.clone(), all, guard, output.collect());
    scan.filter = filter;
    scan
}

pub fn guard(rows: Predicate) -> Guard {
    Guard {
        rows,
        masks: Vec::<(ColumnId, _)>::new(),
    }
}

pub async fn open(connector: &dyn Connector, cx: &CallContext, scan: ScanSpec) -> Result<(PlanResponse, ReadStream)> {
    let planned = connector.plan(cx, PlanRequest { scan }).await?;
    let request = SplitsRequest {
        scan: planned.handle.clone(),
        parallelism: 4,
        token: None,
    };
    let page = connector.splits(cx, request).await?;
    assert_eq!((page.splits.len(), page.next), (1, None));
    let split = page.splits.first().expect("split").handle.clone();
    let request = ReadRequest {
        split,
        batch_rows: BATCH_ROWS,
        dynamic: Vec::new(),
        row_hint: None,
    };
    let stream = connector.read(cx, request).await?;
    assert_eq!(stream.schema, planned.schema);
    Ok((planned, stream))
}

/// Plan and all rows, every batch checked against the planned schema.
pub async fn read(connector: &dyn Connector, cx: &CallContext, scan: ScanSpec) -> Result<(PlanResponse, RecordBatch)> {
    let (planned, stream) = open(connector, cx, scan).await?;
    let batches: Vec<RecordBatch> = stream.batches.try_collect().await?;
    for batch in &batches {
        assert_eq!(batch.schema(), planned.schema);
        assert!(batch.num_rows() > 0 && batch.num_rows() <= BATCH_ROWS);
    }
    let whole = concat_batches(&planned.schema, &batches).expect("batches");
    Ok((planned, whole))
}

/// Pushed = not pushed, for guards and conjuncts drawn from the seeds; tells how many verdicts of each kind there were.
pub async fn pushed_is_not_pushed(
    connector: &dyn Connector,
    cx: &CallContext,
    spec: &TableSpec,
    seeds: u64,
) -> [usize; 3] {
    contract::pushdown::pushed_is_not_pushed(connector, cx, spec, (0..seeds, false))
        .await
        .expect("pushed = not pushed")
}
