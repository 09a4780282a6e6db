//! How are ORC files scanned? Stripe by stripe, the streams of the wanted columns only; by place or by name.
//!
//! The reader is our own: those that exist bring features of the engine's crates with them, and end a process or shift times
//! on files that users have (engine-gaps §7, ADR 0033).

mod column;
mod decimals;
mod figures;
mod messages;
mod moment;
mod runs;
mod schema;
mod statistics;
mod stream;
mod stripe;
mod tail;
mod texts;

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{Arc, PoisonError},
};

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use datafusion::physical_expr::{PhysicalExpr, utils::collect_columns};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{ObjectMeta, ObjectStore};

use column::Column;
pub(super) use figures::Figures;
use schema::Node;
use statistics::{Columns, Statistics, kept};
use stripe::{Layout, footer_range};
use tail::{Source, Tail};

use super::{
    fitted::Fitted,
    metadata_cache::MetadataCache,
    options::FormatOptions,
    parquet::{ScanState, find_columns},
    text::Wanted,
};
use crate::error::{ConnectorError, Result};

/// Does a table read the columns of a file by their places?
pub(super) fn by_position(options: &FormatOptions) -> bool {
    options.by_position
}

/// The columns of an ORC file, as its footer declares them.
///
/// # Errors
/// `CORRUPT_FILE`, `NOT_SUPPORTED`, and those of the store.
pub(super) async fn columns(
    cache: &MetadataCache,
    store_id: &str,
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
) -> Result<Vec<(String, DataType)>> {
    let mut source = Source::new(Arc::clone(store), meta.clone());
    let tail = known_tail(cache, store_id, &mut source).await?;
    Ok(types(&tail.columns))
}

/// The end of a file, read once while the file is the same.
async fn known_tail(cache: &MetadataCache, store_id: &str, source: &mut Source) -> Result<Arc<Tail>> {
    let meta = source.meta.clone();
    let first = source.first_fetch();
    let read = async { source.tail(first).await.map_err(|error| of_file(error, &meta)) };
    cache.known(store_id, &meta, |tail: &Tail| tail.held, read).await
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
    tail: Arc<Tail>,
    fitted: Fitted,
    wanted: Wanted,
    /// Places in the file of the columns that are read, ascending.
    chosen: Vec<usize>,
    /// Numbers of their types, ascending.
    numbers: Vec<u32>,
    state: ScanState,
    /// The next stripe.
    next: usize,
    /// Per stripe: it may hold a row that passes. `None`: all may.
    kept: Option<Vec<bool>>,
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
    let tail = known_tail(&state.cache, &state.store_id, &mut source).await?;
    let opened = state
        .opened
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(meta.location.clone());
    if opened {
        state.meter.opened_file();
        state.meter.scanned(tail.length);
    }
    let mut reading = Reading::new(source, tail, wanted, state).map_err(|error| of_file(error, &meta))?;
    reading.prune(opened).await.map_err(|error| of_file(error, &meta))?;
    let batches = futures::stream::try_unfold(reading, |mut reading| async move {
        let batch = reading
            .batch()
            .await
            .map_err(|error| of_file(error, &reading.source.meta))?;
        Ok(batch.map(|batch| (batch, reading)))
    });
    Ok(batches.boxed())
}

/// The places in a file of columns of the table, by name or by their place in the table.
fn places(options: &FormatOptions, declared: &Schema, names: &[&str], tail: &Tail) -> Result<Vec<Option<usize>>> {
    if by_position(options) {
        let place = |name: &&str| declared.index_of(name).ok().filter(|place| *place < tail.columns.len());
        return Ok(names.iter().map(place).collect());
    }
    let fields = tail.columns.iter();
    let fields = fields.map(|(name, node)| Field::new(name, node.data_type(), true));
    find_columns(names, &Schema::new(fields.collect::<Vec<_>>()))
}

/// Where the statistics of the stripes are, if any stripe could be left out by them.
fn statistics_of(tail: &Tail) -> Option<Range<u64>> {
    tail.statistics.clone().filter(|_| tail.stripes.len() > 1)
}

/// The statistics at this place, read once while the file is the same.
async fn known_statistics(
    cache: &MetadataCache,
    store_id: &str,
    source: &Source,
    tail: &Tail,
    range: Range<u64>,
) -> Result<Arc<Statistics>> {
    let read = async { Statistics::new(tail, source.fetch(range).await?) };
    cache.known(store_id, &source.meta, Statistics::bytes, read).await
}

/// The columns of a file by which stripes may be left out for a condition: those in it that come from files. A partition's value wins
/// over a column of its name in the file.
fn compared<'a>(condition: &Condition<'_>, names: &'a BTreeSet<String>, tail: &'a Tail) -> Result<Columns<'a>> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let places = places(condition.options, condition.declared, &names, tail)?;
    let found = names.into_iter().zip(places);
    Ok(found
        .filter_map(|(name, place)| Some((name, &tail.columns.get(place?)?.1)))
        .collect())
}

/// A condition by which stripes may be left out, and the table that it is over.
struct Condition<'a> {
    options: &'a FormatOptions,
    /// Columns as they are declared.
    declared: &'a Schema,
    /// Columns that come from files.
    of_files: &'a Schema,
    /// What `holds` is over.
    raw: &'a SchemaRef,
    holds: &'a Arc<dyn PhysicalExpr>,
}

impl Condition<'_> {
    /// Per stripe: may it hold a row that passes? `None`: all may.
    fn kept(&self, tail: &Tail, statistics: &Statistics) -> Result<Option<Vec<bool>>> {
        let used = collect_columns(self.holds);
        let names = used.iter().map(|column| column.name().to_owned());
        let names: BTreeSet<String> = names.filter(|name| self.of_files.index_of(name).is_ok()).collect();
        let columns = compared(self, &names, tail)?;
        Ok(kept(tail, statistics, &columns, self.raw, self.holds))
    }
}

impl Reading {
    fn new(source: Source, tail: Arc<Tail>, wanted: Wanted, state: ScanState) -> Result<Self> {
        let types = types(&tail.columns);
        let restricted = wanted.table.restricted;
        let names: Vec<&str> = wanted
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let places = places(&wanted.table.options, &wanted.table.declared, &names, &tail)?;
        let fitted = Fitted::at(&wanted.schema, places, &types, restricted)?;
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
            kept: None,
            left: 0,
            columns: Vec::new(),
        })
    }

    /// Finds out which stripes cannot hold a row that passes; their statistics count as read by who opens the file first.
    async fn prune(&mut self, first: bool) -> Result<()> {
        let table = Arc::clone(&self.wanted.table);
        let (Some(holds), Some(range)) = (&table.prune, statistics_of(&self.tail)) else {
            return Ok(());
        };
        if first {
            self.state.meter.scanned(range.end - range.start);
        }
        let (cache, store_id) = (&self.state.cache, &self.state.store_id);
        let statistics = known_statistics(cache, store_id, &self.source, &self.tail, range).await?;
        let condition = Condition {
            options: &table.options,
            declared: &table.declared,
            of_files: &table.of_files,
            raw: &table.raw,
            holds,
        };
        self.kept = condition.kept(&self.tail, &statistics)?;
        Ok(())
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
        let kept = self.kept.as_ref().and_then(|kept| kept.get(self.next)).copied();
        self.next += 1;
        self.columns.clear();
        if kept == Some(false) {
            return Ok(true);
        }
        self.left = stripe.rows;
        if self.chosen.is_empty() || stripe.rows == 0 {
            return Ok(true);
        }
        self.source.keep_small().await?;
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
