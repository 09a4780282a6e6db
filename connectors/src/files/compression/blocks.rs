//! How are formats read that are blocks with lengths? Bytes wait until a block is whole; Hadoop's framing of blocks.

use super::{Sink, cut, damaged};
use crate::error::Result;

/// Longest stored block that is waited for.
pub(super) const MAX_BLOCK: usize = 64 << 20;

/// Bytes that wait for the rest of their block.
#[derive(Debug, Default)]
pub(in crate::files) struct Held {
    bytes: Vec<u8>,
    start: usize,
}

impl Held {
    pub(in crate::files) fn add(&mut self, stored: &[u8]) {
        if self.start > 0 && self.start >= self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(stored);
    }

    pub(in crate::files) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// The first bytes, if there are as many.
    pub(super) fn peek(&self, length: usize) -> Option<&[u8]> {
        self.rest().get(..length)
    }

    pub(in crate::files) fn skip(&mut self, length: usize) {
        self.start = (self.start + length).min(self.bytes.len());
    }

    /// A number of four bytes at an offset, big-endian.
    pub(super) fn big(&self, at: usize) -> Option<usize> {
        let bytes = self.rest().get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_be_bytes(*bytes)).ok()
    }

    /// A number of four bytes at an offset, little-endian.
    pub(super) fn little(&self, at: usize) -> Option<u32> {
        let bytes = self.rest().get(at..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*bytes))
    }

    pub(in crate::files) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }
}

/// Gives the text of a stored chunk, of at most so many bytes.
pub(super) type Chunk<'a> = dyn FnMut(&[u8], usize) -> Result<Vec<u8>> + 'a;

/// Hadoop's `BlockCompressorStream`: the length of a block's text, then chunks with their stored lengths until it is
/// complete; all lengths big-endian.
#[derive(Default)]
pub(super) struct Hadoop {
    /// Text that the block still owes.
    owed: usize,
}

impl Hadoop {
    /// Reads what is whole.
    pub(super) fn read(&mut self, held: &mut Held, unpack: &mut Chunk<'_>, to: &mut Sink<'_>) -> Result<()> {
        loop {
            if self.owed == 0 {
                let Some(length) = held.big(0) else { return Ok(()) };
                self.owed = length;
                held.skip(4);
                continue;
            }
            let Some(length) = held.big(0) else { return Ok(()) };
            if length > MAX_BLOCK {
                return Err(damaged("a block is too long"));
            }
            let Some(chunk) = held.peek(4 + length).and_then(|whole| whole.get(4..)) else {
                return Ok(());
            };
            let text = unpack(chunk, self.owed)?;
            self.owed = self
                .owed
                .checked_sub(text.len())
                .ok_or_else(|| damaged("a block holds more than it says"))?;
            held.skip(4 + length);
            to(&text)?;
        }
    }

    pub(super) fn finish(&self, held: &Held) -> Result<()> {
        if self.owed > 0 || !held.is_empty() {
            return Err(cut());
        }
        Ok(())
    }
}
