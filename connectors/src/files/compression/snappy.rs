//! How are files in snappy read? As frames, as Hadoop's blocks, or as one raw block.

use std::io::Read;

use super::{
    Sink, Unpack,
    blocks::{Hadoop, Held, MAX_BLOCK},
    cut, damaged,
};
use crate::error::Result;

/// What every sequence of frames begins with.
const IDENTIFIER: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// Text of a frame.
const MAX_FRAME: u64 = 64 << 10;

/// Three stored bytes copy at most 64 bytes of text.
const MAX_GROWTH: usize = 64;

#[derive(Default)]
pub(super) struct Snappy {
    held: Held,
    framing: Option<Framing>,
}

enum Framing {
    Frames,
    Hadoop(Hadoop),
    Raw,
}

impl Snappy {
    /// Raw blocks begin with the length of their text, whose last byte comes first: it is 0 for no text only, while the first
    /// byte of Hadoop's lengths is 0 for every block below 16 MiB.
    fn recognise(&mut self, ended: bool) {
        let start = self.held.rest();
        if self.framing.is_some() || start.is_empty() || (start.len() < IDENTIFIER.len() && !ended) {
            return;
        }
        self.framing = Some(match start {
            start if start.starts_with(IDENTIFIER) => Framing::Frames,
            [0, ..] => Framing::Hadoop(Hadoop::default()),
            _ => Framing::Raw,
        });
    }

    fn read(&mut self, to: &mut Sink<'_>) -> Result<()> {
        match &mut self.framing {
            Some(Framing::Frames) => frames(&mut self.held, to),
            Some(Framing::Hadoop(blocks)) => blocks.read(&mut self.held, &mut block, to),
            Some(Framing::Raw) if self.held.rest().len() > MAX_BLOCK => Err(damaged("a block is too long")),
            Some(Framing::Raw) | None => Ok(()),
        }
    }
}

impl Unpack for Snappy {
    fn push(&mut self, stored: &[u8], to: &mut Sink<'_>) -> Result<()> {
        self.held.add(stored);
        self.recognise(false);
        self.read(to)
    }

    fn finish(&mut self, to: &mut Sink<'_>) -> Result<()> {
        self.recognise(true);
        self.read(to)?;
        match &self.framing {
            None => Ok(()),
            Some(Framing::Hadoop(blocks)) => blocks.finish(&self.held),
            Some(Framing::Frames) if self.held.is_empty() => Ok(()),
            Some(Framing::Frames) => Err(cut()),
            Some(Framing::Raw) => to(&block(self.held.rest(), usize::MAX)?),
        }
    }
}

/// The text of a raw block, of at most so many bytes.
pub(super) fn block(stored: &[u8], most: usize) -> Result<Vec<u8>> {
    let bad = |error: snap::Error| damaged("bad snappy").with_source(error);
    let length = snap::raw::decompress_len(stored).map_err(bad)?;
    if length > most || length > stored.len().saturating_mul(MAX_GROWTH) {
        return Err(damaged("a block holds more than it says"));
    }
    snap::raw::Decoder::new().decompress_vec(stored).map_err(bad)
}

/// A raw block and the checksum of its text (Avro specification, "snappy").
pub(super) fn block_with_crc(stored: &[u8]) -> Result<Vec<u8>> {
    let (stored, sum) = stored.split_last_chunk::<4>().ok_or_else(cut)?;
    let text = block(stored, usize::MAX)?;
    let mut crc = flate2::Crc::new();
    crc.update(&text);
    if crc.sum() != u32::from_be_bytes(*sum) {
        return Err(damaged("the checksum of a block is another one"));
    }
    Ok(text)
}

/// Chunks of a kind, a length of three bytes, and that many bytes.
fn frames(held: &mut Held, to: &mut Sink<'_>) -> Result<()> {
    while let Some([kind, a, b, c]) = held.rest().first_chunk::<4>().copied() {
        let length = 4 + (usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16);
        let Some(chunk) = held.peek(length) else { return Ok(()) };
        match kind {
            0xff if chunk == IDENTIFIER => {}
            // Text, with its checksum, which the decoder of frames looks at.
            0x00 | 0x01 => {
                let whole = [IDENTIFIER, chunk].concat();
                let mut text = Vec::new();
                let read = snap::read::FrameDecoder::new(whole.as_slice())
                    .take(MAX_FRAME + 1)
                    .read_to_end(&mut text);
                read.map_err(|error| damaged("bad snappy").with_source(error))?;
                to(&text)?;
            }
            0x80..=0xfe => {}
            _ => return Err(damaged("an unknown frame of snappy")),
        }
        held.skip(length);
    }
    Ok(())
}
