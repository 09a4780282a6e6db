//! How are ORC files scanned? Stripe by stripe, the streams of the wanted columns only; by place or by name.
//!
//! The reader is our own: those that exist bring features of the engine's crates with them, and end a process or shift times
//! on files that users have (engine-gaps §7, ADR 0033).

mod column;
mod decimals;
mod messages;
mod moment;
mod runs;
mod schema;
mod stream;
mod stripe;
mod tail;
mod texts;

use std::sync::{Arc, PoisonError};

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::DataType,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{ObjectMeta, ObjectStore};

use column::Column;
use schema::Node;
use stripe::{Layout, footer_range};
use tail::{Source, Tail};

use super::{fitted::Fitted, options::FormatOptions, parquet::ScanState, text::Wanted};
use crate::error::{ConnectorError, Result};

/// Does a table read the columns of a file by their places?
pub(super) fn by_position(options: &FormatOptions) -> bool {
    options.by_position
}

/// The columns of an ORC file, as its footer declares them.
///
/// # Errors
/// `CORRUPT_FILE`, `NOT_SUPPORTED`, and those of the store.
pub(super) async fn columns(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta) -> Result<Vec<(String, DataType)>> {
    let mut source = Source::new(Arc::clone(store), meta.clone());
    let first = source.first_fetch();
    let tail = source.tail(first).await;
    let tail = tail.map_err(|error| of_file(error, meta))?;
    Ok(types(&tail.columns))
}

fn types(columns: &[(String, Node)]) -> Vec<(String, DataType)> {
    let columns = columns.iter();
    columns.map(|(name, node)| (name.clone(), node.data_type())).collect()
}

fn of_file(error: ConnectorError, meta: &ObjectMeta) -> ConnectorError {
    match error.file() {
        None | Some("") => error.with_file(meta.location.as_ref()),
        Some(_) => error,
    }
}

/// A file while it is read.
struct Reading {
    source: Source,
    tail: Tail,
    fitted: Fitted,
    wanted: Wanted,
    /// Places in the file of the columns that are read, ascending.
    chosen: Vec<usize>,
    /// Numbers of their types, ascending.
    numbers: Vec<u32>,
    state: ScanState,
    /// The next stripe.
    next: usize,
    /// Rows left in the stripe that is read.
    left: u64,
    columns: Vec<Column>,
}

/// Opens a file; its batches have the wanted columns.
pub(super) async fn open(
    store: Arc<dyn ObjectStore>,
    wanted: Wanted,
    state: ScanState,
    meta: ObjectMeta,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let mut source = Source::new(store, meta.clone());
    let first = source.first_fetch();
    let tail = source.tail(first).await.map_err(|error| of_file(error, &meta))?;
    let opened = state
        .opened
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(meta.location.clone());
    if opened {
        state.meter.opened_file();
        state.meter.scanned(tail.length);
    }
    let reading = Reading::new(source, tail, wanted, state).map_err(|error| of_file(error, &meta))?;
    let batches = futures::stream::try_unfold(reading, |mut reading| async move {
        let batch = reading
            .batch()
            .await
            .map_err(|error| of_file(error, &reading.source.meta))?;
        Ok(batch.map(|batch| (batch, reading)))
    });
    Ok(batches.boxed())
}

impl Reading {
    fn new(source: Source, tail: Tail, wanted: Wanted, state: ScanState) -> Result<Self> {
        let types = types(&tail.columns);
        let restricted = wanted.table.restricted;
        let fitted = if by_position(&wanted.table.options) {
            let place = |name: &str| {
                wanted
                    .table
                    .declared
                    .index_of(name)
                    .ok()
                    .filter(|place| *place < types.len())
            };
            let places = wanted.schema.fields().iter().map(|field| place(field.name())).collect();
            Fitted::at(&wanted.schema, places, &types, restricted)?
        } else {
            Fitted::new(&wanted.schema, &types, restricted)?
        };
        let mut chosen: Vec<usize> = fitted.wanted().collect();
        chosen.sort_unstable();
        chosen.dedup();
        let mut numbers = Vec::new();
        for (name, node) in chosen.iter().filter_map(|place| tail.columns.get(*place)) {
            if let Some(what) = node.unread() {
                let what = format!("{what} (column `{name}` of an ORC file)");
                return Err(ConnectorError::unsupported(what));
            }
            node.each(&mut |number| numbers.push(number));
        }
        numbers.sort_unstable();
        Ok(Self {
            source,
            tail,
            fitted,
            wanted,
            chosen,
            numbers,
            state,
            next: 0,
            left: 0,
            columns: Vec::new(),
        })
    }

    async fn batch(&mut self) -> Result<Option<RecordBatch>> {
        while self.left == 0 {
            if !self.stripe().await? {
                return Ok(None);
            }
        }
        let most = self.left.min(self.wanted.batch_size as u64);
        let rows = usize::try_from(most).unwrap_or(self.wanted.batch_size);
        self.left -= most;
        let mut arrays: Vec<(usize, ArrayRef)> = Vec::with_capacity(self.columns.len());
        for (place, column) in self.chosen.iter().zip(&mut self.columns) {
            arrays.push((*place, column.read(rows, None)?));
        }
        let batch = self.fitted.batch(rows, &mut |place| {
            let found = arrays.iter().find(|(known, _)| *known == place);
            found
                .map(|(_, array)| Arc::clone(array))
                .ok_or_else(|| stream::bad("a column was not read"))
        });
        batch.map(Some)
    }

    /// Begins the next stripe; `false`: there is none.
    async fn stripe(&mut self) -> Result<bool> {
        let Some(stripe) = self.tail.stripes.get(self.next).copied() else {
            return Ok(false);
        };
        self.next += 1;
        self.left = stripe.rows;
        self.columns.clear();
        if self.chosen.is_empty() || stripe.rows == 0 {
            return Ok(true);
        }
        let range = footer_range(&stripe).ok_or_else(|| stream::bad("a stripe lies outside of the file"))?;
        self.state.meter.scanned(range.end - range.start);
        let footer = self.source.fetch(range).await?;
        let layout = Layout::new(&self.tail, &stripe, footer, &self.numbers)?;
        let mut stored = Vec::with_capacity(layout.places.len());
        for (_, _, range) in &layout.places {
            self.state.meter.scanned(range.end - range.start);
            stored.push(self.source.fetch(range.clone()).await?);
        }
        let mut streams = layout.streams(stored);
        for (_, node) in self.chosen.iter().filter_map(|place| self.tail.columns.get(*place)) {
            self.columns.push(Column::new(node, &mut streams)?);
        }
        Ok(true)
    }
}
