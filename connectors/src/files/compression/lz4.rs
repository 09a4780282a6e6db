//! How are files in LZ4 read? As frames, whose checksums are looked at, or as Hadoop's blocks.

use std::hash::Hasher;

use lz4_flex::block::{decompress_into, decompress_into_with_dict};
use twox_hash::XxHash32;

use super::{
    Sink, Unpack,
    blocks::{Hadoop, Held, MAX_BLOCK},
    cut, damaged,
};
use crate::error::{ConnectorError, Result};

const FRAME: u32 = 0x184D_2204;
const LEGACY: u32 = 0x184C_2102;
/// The last four bits are free.
const SKIPPABLE: u32 = 0x184D_2A50;

/// What a linked block may copy from.
const WINDOW: usize = 64 << 10;

/// A stored byte stands for at most 255 bytes of text.
const MAX_GROWTH: usize = 255;

#[derive(Default)]
pub(super) struct Lz4 {
    held: Held,
    hadoop: Option<Hadoop>,
    frame: Option<Frame>,
    /// Bytes to leave out.
    skip: usize,
}

/// A frame whose header was read.
struct Frame {
    linked: bool,
    block_checksums: bool,
    content_checksum: bool,
    content_length: Option<u64>,
    max_block: usize,
    window: Vec<u8>,
    length: u64,
    hash: XxHash32,
}

impl Unpack for Lz4 {
    fn push(&mut self, stored: &[u8], to: &mut Sink<'_>) -> Result<()> {
        self.held.add(stored);
        while self.step(to)? {}
        Ok(())
    }

    fn finish(&mut self, _to: &mut Sink<'_>) -> Result<()> {
        match &self.hadoop {
            Some(blocks) => blocks.finish(&self.held),
            None if self.frame.is_some() || self.skip > 0 || !self.held.is_empty() => Err(cut()),
            None => Ok(()),
        }
    }
}

impl Lz4 {
    /// Reads the next whole thing; `false`: there is none yet.
    fn step(&mut self, to: &mut Sink<'_>) -> Result<bool> {
        if let Some(blocks) = &mut self.hadoop {
            blocks.read(&mut self.held, &mut block, to)?;
            return Ok(false);
        }
        if self.skip > 0 {
            let length = self.skip.min(self.held.rest().len());
            self.held.skip(length);
            self.skip -= length;
            return Ok(length > 0);
        }
        let Some(frame) = &mut self.frame else {
            return self.begin();
        };
        match frame.block(&mut self.held, to)? {
            Read::Block => Ok(true),
            Read::Wait => Ok(false),
            Read::End => {
                self.frame = None;
                Ok(true)
            }
        }
    }

    fn begin(&mut self) -> Result<bool> {
        let Some(magic) = self.held.little(0) else {
            return Ok(false);
        };
        match magic {
            FRAME => {
                let Some((frame, length)) = Frame::read(self.held.rest())? else {
                    return Ok(false);
                };
                self.frame = Some(frame);
                self.held.skip(length);
            }
            magic if magic & !0xf == SKIPPABLE => {
                let Some(length) = self.held.little(4) else {
                    return Ok(false);
                };
                self.held.skip(8);
                self.skip = usize::try_from(length).unwrap_or(usize::MAX);
            }
            LEGACY => {
                let what = "the legacy framing of LZ4 is not supported";
                return Err(ConnectorError::unsupported(what));
            }
            // The first byte of Hadoop's big-endian lengths is 0 for every block below 16 MiB.
            magic if magic & 0xff == 0 => self.hadoop = Some(Hadoop::default()),
            _ => return Err(damaged("neither a frame of LZ4 nor Hadoop's blocks")),
        }
        Ok(true)
    }
}

enum Read {
    Block,
    End,
    Wait,
}

impl Frame {
    /// The header of a frame and its length; `None`: it is not whole yet.
    fn read(start: &[u8]) -> Result<Option<(Self, usize)>> {
        let Some([flags, sizes]) = start.get(4..6) else {
            return Ok(None);
        };
        let has = |bit: u8| flags & bit != 0;
        let extra = 8 * usize::from(has(0x08)) + 4 * usize::from(has(0x01));
        let Some((header, [check, ..])) = start.split_at_checked(6 + extra) else {
            return Ok(None);
        };
        let described = header.get(4..).unwrap_or_default();
        if flags >> 6 != 1 || hash(described) >> 8 & 0xff != u32::from(*check) {
            return Err(damaged("bad header of LZ4"));
        }
        if has(0x01) {
            return Err(ConnectorError::unsupported("LZ4 with a dictionary is not supported"));
        }
        let max_block = match sizes >> 4 & 7 {
            4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => 4 << 20,
            _ => return Err(damaged("bad header of LZ4")),
        };
        let length = header.get(6..).and_then(<[u8]>::first_chunk::<8>).copied();
        let frame = Self {
            linked: !has(0x20),
            block_checksums: has(0x10),
            content_checksum: has(0x04),
            content_length: length.map(u64::from_le_bytes),
            max_block,
            window: Vec::new(),
            length: 0,
            hash: XxHash32::with_seed(0),
        };
        Ok(Some((frame, header.len() + 1)))
    }

    fn block(&mut self, held: &mut Held, to: &mut Sink<'_>) -> Result<Read> {
        let Some(word) = held.little(0) else {
            return Ok(Read::Wait);
        };
        if word == 0 {
            return self.end(held);
        }
        let length = usize::try_from(word & 0x7fff_ffff).unwrap_or(usize::MAX);
        if length > self.max_block {
            return Err(damaged("a block is too long"));
        }
        let whole = 4 + length + 4 * usize::from(self.block_checksums);
        let Some(stored) = held.peek(whole).and_then(|whole| whole.get(4..4 + length)) else {
            return Ok(Read::Wait);
        };
        if self.block_checksums && held.little(4 + length) != Some(hash(stored)) {
            return Err(damaged("the checksum of a block is another one"));
        }
        if word >> 31 == 1 {
            let text = stored.to_vec();
            self.hand_on(&text, to)?;
        } else {
            let mut text = vec![0; self.max_block.min(length.saturating_mul(MAX_GROWTH) + 64)];
            let found = decompress_into_with_dict(stored, &mut text, &self.window);
            let found = found.map_err(|error| damaged("bad LZ4").with_source(error))?;
            text.truncate(found);
            self.hand_on(&text, to)?;
        }
        held.skip(whole);
        Ok(Read::Block)
    }

    fn hand_on(&mut self, text: &[u8], to: &mut Sink<'_>) -> Result<()> {
        self.length += text.len() as u64;
        if self.content_checksum {
            self.hash.write(text);
        }
        if self.linked {
            self.window.extend_from_slice(text);
            let old = self.window.len().saturating_sub(WINDOW);
            self.window.drain(..old);
        }
        to(text)
    }

    fn end(&self, held: &mut Held) -> Result<Read> {
        if self.content_checksum {
            let Some(sum) = held.little(4) else {
                return Ok(Read::Wait);
            };
            if sum != self.hash.finish_32() {
                return Err(damaged("the checksum is another one"));
            }
        }
        if self.content_length.is_some_and(|length| length != self.length) {
            return Err(damaged("the length is another one"));
        }
        held.skip(4 + 4 * usize::from(self.content_checksum));
        Ok(Read::End)
    }
}

fn hash(bytes: &[u8]) -> u32 {
    XxHash32::oneshot(0, bytes)
}

/// The text of a raw block, of at most so many bytes.
pub(super) fn block(stored: &[u8], most: usize) -> Result<Vec<u8>> {
    let mut text = vec![0; most.min(stored.len().saturating_mul(MAX_GROWTH) + 64).min(MAX_BLOCK)];
    let found = decompress_into(stored, &mut text).map_err(|error| damaged("bad LZ4").with_source(error))?;
    text.truncate(found);
    Ok(text)
}
