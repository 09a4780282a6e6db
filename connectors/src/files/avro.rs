//! How are Avro files scanned? Block by block as the bytes arrive; columns by name, those that nobody wants are passed over.
//!
//! The readers that exist end early at a cut file and leave unions of several types to the client (engine-gaps §6, ADR 0033).

mod column;
mod container;
mod cursor;
mod json;
mod schema;
mod skip;

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::DataType,
};
use object_store::{ObjectMeta, ObjectStore};

use column::Column;
use container::{Block, Header, bad, header};
use cursor::Cursor;

use super::{
    compression::Held,
    failure::store_error,
    fitted::Fitted,
    julian::{Has, Julian, Marks},
    listed_bytes,
    metadata_cache::MetadataCache,
    text::{Decoder, Wanted},
};
use crate::error::{ConnectorError, Result};

/// Bytes of values after which a batch ends early.
const MAX_BATCH: usize = 64 << 20;

/// Rows without a byte that one block may have.
const MAX_EMPTY_ROWS: u64 = 1 << 24;

/// Reads the wanted columns of an Avro file.
pub(super) struct AvroDecoder {
    wanted: Wanted,
    file: String,
    held: Held,
    reading: Option<Reading>,
    /// There are no more bytes.
    ended: bool,
}

struct Reading {
    header: Header,
    fitted: Fitted,
    /// Per column of the file; `None`: passed over.
    columns: Vec<Option<Column>>,
    /// Per column of the file; `None`: it counts by the calendar of today.
    julian: Vec<Option<Julian>>,
    block: Block,
    rows: usize,
    bytes: usize,
}

impl AvroDecoder {
    pub(super) fn new(wanted: Wanted, file: String) -> Self {
        Self {
            wanted,
            file,
            held: Held::default(),
            reading: None,
            ended: false,
        }
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let Some(reading) = &mut self.reading else {
                match header(&mut self.held)? {
                    Some(header) => self.reading = Some(Reading::new(header, &self.wanted)?),
                    None if self.ended => return Err(bad("its header is cut off")),
                    None => return Ok(None),
                }
                continue;
            };
            if reading.block.rows > 0 {
                reading.rows(self.wanted.batch_size)?;
                if reading.is_full(self.wanted.batch_size) {
                    return reading.batch().map(Some);
                }
                continue;
            }
            match reading.header.block(&mut self.held)? {
                Some(block) => reading.begin(block)?,
                None if self.ended && !self.held.is_empty() => return Err(bad("its last block is cut off")),
                None if self.ended && reading.rows > 0 => return reading.batch().map(Some),
                None => return Ok(None),
            }
        }
    }
}

impl Reading {
    fn new(header: Header, wanted: &Wanted) -> Result<Self> {
        let columns = types(&header);
        let fitted = Fitted::new(&wanted.schema, &columns, wanted.table.restricted)?;
        let chosen: Vec<usize> = fitted.wanted().collect();
        let julian: Vec<Option<Julian>> = columns
            .iter()
            .map(|(_, kind)| header.marks.of(marked(&header.marks, kind)))
            .collect();
        for place in &chosen {
            if let (Some((name, _)), Some(Some(julian))) = (columns.get(*place), julian.get(*place)) {
                julian.admit(name, wanted.table.restricted)?;
            }
        }
        let columns = header.columns.iter().enumerate();
        let columns = columns.map(|(place, (_, node))| chosen.contains(&place).then(|| Column::new(node)));
        Ok(Self {
            columns: columns.collect(),
            julian,
            header,
            fitted,
            block: Block::default(),
            rows: 0,
            bytes: 0,
        })
    }

    fn begin(&mut self, block: Block) -> Result<()> {
        let empty = self.header.columns.iter().all(|(_, node)| node.is_empty());
        if empty && block.rows > MAX_EMPTY_ROWS {
            return Err(bad("a block has too many empty rows"));
        }
        if block.rows == 0 && !block.bytes.is_empty() {
            return Err(bad(LONGER));
        }
        self.block = block;
        Ok(())
    }

    fn is_full(&self, batch_size: usize) -> bool {
        self.rows >= batch_size || self.bytes > MAX_BATCH
    }

    /// Reads rows until the batch is full or the block has no more.
    fn rows(&mut self, batch_size: usize) -> Result<()> {
        let bytes = self.block.bytes.get(self.block.at..).unwrap_or_default();
        let mut from = Cursor::new(bytes);
        while self.block.rows > 0 && self.rows < batch_size && self.bytes <= MAX_BATCH {
            let before = from.left();
            for ((_, node), column) in self.header.columns.iter().zip(&mut self.columns) {
                match column {
                    Some(column) => column.read(node, &mut from),
                    None => skip::skip(node, &mut from),
                }
                .map_err(bad)?;
            }
            self.bytes += before - from.left();
            self.rows += 1;
            self.block.rows -= 1;
        }
        self.block.at += bytes.len() - from.left();
        if self.block.rows == 0 && from.left() > 0 {
            return Err(bad(LONGER));
        }
        Ok(())
    }

    fn batch(&mut self) -> Result<RecordBatch> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let mut arrays: Vec<Option<ArrayRef>> = Vec::with_capacity(self.columns.len());
        let names = self.header.columns.iter().map(|(name, _)| name);
        for ((column, julian), name) in self.columns.iter_mut().zip(&self.julian).zip(names) {
            let array = column.as_mut().map(Column::finish).transpose()?;
            arrays.push(match (array, julian) {
                (Some(array), Some(julian)) => Some(julian.meant(name, &array)?),
                (array, _) => array,
            });
        }
        self.fitted.batch(rows, &mut |place| {
            let array = arrays.get(place).and_then(Option::as_ref);
            array.cloned().ok_or_else(|| bad("a column was not read"))
        })
    }
}

/// What of a column counts by the marks of the file. Moments without a zone are never marked.
fn marked(marks: &Marks, kind: &DataType) -> Has {
    let mut has = Has::default();
    each(kind, &mut |kind| {
        let (marked, moments) = match kind {
            DataType::Date32 => (marks.days, false),
            DataType::Timestamp(_, Some(_)) => (marks.moments, true),
            DataType::Timestamp(_, None) => (false, true),
            _ => return,
        };
        has.marked |= marked;
        has.moments |= marked && moments;
        has.others |= !marked;
    });
    has
}

/// A type and all types in it.
fn each(kind: &DataType, to: &mut dyn FnMut(&DataType)) {
    to(kind);
    match kind {
        DataType::List(item) | DataType::Map(item, _) => each(item.data_type(), to),
        DataType::Struct(members) => members.iter().for_each(|member| each(member.data_type(), to)),
        _ => {}
    }
}

const LONGER: &str = "a block holds more than its rows";

impl Decoder for AvroDecoder {
    fn push(&mut self, stored: &[u8]) -> Result<()> {
        self.held.add(stored);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.ended = true;
        Ok(())
    }

    fn take(&mut self) -> Result<Option<RecordBatch>> {
        self.next().map_err(|error| error.with_file(self.file.as_str()))
    }
}

fn types(header: &Header) -> Vec<(String, DataType)> {
    let columns = header.columns.iter();
    columns.map(|(name, node)| (name.clone(), node.data_type())).collect()
}

/// Bytes fetched at first from the start of a file; most headers are shorter.
const FIRST_FETCH: u64 = 16 << 10;

/// The columns of an Avro file, as its header declares them; read once while the file is the same.
///
/// # Errors
/// `CORRUPT_FILE`, `NOT_SUPPORTED`, and those of the store.
pub(super) async fn columns(
    cache: &MetadataCache,
    store_id: &str,
    store: &Arc<dyn ObjectStore>,
    meta: &ObjectMeta,
) -> Result<Vec<(String, DataType)>> {
    let named = |error: ConnectorError| match error.file() {
        None | Some("") => error.with_file(meta.location.as_ref()),
        Some(_) => error,
    };
    let read = async { read_header(store, meta).await.map_err(named) };
    let known = cache.known(store_id, meta, Header::bytes, read).await?;
    Ok(types(&known))
}

/// The header of a file, of which more is fetched until it is whole.
async fn read_header(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta) -> Result<Header> {
    let mut held = Held::default();
    let (mut start, mut end) = (0, FIRST_FETCH.min(meta.size));
    loop {
        if start < end {
            let bytes = listed_bytes::range(store, meta, start..end).await;
            let bytes = bytes.map_err(|error| store_error(error, meta.location.as_ref()))?;
            if bytes.len() as u64 != end - start {
                return Err(bad("the file is shorter than it was listed"));
            }
            held.add(&bytes);
        }
        match header(&mut held)? {
            Some(header) => return Ok(header),
            None if end >= meta.size => return Err(bad("its header is cut off")),
            None => (start, end) = (end, (end * 4).min(meta.size)),
        }
    }
}
