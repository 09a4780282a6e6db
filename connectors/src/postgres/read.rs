//! How do the rows of a statement become Arrow batches? In blocks, column by column, from the wire straight into builders. Of rows
//! that the guard hides, the columns of the guard alone are decoded.

use std::{pin::pin, sync::Arc};

use arrow::array::ArrayRef;
use futures::TryStreamExt;
use tokio_postgres::Row;

use super::{
    decode::{ColumnBuilder, Misfit},
    error::from_postgres,
    part::Part,
    passthrough,
    plan::Scan,
    pool::{Lease, Pools},
    rows::{Copied, Waiting},
};
use crate::{
    batch_stream::{self, BatchSender, MAX_BATCH_BYTES},
    call::CallContext,
    error::{ConnectorError, ConnectorErrorKind, Result},
    read_stats::ReadCounters,
    split::{ReadRequest, ReadStream},
    statement::{GUARDED_ROWS, RowGuard, commented},
};

/// Capacity of the first builders; a larger batch grows, and the next one is as large from the beginning.
const FIRST_ROWS: usize = 256;
/// Rows that wait for each other are no more than this: what is decoded together stays in the nearest caches.
const BLOCK_ROWS: usize = 128;
const BLOCK_BYTES: usize = 1 << 18;

/// Reads a split. When the stream is dropped or cancelled, so is the lease, and with it the statement at the server.
pub(super) fn read(cx: &CallContext, pools: &Arc<Pools>, request: &ReadRequest) -> Result<ReadStream> {
    let split = request.split.clone();
    let rows = request.batch_rows.max(1);
    let (call, pools) = (cx.clone(), Arc::clone(pools));
    let schema = Arc::clone(&split.get::<Part>()?.scan.schema);
    Ok(batch_stream::start(cx, schema, move |sender| async move {
        // It is held as long as it is read, and with it the snapshot.
        let part = split.get::<Part>()?;
        let lease = part.lease(&call, &pools).await?;
        call.counters.add_request();
        if part.scan.is_statement() {
            passthrough::begin(lease.client()?).await?;
        }
        if part.is_copied() {
            copy(part, &lease, &call, rows, &sender).await?;
        } else {
            select(part, &lease, &call, rows, &sender).await?;
        }
        part.give_back(lease).await
    }))
}

async fn select(part: &Part, lease: &Lease, call: &CallContext, rows: usize, sender: &BatchSender) -> Result<()> {
    let scan = part.scan.as_ref();
    let parameters = scan.parameters.iter().map(|literal| (literal, literal.kind.clone()));
    let stream = lease
        .client()?
        // Unnamed: the server keeps no statement, so that a comment of each query's own costs no memory.
        .query_typed_raw(&commented(&part.text()?, call), parameters)
        .await
        .map_err(from_postgres)?;
    let mut stream = pin!(stream);
    let mut reader = Reader::new(scan, rows, &call.counters, Vec::<Row>::new());
    let mut checked = false;
    while let Some(row) = stream.try_next().await.map_err(|error| failed(scan, error))? {
        if !checked {
            scan.check(row.columns())?;
            checked = true;
        }
        reader.came(row.raw_size_bytes());
        reader.waiting.push(row);
        if reader.is_full() {
            reader.decode(sender).await?;
        }
    }
    reader.finish(sender).await
}

/// `numeric_value_out_of_range` of a group's sum is the engine's overflow.
fn failed(scan: &Scan, error: tokio_postgres::Error) -> ConnectorError {
    let failure = from_postgres(error);
    if scan.sums && failure.status() == Some("22003") {
        return ConnectorError::sum_out_of_range().with_source(failure);
    }
    failure
}

async fn copy(part: &Part, lease: &Lease, call: &CallContext, rows: usize, sender: &BatchSender) -> Result<()> {
    let (scan, client, text) = (part.scan.as_ref(), lease.client()?, part.text()?);
    // Rows of a COPY do not say their types. Parsing the statement tells them, and locks the table until the transaction ends.
    let statement = client.prepare(&text).await.map_err(from_postgres)?;
    scan.check(statement.columns())?;
    let copy = commented(&format!("COPY ({text}) TO STDOUT (FORMAT binary)"), call);
    let stream = client.copy_out(&copy).await.map_err(from_postgres)?;
    let mut stream = pin!(stream);
    let mut reader = Reader::new(scan, rows, &call.counters, Copied::new(scan.columns.len()));
    while let Some(message) = stream.try_next().await.map_err(from_postgres)? {
        reader.came(message.len());
        reader.waiting.push(message)?;
        if reader.is_full() {
            reader.decode(sender).await?;
        }
    }
    reader.waiting.finish()?;
    reader.finish(sender).await
}

/// Fills batches from rows.
struct Reader<'a, W> {
    scan: &'a Scan,
    counters: &'a ReadCounters,
    batch_rows: usize,
    waiting: W,
    /// Bytes of the rows that wait.
    bytes: usize,
    builders: Vec<ColumnBuilder>,
    rows: usize,
    /// Bytes of the rows in the builders, as they came.
    taken: usize,
}

impl<'a, W: Waiting> Reader<'a, W> {
    fn new(scan: &'a Scan, batch_rows: usize, counters: &'a ReadCounters, waiting: W) -> Self {
        Self {
            scan,
            counters,
            batch_rows,
            waiting,
            bytes: 0,
            builders: builders(scan, batch_rows.min(FIRST_ROWS)),
            rows: 0,
            taken: 0,
        }
    }

    /// So many bytes were read.
    fn came(&mut self, bytes: usize) {
        self.counters.add_bytes_source(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Has enough come to be decoded?
    fn is_full(&self) -> bool {
        let wanted = if self.scan.row_guard.is_some() {
            GUARDED_ROWS
        } else {
            BLOCK_ROWS.min(self.batch_rows.saturating_sub(self.rows)).max(1)
        };
        self.waiting.count() >= wanted || self.bytes >= BLOCK_BYTES
    }

    /// Decodes what waits, and hands on what is a whole batch.
    async fn decode(&mut self, sender: &BatchSender) -> Result<()> {
        let visible = visible(self.scan, &self.waiting)?;
        let mut left = visible.as_slice();
        while !left.is_empty() {
            let room = self.batch_rows.saturating_sub(self.rows).max(1);
            let (now, later) = left.split_at(room.min(left.len()));
            self.append(now)?;
            left = later;
            if self.rows >= self.batch_rows {
                self.send(sender).await?;
            }
        }
        self.waiting.forget();
        self.taken += std::mem::take(&mut self.bytes);
        if self.taken >= MAX_BATCH_BYTES && self.rows > 0 {
            self.send(sender).await?;
        }
        Ok(())
    }

    /// Everything has come.
    async fn finish(&mut self, sender: &BatchSender) -> Result<()> {
        self.decode(sender).await?;
        if self.rows > 0 {
            self.send(sender).await?;
        }
        Ok(())
    }

    fn append(&mut self, rows: &[usize]) -> Result<()> {
        for (column, builder) in self.builders.iter_mut().enumerate() {
            let values = rows.iter().map(|row| self.waiting.value(*row, column));
            if let Err(found) = builder.extend(values) {
                return Err(misfit(self.scan, column, found));
            }
        }
        self.rows += rows.len();
        Ok(())
    }

    async fn send(&mut self, sender: &BatchSender) -> Result<()> {
        let next = builders(self.scan, self.rows);
        let mut full = std::mem::replace(&mut self.builders, next);
        let columns: Vec<ArrayRef> = full.iter_mut().map(ColumnBuilder::finish).collect();
        self.taken = 0;
        sender.send(columns, std::mem::take(&mut self.rows)).await
    }
}

fn builders(scan: &Scan, rows: usize) -> Vec<ColumnBuilder> {
    let columns = scan.columns.iter();
    columns.map(|column| ColumnBuilder::new(column.kind, rows)).collect()
}

fn misfit(scan: &Scan, column: usize, found: Misfit) -> ConnectorError {
    if scan.sums && found == Misfit::Decimal {
        return ConnectorError::sum_out_of_range();
    }
    let error = ConnectorError::new(
        ConnectorErrorKind::SourceFailed,
        "a value does not fit the type of its column",
    );
    match scan.columns.get(column) {
        Some(column) => error.with_detail(format!(
            "column `{}` of type `{}`: {found}",
            column.name, column.written
        )),
        None => error,
    }
}

/// Which rows may be decoded as a whole?
fn visible(scan: &Scan, rows: &impl Waiting) -> Result<Vec<usize>> {
    let count = rows.count();
    let Some(guard) = &scan.row_guard else {
        return Ok((0..count).collect());
    };
    let mut sound = vec![true; count];
    let mut columns = Vec::new();
    for position in guard.positions() {
        let column = scan.columns.get(*position).ok_or_else(RowGuard::broken)?;
        let mut builder = ColumnBuilder::new(column.kind, count);
        for (row, sound) in sound.iter_mut().enumerate() {
            let value = rows.value(row, *position);
            if value.and_then(|value| builder.append(value)).is_err() {
                builder.append(None).map_err(|_| RowGuard::broken())?;
                *sound = false;
            }
        }
        columns.push(builder.finish());
    }
    let visible = guard.visible(columns, &sound)?;
    Ok((0..count)
        .zip(visible)
        .filter_map(|(row, visible)| visible.then_some(row))
        .collect())
}
