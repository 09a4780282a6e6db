//! What bytes does a stream of ORC hold? Chunks with their lengths, each decompressed when it is reached, none longer than the
//! file says that chunks are.

use bytes::{Buf, Bytes};

use crate::{
    error::{ConnectorError, Result},
    files::compression::Codec,
};

/// Longest chunk that a file may announce.
const MAX_CHUNK: u64 = 64 << 20;

/// How the streams of a file are compressed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    codec: Codec,
    chunk: usize,
}

impl Packing {
    /// From the postscript.
    pub(super) fn new(compression: u32, chunk: u64) -> Result<Self> {
        let codec = match compression {
            0 => Codec::None,
            1 => Codec::RawDeflate,
            2 => Codec::Snappy,
            3 => return Err(ConnectorError::unsupported("the compression LZO of ORC files")),
            4 => Codec::Lz4,
            5 => Codec::Zstd,
            _ => {
                return Err(ConnectorError::unsupported(
                    "a compression of ORC files that is not known",
                ));
            }
        };
        let chunk = usize::try_from(chunk.min(MAX_CHUNK)).unwrap_or_default();
        Ok(Self { codec, chunk })
    }

    /// All bytes of a part of the file, of at most so many.
    pub(super) fn whole(self, stored: Bytes, most: usize) -> Result<Vec<u8>> {
        let mut stream = Stream::new(self, stored);
        let mut bytes = Vec::new();
        while stream.fill()? {
            bytes.extend_from_slice(&stream.chunk);
            stream.chunk.clear();
            if bytes.len() > most {
                return Err(bad("a part of it is too long"));
            }
        }
        Ok(bytes)
    }
}

/// A stream that is read from front to back.
#[derive(Debug)]
pub(super) struct Stream {
    packing: Packing,
    stored: Bytes,
    chunk: Bytes,
}

impl Stream {
    pub(super) fn new(packing: Packing, stored: Bytes) -> Self {
        let (stored, chunk) = match packing.codec {
            Codec::None => (Bytes::new(), stored),
            _ => (stored, Bytes::new()),
        };
        Self { packing, stored, chunk }
    }

    /// Makes sure that there is a byte; `false`: it is the end.
    fn fill(&mut self) -> Result<bool> {
        while self.chunk.is_empty() {
            if self.stored.is_empty() {
                return Ok(false);
            }
            let Some([a, b, c]) = self.stored.first_chunk::<3>().copied() else {
                return Err(cut());
            };
            let header = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
            let length = header >> 1;
            self.stored.advance(3);
            if length > self.stored.len() {
                return Err(cut());
            }
            let stored = self.stored.split_to(length);
            self.chunk = if header & 1 == 1 {
                stored
            } else {
                Bytes::from(self.packing.codec.unpacked_within(&stored, self.packing.chunk)?)
            };
        }
        Ok(true)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        if !self.fill()? {
            return Err(cut());
        }
        Ok(self.chunk.get_u8())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        if let Some(bytes) = self.chunk.first_chunk::<N>().copied() {
            self.chunk.advance(N);
            return Ok(bytes);
        }
        let mut bytes = [0; N];
        for place in &mut bytes {
            *place = self.byte()?;
        }
        Ok(bytes)
    }

    /// Adds so many bytes.
    pub(super) fn read(&mut self, mut length: usize, to: &mut Vec<u8>) -> Result<()> {
        while length > 0 {
            if !self.fill()? {
                return Err(cut());
            }
            let part = self.chunk.split_to(length.min(self.chunk.len()));
            to.extend_from_slice(&part);
            length -= part.len();
        }
        Ok(())
    }

    /// An unsigned number, seven bits a byte.
    pub(super) fn varint(&mut self) -> Result<u64> {
        let number = self.long_varint()?;
        u64::try_from(number).map_err(|_| bad("a number is too long"))
    }

    /// The same, of up to 128 bits.
    pub(super) fn long_varint(&mut self) -> Result<u128> {
        let mut value = 0_u128;
        for shift in (0..133).step_by(7) {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if shift == 126 && bits > 3 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(bad("a number is too long"))
    }
}

pub(super) fn bad(why: &str) -> ConnectorError {
    ConnectorError::corrupt_file("").with_detail(why)
}

fn cut() -> ConnectorError {
    bad("a stream ends before its values do")
}

/// Even numbers stand for positive ones.
pub(super) fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
