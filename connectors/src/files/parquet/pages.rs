//! Are the pages of a column chunk what the footer says? Their headers are read before the decoder sees a byte: counts and sizes that
//! disagree would put values into other rows (engine-gaps §3).

use parquet::{basic::Compression, file::metadata::ColumnChunkMetaData};

use super::expansion::{Gauge, holds_no_more};
use crate::{
    error::ConnectorError,
    files::thrift::{Field, Thrift, kind},
};

/// Kinds of pages.
const DATA: i32 = 0;
const INDEX: i32 = 1;
const DICTIONARY: i32 = 2;
const DATA_2: i32 = 3;

/// A page as an index of the file places it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Located {
    pub(super) offset: u64,
    /// With its header.
    pub(super) size: u64,
    pub(super) rows: u64,
}

/// A column chunk and what is known of it.
#[derive(Debug)]
pub(super) struct Chunk<'a> {
    pub(super) footer: &'a ColumnChunkMetaData,
    /// Rows of the row group.
    pub(super) rows: u64,
    /// Data pages, if the file's index was read: the decoder then goes by it.
    pub(super) located: Option<&'a [Located]>,
}

/// What the header of a page says.
#[derive(Debug, Default)]
struct Header {
    kind: i32,
    /// Bytes of the page, decompressed.
    size: u64,
    stored: usize,
    values: u64,
    rows: Option<u64>,
    /// Bytes at its start that are never compressed.
    levels: usize,
    plain: bool,
}

/// Checks the pages in `bytes`, which begin in the file at `start`: all of the chunk, or some whole pages of it.
///
/// # Errors
/// `CORRUPT_FILE` and `SOURCE_LIMIT_EXCEEDED`; the file is added by the caller.
pub(super) fn check(chunk: &Chunk<'_>, start: u64, bytes: &[u8]) -> Result<(), ConnectorError> {
    Walk {
        chunk,
        start,
        bytes,
        flat: chunk.footer.column_descr().max_rep_level() == 0,
        gauge: Gauge::default(),
        values: 0,
        rows: Some(0),
        pages: 0,
        dictionary: false,
    }
    .all()
}

struct Walk<'a> {
    chunk: &'a Chunk<'a>,
    start: u64,
    bytes: &'a [u8],
    /// Every row has one value.
    flat: bool,
    gauge: Gauge,
    values: u64,
    /// `None`: not all pages say how many rows they have.
    rows: Option<u64>,
    /// Data pages.
    pages: usize,
    dictionary: bool,
}

impl Walk<'_> {
    fn wrong(&self, why: &str) -> ConnectorError {
        let column = self.chunk.footer.column_path().string();
        ConnectorError::corrupt_file("").with_detail(format!("a page of column `{column}`: {why}"))
    }

    fn all(mut self) -> Result<(), ConnectorError> {
        let mut at = 0;
        while at < self.bytes.len() {
            at = self.page(at)?;
        }
        let (first, length) = self.chunk.footer.byte_range();
        let whole = self.start == first && self.bytes.len() as u64 == length;
        if !whole {
            return Ok(());
        }
        if self.chunk.located.is_some_and(|located| located.len() != self.pages) {
            return Err(self.wrong("there are others than the index of the file has"));
        }
        let values = u64::try_from(self.chunk.footer.num_values()).unwrap_or(u64::MAX);
        if self.values != values || self.rows.is_some_and(|rows| rows != self.chunk.rows) {
            return Err(self.wrong("together they do not have the number of values that the footer says"));
        }
        Ok(())
    }

    /// Checks the page at this place of the bytes, and gives the place behind it.
    fn page(&mut self, at: usize) -> Result<usize, ConnectorError> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let mut from = Thrift::new(rest);
        let header = header(&mut from).ok_or_else(|| self.wrong("its header cannot be read"))?;
        let stored = rest.get(from.at()..).and_then(|rest| rest.get(..header.stored));
        let stored = stored.ok_or_else(|| self.wrong("it ends behind the column"))?;
        self.size(&header, stored)?;
        let end = at + from.at() + header.stored;
        match header.kind {
            DATA | DATA_2 => self.data(&header, at, end)?,
            DICTIONARY if self.dictionary || self.pages > 0 => {
                return Err(self.wrong("a dictionary comes behind values"));
            }
            DICTIONARY => self.dictionary = true,
            INDEX => {}
            _ => return Err(self.wrong("its kind is not known")),
        }
        Ok(end)
    }

    fn size(&mut self, header: &Header, stored: &[u8]) -> Result<(), ConnectorError> {
        let codec = self.chunk.footer.compression();
        if header.plain || codec == Compression::UNCOMPRESSED {
            if header.size != header.stored as u64 {
                return Err(self.wrong("its size is not that of its header"));
            }
            return Ok(());
        }
        self.gauge.passes(stored.len() as u64, header.size)?;
        let packed = stored.get(header.levels..);
        let packed = packed.ok_or_else(|| self.wrong("its levels are longer than it is"))?;
        let rest = header.size.checked_sub(header.levels as u64);
        let rest = rest.ok_or_else(|| self.wrong("its levels are longer than it is"))?;
        holds_no_more(codec, packed, rest)
    }

    fn data(&mut self, header: &Header, at: usize, end: usize) -> Result<(), ConnectorError> {
        self.values = self.values.saturating_add(header.values);
        let rows = if self.flat { Some(header.values) } else { header.rows };
        if self.flat && header.rows.is_some_and(|rows| rows != header.values) {
            return Err(self.wrong("its values are not its rows"));
        }
        self.rows = self.rows.zip(rows).map(|(all, rows)| all.saturating_add(rows));
        self.pages += 1;
        let found = Located {
            offset: self.start.saturating_add(at as u64),
            size: (end - at) as u64,
            rows: rows.unwrap_or_default(),
        };
        let (first, length) = self.chunk.footer.byte_range();
        match self.chunk.located {
            Some(located) => {
                let place = located.binary_search_by_key(&found.offset, |page| page.offset);
                let known = place.ok().and_then(|place| located.get(place));
                // A page of lists that does not say how many rows it has is not read by an index.
                let agrees = rows.is_some() && known == Some(&found);
                if agrees {
                    Ok(())
                } else {
                    Err(self.wrong("the index of the file has another"))
                }
            }
            None if self.start == first && self.bytes.len() as u64 == length => Ok(()),
            None => Err(self.wrong("it is read alone, and no index says what it has")),
        }
    }
}

/// The header of a page; `None`: it is none.
fn header(from: &mut Thrift<'_>) -> Option<Header> {
    let mut header = Header::default();
    let (mut sized, mut stored, mut counted) = (false, false, None);
    let mut last = 0;
    while let Some(field) = from.field(last)? {
        match field.id {
            1 => header.kind = from.int(field)?,
            2 => {
                header.size = u64::try_from(from.int(field)?).ok()?;
                sized = true;
            }
            3 => {
                header.stored = usize::try_from(from.int(field)?).ok()?;
                stored = true;
            }
            5 => counted = Some((DATA, data(from, field, &mut header, false)?)),
            7 => counted = Some((DICTIONARY, data(from, field, &mut Header::default(), false)?)),
            8 => counted = Some((DATA_2, data(from, field, &mut header, true)?)),
            _ => from.skip(field)?,
        }
        last = field.id;
    }
    let known = header.kind == INDEX || counted.is_some_and(|(kind, ())| kind == header.kind);
    (sized && stored && known).then_some(header)
}

/// The part of a header that is about values.
fn data(from: &mut Thrift<'_>, of: Field, header: &mut Header, second: bool) -> Option<()> {
    if of.kind != kind::STRUCT {
        return None;
    }
    let mut levels = 0_u64;
    let (mut counted, mut last) = (false, 0);
    while let Some(field) = from.field(last)? {
        match (field.id, second) {
            (1, _) => {
                header.values = u64::try_from(from.int(field)?).ok()?;
                counted = true;
            }
            (3, true) => header.rows = Some(u64::try_from(from.int(field)?).ok()?),
            (5 | 6, true) => levels += u64::try_from(from.int(field)?).ok()?,
            (7, true) => header.plain = field.kind == kind::FALSE,
            _ => from.skip(field)?,
        }
        last = field.id;
    }
    header.levels = usize::try_from(levels).ok()?;
    counted.then_some(())
}
