//! How are the formats read that are one stream of bits? A new decoder for every member.

use flate2::{Decompress, FlushDecompress, Status, write::MultiGzDecoder};
use zstd::stream::raw::{Decoder as ZstdDecoder, Operation};

use std::io::Write;

use super::{PIECE, Sink, Unpack, cut, damaged};
use crate::error::Result;

/// Members of gzip.
pub(super) struct Gzip {
    decoder: Box<MultiGzDecoder<Vec<u8>>>,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            decoder: Box::new(MultiGzDecoder::new(Vec::new())),
        }
    }

    fn hand_on(&mut self, to: &mut Sink<'_>) -> Result<()> {
        let text = std::mem::take(self.decoder.get_mut());
        text.chunks(PIECE).try_for_each(to)
    }
}

impl Unpack for Gzip {
    fn push(&mut self, stored: &[u8], to: &mut Sink<'_>) -> Result<()> {
        let written = self.decoder.write_all(stored);
        written.map_err(|error| damaged("bad gzip").with_source(error))?;
        self.hand_on(to)
    }

    fn finish(&mut self, to: &mut Sink<'_>) -> Result<()> {
        let ended = self.decoder.try_finish();
        ended.map_err(|error| cut().with_source(error))?;
        self.hand_on(to)
    }
}

/// What a decoder did with some bytes.
struct Progress {
    consumed: usize,
    ended: bool,
}

/// A decoder of one member.
trait Member {
    /// Fills `text` up to its capacity.
    fn step(&mut self, stored: &[u8], text: &mut Vec<u8>) -> Result<Progress>;
}

/// Feeds a member; what is left behind its end comes back.
fn feed<'a>(member: &mut dyn Member, mut stored: &'a [u8], to: &mut Sink<'_>) -> Result<(&'a [u8], bool)> {
    let mut text = Vec::with_capacity(PIECE);
    loop {
        text.clear();
        let progress = member.step(stored, &mut text)?;
        stored = stored.get(progress.consumed..).unwrap_or_default();
        if !text.is_empty() {
            to(&text)?;
        }
        if progress.ended {
            return Ok((stored, true));
        }
        let stuck = progress.consumed == 0 && text.is_empty();
        if stuck && !stored.is_empty() {
            return Err(damaged("its decoder does not go on"));
        }
        if stored.is_empty() && text.len() < text.capacity() {
            return Ok((stored, false));
        }
    }
}

/// Members of zlib, or of deflate without a header.
#[derive(Default)]
pub(super) struct Deflate {
    member: Option<Decompress>,
    /// The first bytes of a member: whether it has a header is known with two.
    head: Vec<u8>,
}

/// The text of one member without a header. What stands behind its end is left out: writers of Avro that cut the header off what
/// zlib gives them leave a part of its checksum there.
pub(super) fn raw_deflate(stored: &[u8], to: &mut Sink<'_>) -> Result<()> {
    let (_, ended) = feed(&mut Decompress::new(false), stored, to)?;
    if ended { Ok(()) } else { Err(cut()) }
}

impl Member for Decompress {
    fn step(&mut self, stored: &[u8], text: &mut Vec<u8>) -> Result<Progress> {
        let before = self.total_in();
        let status = self.decompress_vec(stored, text, FlushDecompress::None);
        let status = status.map_err(|error| damaged("bad deflate").with_source(error))?;
        Ok(Progress {
            consumed: usize::try_from(self.total_in() - before).unwrap_or_default(),
            ended: status == Status::StreamEnd,
        })
    }
}

/// RFC 1950: method 8, and the two bytes as a number divide by 31.
fn has_header(head: &[u8]) -> bool {
    matches!(head, [method, flags, ..] if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
}

impl Unpack for Deflate {
    fn push(&mut self, mut stored: &[u8], to: &mut Sink<'_>) -> Result<()> {
        while !stored.is_empty() {
            if self.member.is_none() {
                let (taken, rest) = stored.split_at((2 - self.head.len().min(2)).min(stored.len()));
                self.head.extend_from_slice(taken);
                stored = rest;
                if self.head.len() < 2 {
                    return Ok(());
                }
                let mut member = Decompress::new(has_header(&self.head));
                let head = std::mem::take(&mut self.head);
                let (rest, ended) = feed(&mut member, &head, to)?;
                if !rest.is_empty() {
                    return Err(damaged("bad deflate"));
                }
                self.member = (!ended).then_some(member);
                continue;
            }
            if let Some(member) = &mut self.member {
                let (rest, ended) = feed(member, stored, to)?;
                stored = rest;
                if ended {
                    self.member = None;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, _to: &mut Sink<'_>) -> Result<()> {
        if self.member.is_some() || !self.head.is_empty() {
            return Err(cut());
        }
        Ok(())
    }
}

/// Members of bzip2, as parallel writers make them.
#[derive(Default)]
pub(super) struct Bzip2 {
    member: Option<bzip2::Decompress>,
}

impl Member for bzip2::Decompress {
    fn step(&mut self, stored: &[u8], text: &mut Vec<u8>) -> Result<Progress> {
        let before = self.total_in();
        let status = self.decompress_vec(stored, text);
        let status = status.map_err(|error| damaged("bad bzip2").with_source(error))?;
        if status == bzip2::Status::MemNeeded {
            return Err(damaged("bzip2 has no memory"));
        }
        Ok(Progress {
            consumed: usize::try_from(self.total_in() - before).unwrap_or_default(),
            ended: status == bzip2::Status::StreamEnd,
        })
    }
}

impl Unpack for Bzip2 {
    fn push(&mut self, mut stored: &[u8], to: &mut Sink<'_>) -> Result<()> {
        while !stored.is_empty() {
            let member = self.member.get_or_insert_with(|| bzip2::Decompress::new(false));
            let (rest, ended) = feed(member, stored, to)?;
            stored = rest;
            if ended {
                self.member = None;
            }
        }
        Ok(())
    }

    fn finish(&mut self, _to: &mut Sink<'_>) -> Result<()> {
        if self.member.is_some() { Err(cut()) } else { Ok(()) }
    }
}

/// Frames of Zstandard; skippable ones too.
pub(super) struct Zstd {
    decoder: ZstdDecoder<'static>,
    /// A frame has begun and not ended.
    within: bool,
}

impl Zstd {
    pub(super) fn new() -> Result<Self> {
        let decoder = ZstdDecoder::new().map_err(|error| damaged("no decoder").with_source(error))?;
        Ok(Self { decoder, within: false })
    }
}

impl Unpack for Zstd {
    fn push(&mut self, mut stored: &[u8], to: &mut Sink<'_>) -> Result<()> {
        let mut text = vec![0; PIECE];
        loop {
            if stored.is_empty() && !self.within {
                return Ok(());
            }
            let status = self.decoder.run_on_buffers(stored, &mut text);
            let status = status.map_err(|error| damaged("bad zstd").with_source(error))?;
            self.within = status.remaining != 0;
            stored = stored.get(status.bytes_read..).unwrap_or_default();
            let found = text.get(..status.bytes_written).unwrap_or_default();
            if !found.is_empty() {
                to(found)?;
            }
            if status.bytes_read == 0 && found.is_empty() && !stored.is_empty() {
                return Err(damaged("its decoder does not go on"));
            }
            if stored.is_empty() && found.len() < text.len() {
                return Ok(());
            }
        }
    }

    fn finish(&mut self, _to: &mut Sink<'_>) -> Result<()> {
        if self.within { Err(cut()) } else { Ok(()) }
    }
}
