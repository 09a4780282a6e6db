//! What does the end of an ORC file say? Its postscript and footer, checked against the size of the file.

use std::ops::Range;

use bytes::Bytes;
use object_store::{ObjectMeta, ObjectStore};
use prost::Message;

use super::{
    messages::{Footer, PostScript, Stripe},
    moment::Calendar,
    schema::{Node, columns},
    statistics::MAX_STATISTICS,
    stream::{Packing, bad},
    stripe::footer_range,
};
use crate::{
    error::{ConnectorError, Result},
    files::{failure::store_error, listed_bytes},
};

/// Bytes fetched at first from the end of a file; a file that is not longer is fetched whole, once.
const FIRST_FETCH: u64 = 64 << 10;

/// Files up to this size are fetched whole.
const SMALL: u64 = 1 << 20;

/// Longest footer that is read, stored and decompressed.
const MAX_FOOTER: u64 = 64 << 20;

/// Rows that a byte of a stripe can stand for, at the very most.
const MAX_ROWS_PER_BYTE: u64 = 1 << 20;

/// A checked end of a file.
#[derive(Debug)]
pub(in crate::files) struct Tail {
    pub(super) columns: Vec<(String, Node)>,
    pub(super) stripes: Vec<Stripe>,
    pub(super) packing: Packing,
    /// Written by a draft of version 2.
    pub(super) drafts: bool,
    pub(super) calendar: Calendar,
    /// Where the statistics of its stripes are, if there are any.
    pub(super) statistics: Option<Range<u64>>,
    /// They are what they should be: the first writers told wrong greatest values, and texts in another order (HIVE-8732).
    pub(super) statistics_hold: bool,
    /// Bytes that it has.
    pub(super) length: u64,
    /// Bytes that it holds in memory, roughly.
    pub(super) held: usize,
}

/// A file of a store.
pub(super) struct Source {
    pub(super) store: std::sync::Arc<dyn ObjectStore>,
    pub(super) meta: ObjectMeta,
    /// All of it, or its end.
    kept: Option<(u64, Bytes)>,
}

impl Source {
    pub(super) fn new(store: std::sync::Arc<dyn ObjectStore>, meta: ObjectMeta) -> Self {
        Self {
            store,
            meta,
            kept: None,
        }
    }

    /// Some bytes of the file that was listed; another one in its place is an error.
    pub(super) async fn fetch(&self, range: Range<u64>) -> Result<Bytes> {
        if range.start > range.end || range.end > self.meta.size {
            return Err(bad("a range lies outside the file"));
        }
        if let Some((start, kept)) = &self.kept
            && range.start >= *start
        {
            let place = |at: u64| usize::try_from(at - start).unwrap_or(usize::MAX).min(kept.len());
            return Ok(kept.slice(place(range.start)..place(range.end)));
        }
        let wanted = range.end - range.start;
        if wanted == 0 {
            return Ok(Bytes::new());
        }
        let file = self.meta.location.as_ref();
        let found = listed_bytes::range(&self.store, &self.meta, range).await;
        let bytes = found.map_err(|error| store_error(error, file))?;
        if bytes.len() as u64 != wanted {
            return Err(bad("the file is shorter than it was listed"));
        }
        Ok(bytes)
    }

    async fn keep_from(&mut self, start: u64) -> Result<()> {
        let bytes = self.fetch(start..self.meta.size).await?;
        self.kept = Some((start, bytes));
        Ok(())
    }

    /// Makes sure that a file that is not long is fetched once, and not stream by stream.
    pub(super) async fn keep_small(&mut self) -> Result<()> {
        if self.kept.is_none() && self.meta.size <= SMALL {
            self.keep_from(0).await?;
        }
        Ok(())
    }

    /// Reads the end.
    ///
    /// # Errors
    /// `CORRUPT_FILE`, `NOT_SUPPORTED`, and those of the store; the file is added by the caller.
    pub(super) async fn tail(&mut self, first: u64) -> Result<Tail> {
        let size = self.meta.size;
        self.keep_from(size - first.min(size)).await?;
        let last = self.fetch(size.saturating_sub(256)..size).await?;
        let (postscript, length) = postscript(&last)?;
        let behind = length + 1;
        if postscript.footer_length > MAX_FOOTER || postscript.footer_length + behind > size {
            return Err(bad("its footer does not fit the file"));
        }
        let start = size - behind - postscript.footer_length;
        let stored = self.fetch(start..size - behind).await?;
        let packing = Packing::new(postscript.compression, postscript.block_size)?;
        let most = usize::try_from(MAX_FOOTER).unwrap_or(usize::MAX);
        let bytes = packing.whole(stored, most)?;
        let footer = Footer::decode(bytes.as_slice());
        let footer = footer.map_err(|error| bad("its footer cannot be decoded").with_source(error))?;
        if footer.encryption.is_some() {
            return Err(ConnectorError::unsupported("an ORC file with encrypted columns"));
        }
        check(&footer, start)?;
        let statistics = (1..=MAX_STATISTICS)
            .contains(&postscript.metadata_length)
            .then(|| start.checked_sub(postscript.metadata_length).map(|from| from..start));
        Ok(Tail {
            calendar: counted(&footer),
            statistics: statistics.flatten(),
            statistics_hold: postscript.writer_version > 0,
            held: 2 * bytes.len() + footer.types.len() * size_of::<Node>() + footer.stripes.len() * size_of::<Stripe>(),
            columns: columns(&footer.types)?,
            stripes: footer.stripes,
            packing,
            drafts: matches!(postscript.version.as_slice(), [1, 9999] | [2, ..]),
            length: behind + postscript.footer_length,
        })
    }

    pub(super) fn first_fetch(&self) -> u64 {
        if self.meta.size <= SMALL {
            self.meta.size
        } else {
            FIRST_FETCH
        }
    }
}

/// How the writer counts; one in Java that does not say so counts by the Julian calendar.
fn counted(footer: &Footer) -> Calendar {
    let java = footer.writer.unwrap_or_default() == 0;
    let julian = match footer.calendar {
        0 => java,
        calendar => calendar == 1,
    };
    Calendar { java, julian }
}

/// The postscript at the end of these bytes, and its length.
fn postscript(last: &[u8]) -> Result<(PostScript, u64)> {
    let no_orc = || bad("it is no ORC file");
    let (length, before) = last.split_last().ok_or_else(no_orc)?;
    let start = before.len().checked_sub(usize::from(*length)).ok_or_else(no_orc)?;
    let bytes = before.get(start..).unwrap_or_default();
    let postscript = PostScript::decode(bytes).map_err(|error| no_orc().with_source(error))?;
    if postscript.magic != "ORC" {
        return Err(no_orc());
    }
    Ok((postscript, u64::from(*length)))
}

/// Stripes lie before the footer, and have no more rows than they can hold.
fn check(footer: &Footer, end: u64) -> Result<()> {
    let mut rows = 0_u64;
    for stripe in &footer.stripes {
        if footer_range(stripe).is_none_or(|range| range.end > end) {
            return Err(bad("a stripe lies outside of the file"));
        }
        let bytes = stripe.data_length.saturating_add(stripe.footer_length);
        if stripe.rows > bytes.saturating_mul(MAX_ROWS_PER_BYTE) {
            return Err(bad("a stripe has more rows than it can hold"));
        }
        rows = rows.saturating_add(stripe.rows);
    }
    if rows != footer.rows {
        return Err(bad("its stripes do not have the rows of the file"));
    }
    Ok(())
}
