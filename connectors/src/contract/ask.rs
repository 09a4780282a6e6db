//! How does the suite ask? Plans, splits and reads as the engine does, every answer checked against what was promised.

use arrow::{
    array::{Array, Int64Array, RecordBatch},
    compute::{cast, concat_batches, filter_record_batch},
    datatypes::DataType,
};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};

use super::{Broken, ensure};
use crate::{
    call::CallContext,
    capability::Pushdown,
    connector::{Connector, DescribeRequest, DescribeResponse, PlanRequest, PlanResponse},
    error::{ConnectorError, ConnectorErrorKind, Result},
    predicate::Predicate,
    scan::{ColumnRef, Guard, OutputColumn, OutputValue, ScanSpec},
    split::{Handle, ReadRequest, Split, SplitsRequest},
    table_spec::{RemoteName, TableSpec},
};

/// Rows of a batch, at most, so that small tables have several.
pub const BATCH_ROWS: usize = 7;

/// A table as the source has it now.
///
/// # Errors
/// Those of the source.
pub async fn table(connector: &dyn Connector, cx: &CallContext, database: &str, name: &str) -> Result<TableSpec> {
    let request = DescribeRequest::Table(RemoteName::table(database, name));
    match connector.describe(cx, request).await? {
        DescribeResponse::Table(spec) => Ok(*spec),
        _ => Err(ConnectorError::new(ConnectorErrorKind::Protocol, "not a table")),
    }
}

/// A scan of some columns, or of all that can be read.
#[must_use]
pub fn scan(spec: &TableSpec, columns: &[&str], guard: Guard, filter: Vec<Predicate>) -> ScanSpec {
    let wanted = spec.schema.fields().iter().zip(&spec.columns);
    let output = wanted
        .filter(|(field, column)| {
            column.unsupported.is_none() && (columns.is_empty() || columns.contains(&field.name().as_str()))
        })
        .map(|(field, _)| OutputColumn {
            name: field.name().clone(),
            value: OutputValue::Column(ColumnRef::of(field.name().as_str())),
            data_type: field.data_type().clone(),
            nullable: field.is_nullable(),
        });
    let all = spec.columns.iter().map(|column| column.id.clone()).collect();
    let mut scan = ScanSpec::table(spec.handle.clone(), all, guard, output.collect());
    scan.filter = filter;
    scan
}

/// A guard of rows.
#[must_use]
pub fn guard(rows: Predicate) -> Guard {
    Guard {
        rows,
        masks: Vec::new(),
    }
}

/// The whole plan: verdicts and all splits, page by page.
///
/// # Errors
/// Those of the source; `CONNECTOR_PROTOCOL` where an answer does not fit the question.
pub async fn plan(connector: &dyn Connector, cx: &CallContext, scan: ScanSpec) -> Result<(PlanResponse, Vec<Split>)> {
    let (conjuncts, slots) = (scan.filter.len(), scan.dynamic.len());
    let planned = connector.plan(cx, PlanRequest { scan }).await?;
    if planned.filter.len() != conjuncts || planned.dynamic.len() != slots {
        return Err(ConnectorError::new(
            ConnectorErrorKind::Protocol,
            "a verdict is missing",
        ));
    }
    let mut splits = Vec::new();
    let mut token = None;
    loop {
        let request = SplitsRequest {
            scan: planned.handle.clone(),
            parallelism: 4,
            token,
        };
        let page = connector.splits(cx, request).await?;
        splits.extend(page.splits);
        token = page.next;
        if token.is_none() {
            return Ok((planned, splits));
        }
    }
}

/// Reads a split in small batches.
#[must_use]
pub fn read_request(split: &Handle) -> ReadRequest {
    read_request_of(split, BATCH_ROWS)
}

fn read_request_of(split: &Handle, batch_rows: usize) -> ReadRequest {
    ReadRequest {
        split: split.clone(),
        batch_rows,
        dynamic: Vec::new(),
        row_hint: None,
    }
}

/// Plans, and opens the splits one after the other.
///
/// # Errors
/// Those of the source.
pub async fn open(
    connector: &dyn Connector,
    cx: &CallContext,
    scan: ScanSpec,
) -> Result<(PlanResponse, BoxStream<'static, Result<RecordBatch>>)> {
    open_sized(connector, cx, scan, BATCH_ROWS).await
}

/// The same, with batches of that many rows.
///
/// # Errors
/// Those of the source.
pub async fn open_sized(
    connector: &dyn Connector,
    cx: &CallContext,
    scan: ScanSpec,
    batch_rows: usize,
) -> Result<(PlanResponse, BoxStream<'static, Result<RecordBatch>>)> {
    let (planned, splits) = plan(connector, cx, scan).await?;
    let batches = open_planned(connector, cx, &planned, &splits, batch_rows).await?;
    Ok((planned, batches))
}

/// Opens all splits at once, to be read one after the other.
///
/// # Errors
/// Those of the source.
pub async fn open_planned(
    connector: &dyn Connector,
    cx: &CallContext,
    planned: &PlanResponse,
    splits: &[Split],
    batch_rows: usize,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let mut streams = Vec::new();
    for split in splits {
        let stream = connector.read(cx, read_request_of(&split.handle, batch_rows)).await?;
        if stream.schema != planned.schema {
            return Err(ConnectorError::new(
                ConnectorErrorKind::Protocol,
                "a read has another schema than its plan",
            ));
        }
        streams.push(stream.batches);
    }
    Ok(futures::stream::iter(streams).flatten().boxed())
}

/// Tells the source that none of these splits is read any more.
///
/// # Errors
/// Those of the source.
pub async fn release(connector: &dyn Connector, cx: &CallContext, splits: &[Split]) -> Result<()> {
    match splits {
        [first, _, ..] => connector.release(cx, &first.handle).await,
        _ => Ok(()),
    }
}

/// Plan and all rows; every batch has the planned schema, is not empty and not larger than asked for.
///
/// # Errors
/// Those of the source.
pub async fn read(connector: &dyn Connector, cx: &CallContext, scan: ScanSpec) -> Result<(PlanResponse, RecordBatch)> {
    let (planned, splits) = plan(connector, cx, scan).await?;
    let outcome = async {
        let stream = open_planned(connector, cx, &planned, &splits, BATCH_ROWS).await?;
        stream.try_collect::<Vec<RecordBatch>>().await
    };
    let outcome = outcome.await;
    // A call that was cancelled, or is late, cannot tell any more.
    let told = release(connector, cx, &splits).await;
    let batches = outcome?;
    told?;
    let fits = |batch: &RecordBatch| batch.schema() == planned.schema && (1..=BATCH_ROWS).contains(&batch.num_rows());
    if !batches.iter().all(fits) {
        return Err(ConnectorError::new(
            ConnectorErrorKind::Protocol,
            "a batch is not as planned",
        ));
    }
    let whole = concat_batches(&planned.schema, &batches)?;
    Ok((planned, whole))
}

/// What the engine keeps above the scan.
///
/// # Errors
/// If a verdict is missing.
pub fn residual(planned: &PlanResponse, guard: &Predicate, filter: &[Predicate]) -> Result<Vec<Predicate>, Broken> {
    ensure!(planned.filter.len() == filter.len(), "a verdict is missing");
    let mut kept = Vec::new();
    if planned.guard != Pushdown::Exact {
        kept.push(guard.clone());
    }
    let open = filter
        .iter()
        .zip(&planned.filter)
        .filter(|(_, verdict)| **verdict != Pushdown::Exact);
    kept.extend(open.map(|(one, _)| one.clone()));
    Ok(kept)
}

/// The `id`s of the rows that pass, in order.
///
/// # Errors
/// If the batch has no `id`, or a predicate does not fit it.
pub fn passing(batch: &RecordBatch, predicates: &[Predicate]) -> Result<Vec<i64>, Broken> {
    let outcome = Predicate::And(predicates.to_vec()).evaluate(batch)?;
    let rows = filter_record_batch(batch, &outcome)?;
    let column = rows
        .column_by_name("id")
        .ok_or_else(|| Broken::new("the table has no column `id`"))?;
    let ids = cast(column, &DataType::Int64)?;
    let ids = ids
        .as_any()
        .downcast_ref::<Int64Array>()
        .ok_or_else(|| Broken::new("`id` is no number"))?;
    let mut ids: Vec<i64> = ids.iter().flatten().collect();
    ids.sort_unstable();
    Ok(ids)
}
