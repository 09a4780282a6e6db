//! How do the rows of a statement become Arrow batches? Extended protocol, binary values, straight into builders. Of rows
//! that the guard hides, the columns of the guard alone are decoded.

use std::{pin::pin, sync::Arc};

use arrow::array::ArrayRef;
use futures::TryStreamExt;
use tokio_postgres::{
    Row,
    types::{FromSql, Type},
};

use super::{
    decode::{ColumnBuilder, Misfit},
    error::from_postgres,
    plan::Scan,
    pool::Pools,
};
use crate::{
    batch_stream::{self, BatchSender, MAX_BATCH_BYTES},
    call::CallContext,
    error::{ConnectorError, ConnectorErrorKind, Result},
    read_stats::ReadCounters,
    split::{ReadRequest, ReadStream},
    statement::{GUARDED_ROWS, RowGuard, commented},
};

/// Capacity of new builders; larger batches grow.
const FIRST_ROWS: usize = 1_024;

/// Reads the scan. When the stream is dropped or cancelled, so is the lease, and with it the statement at the server.
pub(super) fn read(cx: &CallContext, pools: &Arc<Pools>, request: &ReadRequest) -> Result<ReadStream> {
    let scan = Arc::clone(request.split.get::<Arc<Scan>>()?);
    let rows = request.batch_rows.max(1);
    let (call, pools) = (cx.clone(), Arc::clone(pools));
    let schema = Arc::clone(&scan.schema);
    Ok(batch_stream::start(cx, schema, move |sender| async move {
        let lease = pools.lease(&call).await?;
        call.counters.add_request();
        let parameters = scan.parameters.iter().map(|literal| (literal, literal.kind.clone()));
        let stream = lease
            .client()?
            // Unnamed: the server keeps no statement, so that a comment of each query's own costs no memory.
            .query_typed_raw(&commented(&scan.text, &call), parameters)
            .await
            .map_err(from_postgres)?;
        Reader::new(&scan, rows, &call.counters).run(stream, &sender).await?;
        lease.give_back();
        Ok(())
    }))
}

/// Fills batches from rows.
struct Reader<'a> {
    scan: &'a Scan,
    counters: &'a ReadCounters,
    batch_rows: usize,
    builders: Vec<ColumnBuilder>,
    rows: usize,
}

impl<'a> Reader<'a> {
    fn new(scan: &'a Scan, batch_rows: usize, counters: &'a ReadCounters) -> Self {
        let capacity = batch_rows.min(FIRST_ROWS);
        let builders = scan
            .columns
            .iter()
            .map(|column| ColumnBuilder::new(column.kind.wire, capacity))
            .collect();
        Self {
            scan,
            counters,
            batch_rows,
            builders,
            rows: 0,
        }
    }

    async fn run(&mut self, stream: tokio_postgres::RowStream, sender: &BatchSender) -> Result<()> {
        let mut stream = pin!(stream);
        let (mut checked, mut ended) = (false, false);
        let mut waiting = Vec::new();
        while !ended {
            match stream.try_next().await.map_err(from_postgres)? {
                Some(row) => {
                    if !checked {
                        check(self.scan, &row)?;
                        checked = true;
                    }
                    self.counters
                        .add_bytes_source(u64::try_from(row.raw_size_bytes()).unwrap_or(u64::MAX));
                    waiting.push(row);
                }
                None => ended = true,
            }
            if !ended && self.scan.row_guard.is_some() && waiting.len() < GUARDED_ROWS {
                continue;
            }
            let visible = visible(self.scan, &waiting)?;
            for (row, _) in waiting.drain(..).zip(visible).filter(|(_, visible)| *visible) {
                self.append(&row)?;
                if self.rows >= self.batch_rows || self.data_bytes() >= MAX_BATCH_BYTES {
                    let (columns, rows) = self.take();
                    sender.send(columns, rows).await?;
                }
            }
        }
        if self.rows > 0 {
            let (columns, rows) = self.take();
            sender.send(columns, rows).await?;
        }
        Ok(())
    }

    fn append(&mut self, row: &Row) -> Result<()> {
        for (position, builder) in self.builders.iter_mut().enumerate() {
            let Raw(raw) = row.try_get(position).map_err(from_postgres)?;
            if let Err(found) = builder.append(raw) {
                return Err(self.misfit(position, found));
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn misfit(&self, position: usize, found: Misfit) -> ConnectorError {
        let error = ConnectorError::new(
            ConnectorErrorKind::SourceFailed,
            "a value does not fit the type of its column",
        );
        match self.scan.columns.get(position) {
            Some(column) => error.with_detail(format!(
                "column `{}` of type `{}`: {found}",
                column.name, column.written
            )),
            None => error,
        }
    }

    fn data_bytes(&self) -> usize {
        self.builders.iter().map(ColumnBuilder::data_bytes).sum()
    }

    fn take(&mut self) -> (Vec<ArrayRef>, usize) {
        (
            self.builders.iter_mut().map(ColumnBuilder::finish).collect(),
            std::mem::take(&mut self.rows),
        )
    }
}

/// Which rows may be decoded as a whole?
fn visible(scan: &Scan, rows: &[Row]) -> Result<Vec<bool>> {
    let Some(guard) = &scan.row_guard else {
        return Ok(vec![true; rows.len()]);
    };
    let mut sound = vec![true; rows.len()];
    let mut columns = Vec::new();
    for position in guard.positions() {
        let column = scan.columns.get(*position).ok_or_else(RowGuard::broken)?;
        let mut builder = ColumnBuilder::new(column.kind.wire, rows.len());
        for (row, sound) in rows.iter().zip(&mut sound) {
            let Raw(raw) = row.try_get(*position).map_err(from_postgres)?;
            if builder.append(raw).is_err() {
                builder.append(None).map_err(|_| RowGuard::broken())?;
                *sound = false;
            }
        }
        columns.push(builder.finish());
    }
    guard.visible(columns, &sound)
}

/// Are types and table still those that were described? Eight bytes of another type would decode to something.
fn check(scan: &Scan, row: &Row) -> Result<()> {
    let same =
        row.len() == scan.columns.len()
            && row.columns().iter().zip(&scan.columns).all(|(now, then)| {
                now.type_().oid() == then.sent && now.table_oid().is_none_or(|table| table == scan.oid)
            });
    if same {
        return Ok(());
    }
    Err(ConnectorError::new(
        ConnectorErrorKind::SchemaChanged,
        "the table is no longer as it was",
    ))
}

/// A value as it came.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
