//! How does ORC write texts and bytes? One behind the other, or as places in a dictionary.

use arrow::buffer::OffsetBuffer;

use super::{
    runs::Integers,
    stream::{Stream, bad},
    stripe::{Streams, kind},
};
use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// Bytes that the texts of one batch may have together.
const MAX_BYTES: usize = 1 << 30;

/// Entries of a dictionary.
const MAX_ENTRIES: u32 = 1 << 24;

pub(super) enum Texts {
    Direct(Integers, Stream),
    Dictionary(Integers, Vec<u8>, Vec<usize>),
}

impl Texts {
    pub(super) fn new(column: u32, from: &mut Streams) -> Result<Self> {
        let second = from.second(column);
        let data = from.stream(column, kind::DATA);
        let mut lengths = Integers::new(from.stream(column, kind::LENGTH), second, false);
        let Some(entries) = from.dictionary(column) else {
            return Ok(Self::Direct(lengths, data));
        };
        if entries > MAX_ENTRIES {
            return Err(too_long());
        }
        let mut ends = Vec::new();
        let mut end = 0_usize;
        for _ in 0..entries {
            end = end.saturating_add(lengths.length()?);
            ends.push(end);
        }
        if end > MAX_BYTES {
            return Err(too_long());
        }
        let mut bytes = Vec::new();
        from.stream(column, kind::DICTIONARY).read(end, &mut bytes)?;
        Ok(Self::Dictionary(Integers::new(data, second, false), bytes, ends))
    }

    /// Offsets and bytes of the next rows.
    pub(super) fn read(&mut self, rows: usize, has: impl Fn(usize) -> bool) -> Result<(OffsetBuffer<i32>, Vec<u8>)> {
        let (mut ends, mut bytes) = (vec![0_i32], Vec::new());
        for row in 0..rows {
            if has(row) {
                self.append(&mut bytes)?;
            }
            ends.push(i32::try_from(bytes.len()).map_err(|_| too_long())?);
        }
        Ok((OffsetBuffer::new(ends.into()), bytes))
    }

    fn append(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Direct(lengths, data) => {
                let length = lengths.length()?;
                if bytes.len().saturating_add(length) > MAX_BYTES {
                    return Err(too_long());
                }
                data.read(length, bytes)
            }
            Self::Dictionary(places, words, ends) => {
                let place = places.length()?;
                let end = ends.get(place).copied();
                let start = place.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied());
                let word = start.zip(end).and_then(|(start, end)| words.get(start..end));
                let word = word.ok_or_else(|| bad("a dictionary has no such entry"))?;
                if bytes.len() + word.len() > MAX_BYTES {
                    return Err(too_long());
                }
                bytes.extend_from_slice(word);
                Ok(())
            }
        }
    }
}

fn too_long() -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::LimitExceeded, "the texts of a file are too long")
}
