//! How is a compressed file read? Piece by piece, every member of it, never more than a multiple of what is stored.
//!
//! What a file is says its extension or the table; how snappy and lz4 are framed says the file itself.

mod blocks;
mod lz4;
mod snappy;
mod streams;

use std::panic::AssertUnwindSafe;

pub(super) use blocks::Held;

use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// More text than this per stored byte is an attack or a mistake.
const MAX_EXPANSION: u64 = 1_000;

/// Text that is always allowed, however small the file.
const FREE_EXPANSION: u64 = 64 << 20;

/// Stored bytes decompressed in one step.
const STEP: usize = 16 << 10;

/// Bytes that decoders hand on at once.
const PIECE: usize = 64 << 10;

/// Extensions of compressions that are not read.
const UNSUPPORTED: &[&str] = &[
    "7z",
    "br",
    "brotli",
    "lz",
    "lzma",
    "lzo",
    "lzo_deflate",
    "rar",
    "tgz",
    "xz",
    "z",
    "zip",
];

/// How a whole file is compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    None,
    Bzip2,
    /// The format zlib, or without its header.
    Deflate,
    Gzip,
    /// Frames, or Hadoop's blocks.
    Lz4,
    /// Frames, Hadoop's blocks, or one raw block.
    Snappy,
    Zstd,
}

impl Compression {
    /// The words of the option `compression`.
    pub(crate) const WORDS: &'static [&'static str] = &["bzip2", "deflate", "gzip", "lz4", "none", "snappy", "zstd"];

    /// The compression of a word of `WORDS`.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "bzip2" => Self::Bzip2,
            "deflate" => Self::Deflate,
            "gzip" => Self::Gzip,
            "lz4" => Self::Lz4,
            "none" => Self::None,
            "snappy" => Self::Snappy,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    /// By the extension of a file, in any case; a file without a known one is plain.
    fn of(file: &str) -> Result<Self> {
        let name = file.rsplit('/').next().unwrap_or_default();
        let extension = name.rsplit_once('.').map(|(_, end)| end.to_lowercase());
        Ok(match extension.as_deref() {
            Some("bz2" | "bzip2") => Self::Bzip2,
            Some("deflate" | "zlib" | "zz") => Self::Deflate,
            Some("gz" | "gzip") => Self::Gzip,
            Some("lz4") => Self::Lz4,
            Some("snappy" | "sz") => Self::Snappy,
            Some("zst" | "zstd") => Self::Zstd,
            Some(other) if UNSUPPORTED.contains(&other) => {
                let what = format!("compression `{other}` of text files is not supported");
                return Err(ConnectorError::unsupported(what).with_file(file));
            }
            _ => Self::None,
        })
    }
}

/// How one block of a file is compressed that knows its own blocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Codec {
    None,
    Bzip2,
    /// A raw block.
    Lz4,
    /// Deflate without the header of zlib.
    RawDeflate,
    /// A raw block.
    Snappy,
    /// A raw block, and behind it the CRC-32 of its text, big-endian.
    SnappyWithCrc,
    Zstd,
}

impl Codec {
    /// The bytes in a stored block.
    ///
    /// # Errors
    /// `CORRUPT_FILE`, `SOURCE_LIMIT_EXCEEDED`, without the file.
    pub(super) fn unpacked(self, stored: &[u8]) -> Result<Vec<u8>> {
        self.unpacked_within(stored, usize::MAX)
    }

    /// The same, of at most so many bytes: more are `CORRUPT_FILE`.
    pub(super) fn unpacked_within(self, stored: &[u8], most: usize) -> Result<Vec<u8>> {
        let mut gauge = Gauge {
            stored: stored.len() as u64,
            text: 0,
        };
        let mut bytes = Vec::new();
        let mut keep = |part: &[u8]| {
            gauge.passes(part)?;
            bytes.extend_from_slice(part);
            if bytes.len() > most {
                Err(damaged("a block holds more than it says"))
            } else {
                Ok(())
            }
        };
        let mut unpack: Box<dyn Unpack> = match self {
            Self::None => return Ok(stored.to_vec()),
            Self::Lz4 => return lz4::block(stored, most),
            Self::Snappy => return snappy::block(stored, most),
            Self::SnappyWithCrc => return snappy::block_with_crc(stored),
            Self::RawDeflate => {
                streams::raw_deflate(stored, &mut keep)?;
                return Ok(bytes);
            }
            Self::Bzip2 => Box::new(streams::Bzip2::default()),
            Self::Zstd => Box::new(streams::Zstd::new()?),
        };
        unpack.push(stored, &mut keep)?;
        unpack.finish(&mut keep)?;
        Ok(bytes)
    }
}

/// Takes text.
pub(super) type Sink<'a> = dyn FnMut(&[u8]) -> Result<()> + 'a;

/// A format of compression. A sequence of members is read as one text.
trait Unpack: Send {
    /// Hands on the text of these stored bytes.
    fn push(&mut self, stored: &[u8], to: &mut Sink<'_>) -> Result<()>;
    /// There is no more; a member that has not ended is an error.
    fn finish(&mut self, to: &mut Sink<'_>) -> Result<()>;
}

/// Gives what it is handed the text inside of one file.
pub(crate) struct Inflate {
    /// `None`: plain text.
    unpack: Option<Box<dyn Unpack>>,
    gauge: Gauge,
    file: String,
}

#[derive(Clone, Copy, Default)]
struct Gauge {
    stored: u64,
    text: u64,
}

impl Gauge {
    fn passes(&mut self, text: &[u8]) -> Result<()> {
        self.text += text.len() as u64;
        if self.text > FREE_EXPANSION && self.text / self.stored.max(1) > MAX_EXPANSION {
            let kind = ConnectorErrorKind::LimitExceeded;
            return Err(ConnectorError::new(kind, "a compressed file expands too much"));
        }
        Ok(())
    }
}

impl Inflate {
    /// By the declared compression, or else by the file's extension.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` with the compression's name.
    pub(crate) fn new(file: &str, declared: Option<Compression>) -> Result<Self> {
        let compression = declared.map_or_else(|| Compression::of(file), Ok)?;
        let unpack: Option<Box<dyn Unpack>> = match compression {
            Compression::None => None,
            Compression::Bzip2 => Some(Box::new(streams::Bzip2::default())),
            Compression::Deflate => Some(Box::new(streams::Deflate::default())),
            Compression::Gzip => Some(Box::new(streams::Gzip::new())),
            Compression::Lz4 => Some(Box::new(lz4::Lz4::default())),
            Compression::Snappy => Some(Box::new(snappy::Snappy::default())),
            Compression::Zstd => Some(Box::new(streams::Zstd::new()?)),
        };
        Ok(Self {
            unpack,
            gauge: Gauge::default(),
            file: file.to_owned(),
        })
    }

    /// Hands on the text of these stored bytes.
    ///
    /// # Errors
    /// `CORRUPT_FILE`, `SOURCE_LIMIT_EXCEEDED`, and those of `to`; all with the file.
    pub(crate) fn push(&mut self, stored: &[u8], to: &mut Sink<'_>) -> Result<()> {
        let Some(unpack) = &mut self.unpack else {
            return to(stored).map_err(|error| of_file(error, &self.file));
        };
        for step in stored.chunks(STEP) {
            self.gauge.stored += step.len() as u64;
            let gauge = &mut self.gauge;
            let mut gauged = |text: &[u8]| {
                gauge.passes(text)?;
                to(text)
            };
            caught(&self.file, || unpack.push(step, &mut gauged))?;
        }
        Ok(())
    }

    /// Hands on what is left; a file that is cut off is an error.
    ///
    /// # Errors
    /// As `push`.
    pub(crate) fn finish(&mut self, to: &mut Sink<'_>) -> Result<()> {
        let Some(unpack) = &mut self.unpack else {
            return Ok(());
        };
        let gauge = &mut self.gauge;
        let mut gauged = |text: &[u8]| {
            gauge.passes(text)?;
            to(text)
        };
        caught(&self.file, || unpack.finish(&mut gauged))
    }
}

fn caught(file: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| of_file(error, file)),
        Err(_) => Err(damaged("its decoder panicked").with_file(file)),
    }
}

fn of_file(error: ConnectorError, file: &str) -> ConnectorError {
    match error.file() {
        None | Some("") => error.with_file(file),
        Some(_) => error,
    }
}

/// The stored bytes are not what their format says; the file is added by `Inflate`.
fn damaged(why: &str) -> ConnectorError {
    ConnectorError::corrupt_file("").with_detail(format!("it cannot be decompressed: {why}"))
}

/// The file ends within a member.
fn cut() -> ConnectorError {
    damaged("it is cut off")
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// The text of a file that comes in chunks of this size.
    pub(in crate::files) fn inflated(file: &str, stored: &[u8], chunk: usize) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        let mut inflate = Inflate::new(file, None)?;
        let mut keep = |part: &[u8]| {
            text.extend_from_slice(part);
            Ok(())
        };
        for part in stored.chunks(chunk) {
            inflate.push(part, &mut keep)?;
        }
        inflate.finish(&mut keep)?;
        Ok(text)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("write");
        encoder.finish().expect("finish")
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("write");
        encoder.finish().expect("finish")
    }

    fn raw_deflate(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("write");
        encoder.finish().expect("finish")
    }

    fn bzip2(text: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(text).expect("write");
        encoder.finish().expect("finish")
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(text, 3).expect("encode")
    }

    fn lz4_frame(text: &[u8], linked: bool) -> Vec<u8> {
        use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
        let mode = if linked {
            BlockMode::Linked
        } else {
            BlockMode::Independent
        };
        let info = FrameInfo::new()
            .block_mode(mode)
            .block_size(BlockSize::Max64KB)
            .block_checksums(linked)
            .content_checksum(true);
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(text).expect("write");
        encoder.finish().expect("finish")
    }

    fn snappy_frames(text: &[u8]) -> Vec<u8> {
        let mut encoder = snap::write::FrameEncoder::new(Vec::new());
        encoder.write_all(text).expect("write");
        encoder.into_inner().map_err(|_| "flush").expect("finish")
    }

    /// Hadoop's blocks: length of the text, then parts, each with its stored length.
    fn hadoop(text: &[u8], part: usize, pack: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut stored = Vec::new();
        for block in text.chunks(part * 3) {
            stored.extend_from_slice(&u32::try_from(block.len()).expect("length").to_be_bytes());
            for chunk in block.chunks(part) {
                let packed = pack(chunk);
                stored.extend_from_slice(&u32::try_from(packed.len()).expect("length").to_be_bytes());
                stored.extend_from_slice(&packed);
            }
        }
        stored
    }

    fn snappy_block(text: &[u8]) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(text).expect("block")
    }

    /// Text that is neither trivial nor all the same, more than any block.
    fn text() -> Vec<u8> {
        let mut state = 7_u32;
        let mut text = Vec::new();
        while text.len() < 400_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.extend_from_slice(format!("{},{}\n", state >> 16, state % 97).as_bytes());
        }
        text
    }

    type Pack = fn(&[u8]) -> Vec<u8>;

    const FORMATS: &[(&str, Pack)] = &[
        ("a.csv.gz", gzip),
        ("a.csv.BZ2", bzip2),
        ("a.csv.deflate", zlib),
        ("a.csv.zlib", raw_deflate),
        ("a.csv.zst", zstd),
        ("a.csv.lz4", |text| lz4_frame(text, true)),
        ("a.csv.lz4", |text| lz4_frame(text, false)),
        ("a.csv.lz4", |text| hadoop(text, 50_000, lz4_flex::block::compress)),
        ("a.csv.snappy", snappy_frames),
        ("a.csv.snappy", |text| hadoop(text, 50_000, snappy_block)),
    ];

    /// The streaming readers of many libraries stop behind the first member.
    #[test]
    fn every_member_is_read_however_the_bytes_arrive() {
        let text = text();
        for (number, (file, pack)) in FORMATS.iter().enumerate() {
            let (first, second) = text.split_at(text.len() / 3);
            let stored = [pack(first), pack(second)].concat();
            for chunk in [stored.len(), 7_001, 13] {
                let found = inflated(file, &stored, chunk).unwrap_or_else(|error| panic!("{number} {file}: {error:?}"));
                assert!(
                    found == text,
                    "{number} {file} in chunks of {chunk}: {} bytes",
                    found.len()
                );
            }
        }
        assert_eq!(inflated("a.snappy", &snappy_block(&text), 999).expect("raw"), text);
        // A raw block is no sequence, and a byte is not a text of any of these formats.
        for (file, _) in FORMATS {
            assert_eq!(
                inflated(file, &[1], 1).expect_err("a byte").code(),
                "CORRUPT_FILE",
                "{file}"
            );
        }
    }

    /// A file that ends in the middle, or that says something else than it holds, never looks whole.
    #[test]
    fn cut_and_damaged_files_are_refused() {
        let text = text();
        for (number, (file, pack)) in FORMATS.iter().enumerate() {
            let stored = pack(&text);
            for end in [stored.len() - 1, stored.len() - 5, stored.len() / 2, 9] {
                let error = inflated(file, &stored[..end], 1 << 20);
                let error = error.map(|text| text.len()).expect_err("cut");
                assert_eq!(
                    (error.code(), error.file()),
                    ("CORRUPT_FILE", Some(*file)),
                    "{number} {end}"
                );
            }
            let again = [stored.clone(), b"\x05\x06 and more".to_vec()].concat();
            assert!(
                inflated(file, &again, 1 << 20).is_err(),
                "{number} {file}: what stands behind"
            );
        }
        // Those with checksums find any change.
        for number in [0, 1, 2, 5, 6, 8] {
            let (file, pack) = FORMATS[number];
            let mut stored = pack(&text);
            let middle = stored.len() / 2;
            stored[middle] ^= 0x10;
            assert!(inflated(file, &stored, 1 << 20).is_err(), "{number} {file}");
        }
    }

    #[test]
    fn nothing_expands_without_a_limit() {
        let zeros = vec![0_u8; 70 << 20];
        for (file, stored) in [("a.bz2", bzip2(&zeros)), ("a.zst", zstd(&zeros))] {
            let error = inflated(file, &stored, 1 << 20).map(|text| text.len());
            assert_eq!(error.expect_err("too much").code(), "SOURCE_LIMIT_EXCEEDED", "{file}");
        }
        // Lengths that no file of this size can hold are not even reserved.
        let huge = [
            &0x7fff_ffff_u32.to_be_bytes()[..],
            &8_u32.to_be_bytes(),
            b"\xff\xff\xff\xff\x07abc",
        ]
        .concat();
        for file in ["a.lz4", "a.snappy"] {
            let stored = [&[0][..], &huge[1..]].concat();
            assert_eq!(
                inflated(file, &stored, 99).expect_err("huge").code(),
                "CORRUPT_FILE",
                "{file}"
            );
        }
    }

    #[test]
    fn what_is_not_read_is_named() {
        for word in ["lzo", "xz", "zip"] {
            let error = Inflate::new(&format!("t/a.csv.{word}"), None).err().expect("refused");
            assert!(error.to_string().contains(word), "{error}");
            assert_eq!(error.code(), "NOT_SUPPORTED");
        }
        let error = inflated("a.lz4", b"\x02\x21\x4c\x18\x05\0\0\0hello", 99).expect_err("legacy");
        assert_eq!(error.code(), "NOT_SUPPORTED");
        // A table says what its files are, whatever they are called.
        assert!(Inflate::new("a.csv.xz", Some(Compression::None)).is_ok());
    }
}
