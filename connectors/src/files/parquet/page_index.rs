//! Where does a file say that its pages are? Its index, as it is fetched: lists of old writers are mended, and the places are kept to be
//! compared with the pages.

use std::ops::Range;

use bytes::Bytes;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::pages::Located;
use crate::{
    error::ConnectorError,
    files::{
        footer_mend::{Edit, apply, numbers},
        thrift::{Thrift, kind},
    },
};

/// The bytes of an index, and where they begin in the file.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    start: u64,
    bytes: Bytes,
}

/// The index in some bytes of the file, mended; `None`: there is none in them, or none that can be read, as the decoder will say.
///
/// # Errors
/// `CORRUPT_FILE` for an index that places a page of a column elsewhere than among its bytes: the decoder would take those of another
/// column for it. The file is added by the caller.
pub(super) fn fetched(
    metadata: &ParquetMetaData,
    start: u64,
    bytes: &Bytes,
) -> Result<Option<Fetched>, ConnectorError> {
    let Some(fetched) = mended(metadata, start, bytes) else {
        return Ok(None);
    };
    for group in metadata.row_groups() {
        let rows = u64::try_from(group.num_rows()).unwrap_or_default();
        for chunk in group.columns() {
            if offset_index(chunk).is_some_and(|range| within(&range, start, bytes.len()).is_some()) {
                fetched.located(chunk, rows)?;
            }
        }
    }
    Ok(Some(fetched))
}

fn mended(metadata: &ParquetMetaData, start: u64, bytes: &Bytes) -> Option<Fetched> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut found = false;
    let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    for chunk in chunks {
        let indexes = [(column_index(chunk), &[5, 6, 7][..]), (offset_index(chunk), &[2][..])];
        for (range, lists) in indexes {
            let Some(place) = range.and_then(|range| within(&range, start, bytes.len())) else {
                continue;
            };
            found = true;
            mend(bytes, place, lists, &mut edits)?;
        }
    }
    if !found {
        return None;
    }
    edits.sort_by_key(|(range, _)| range.start);
    edits.dedup();
    let bytes = match apply(bytes, &edits)? {
        std::borrow::Cow::Borrowed(_) => bytes.clone(),
        std::borrow::Cow::Owned(mended) => Bytes::from(mended),
    };
    Some(Fetched { start, bytes })
}

fn column_index(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    range(chunk.column_index_offset(), chunk.column_index_length())
}

fn offset_index(chunk: &ColumnChunkMetaData) -> Option<Range<u64>> {
    range(chunk.offset_index_offset(), chunk.offset_index_length())
}

fn range(start: Option<i64>, length: Option<i32>) -> Option<Range<u64>> {
    let start = u64::try_from(start?).ok()?;
    let length = u64::try_from(length?).ok()?;
    Some(start..start.checked_add(length)?)
}

/// A range of the file as a range of bytes that begin at `start`.
fn within(range: &Range<u64>, start: u64, length: usize) -> Option<Range<usize>> {
    let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
    let to = usize::try_from(range.end.checked_sub(start)?).ok()?;
    (to <= length).then_some(from..to)
}

/// Lists of numbers in the fields of a struct are called numbers of 64 bits.
fn mend(bytes: &[u8], place: Range<usize>, lists: &[i16], edits: &mut Vec<Edit>) -> Option<()> {
    let at = place.start;
    let bytes = bytes.get(place)?;
    let mut from = Thrift::new(bytes);
    let mut own = Vec::new();
    let mut last = 0;
    while let Some(field) = from.field(last)? {
        if lists.contains(&field.id) {
            numbers(&mut from, bytes, field, &mut own)?;
        } else {
            from.skip(field)?;
        }
        last = field.id;
    }
    edits.extend(
        own.into_iter()
            .map(|(range, other)| (range.start + at..range.end + at, other)),
    );
    Some(())
}

impl Fetched {
    /// What the decoder gets.
    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// The data pages of a column chunk, in rising places; `None`: the index does not have them.
    ///
    /// # Errors
    /// `CORRUPT_FILE` for places that no pages have; the file is added by the caller.
    pub(super) fn located(
        &self,
        chunk: &ColumnChunkMetaData,
        rows: u64,
    ) -> Result<Option<Vec<Located>>, ConnectorError> {
        let Some(range) = offset_index(chunk) else {
            return Ok(None);
        };
        let wrong = || ConnectorError::corrupt_file("").with_detail("its index of pages cannot be read");
        let place = within(&range, self.start, self.bytes.len()).ok_or_else(wrong)?;
        let located = self.places(place, rows).ok_or_else(wrong)?;
        let (from, length) = chunk.byte_range();
        let ends = located.iter().skip(1).map(|page| page.offset);
        let mut ends = located.iter().zip(ends.chain([from.saturating_add(length)]));
        let first = located.first().is_none_or(|page| page.offset >= from);
        if !first || ends.any(|(page, end)| page.offset.saturating_add(page.size) > end) {
            return Err(wrong());
        }
        Ok(Some(located))
    }

    fn places(&self, place: Range<usize>, rows: u64) -> Option<Vec<Located>> {
        let mut from = Thrift::new(self.bytes.get(place)?);
        let mut pages: Vec<(u64, u64, u64)> = Vec::new();
        let mut last = 0;
        while let Some(field) = from.field(last)? {
            if field.id == 1 {
                let list = from.list_of(field)?;
                if list.kind != kind::STRUCT {
                    return None;
                }
                for _ in 0..list.count {
                    pages.push(page(&mut from)?);
                }
            } else {
                from.skip(field)?;
            }
            last = field.id;
        }
        let ends = pages.iter().skip(1).map(|(_, _, first)| *first).chain([rows]);
        let located = pages.iter().zip(ends).map(|((offset, size, first), end)| {
            let rows = end.checked_sub(*first)?;
            Some(Located {
                offset: *offset,
                size: *size,
                rows,
            })
        });
        let located: Vec<Located> = located.collect::<Option<_>>()?;
        let rising = located
            .windows(2)
            .all(|two| matches!(two, [a, b] if a.offset < b.offset));
        let first = pages.first().is_none_or(|(_, _, first)| *first == 0);
        (rising && first).then_some(located)
    }
}

/// Offset, size and first row of a page.
fn page(from: &mut Thrift<'_>) -> Option<(u64, u64, u64)> {
    let (mut offset, mut size, mut first) = (None, None, None);
    let mut last = 0;
    while let Some(field) = from.field(last)? {
        let number = match field.id {
            1..=3 => u64::try_from(from.number(field)?).ok()?,
            _ => {
                from.skip(field)?;
                0
            }
        };
        match field.id {
            1 => offset = Some(number),
            2 => size = Some(number),
            3 => first = Some(number),
            _ => {}
        }
        last = field.id;
    }
    Some((offset?, size?, first?))
}
