//! What text does a stored file hold? Decompression by extension, byte order mark and skipped lines.

use std::io::Write;

use flate2::write::MultiGzDecoder;

use crate::{
    error::{ConnectorError, ConnectorErrorKind, Result},
    files::table::Compression,
};

/// More text than this per stored byte is an attack or a mistake.
const MAX_EXPANSION: u64 = 1_000;

/// Text that is always allowed, however small the file.
const FREE_EXPANSION: u64 = 64 << 20;

/// Stored bytes decompressed in one step.
const STEP: usize = 16 << 10;

/// Extensions of compressions that are not read.
const UNSUPPORTED: &[&str] = &[
    "br", "bz2", "deflate", "lz4", "lzo", "snappy", "xz", "zip", "zlib", "zst",
];

/// Gives what it is handed the text inside.
pub(crate) enum Inflate {
    Plain,
    Gzip {
        decoder: Box<MultiGzDecoder<Vec<u8>>>,
        stored: u64,
        text: u64,
        file: String,
    },
}

impl Inflate {
    /// By the declared compression, or else by the file's extension.
    pub(crate) fn new(file: &str, declared: Option<Compression>) -> Result<Self> {
        let extension = file
            .rsplit('/')
            .next()
            .and_then(|name| name.rsplit_once('.'))
            .map(|(_, end)| end.to_lowercase());
        let gzip = match declared {
            Some(Compression::Gzip) => true,
            Some(Compression::None) => false,
            None => match extension.as_deref() {
                Some("gz" | "gzip") => true,
                Some(other) if UNSUPPORTED.contains(&other) => {
                    return Err(ConnectorError::unsupported(format!(
                        "compression `{other}` of text files is not supported"
                    ))
                    .with_file(file));
                }
                _ => false,
            },
        };
        if !gzip {
            return Ok(Self::Plain);
        }
        let decoder = Box::new(MultiGzDecoder::new(Vec::new()));
        Ok(Self::Gzip {
            decoder,
            stored: 0,
            text: 0,
            file: file.to_owned(),
        })
    }

    /// Hands on the text of these stored bytes.
    pub(crate) fn push(&mut self, bytes: &[u8], to: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Self::Gzip {
            decoder,
            stored,
            text,
            file,
        } = self
        else {
            return to(bytes);
        };
        for step in bytes.chunks(STEP) {
            decoder.write_all(step).map_err(|error| corrupt(file, error))?;
            *stored += step.len() as u64;
            let out = std::mem::take(decoder.get_mut());
            *text += out.len() as u64;
            if *text > FREE_EXPANSION && *text / *stored > MAX_EXPANSION {
                return Err(ConnectorError::new(
                    ConnectorErrorKind::LimitExceeded,
                    "a compressed file expands too much",
                )
                .with_file(file.as_str()));
            }
            to(&out)?;
        }
        Ok(())
    }

    /// Hands on what is left; a file that is cut off is an error.
    pub(crate) fn finish(&mut self, to: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Self::Gzip { decoder, file, .. } = self else {
            return Ok(());
        };
        decoder.try_finish().map_err(|error| corrupt(file, error))?;
        let out = std::mem::take(decoder.get_mut());
        to(&out)
    }
}

fn corrupt(file: &str, error: std::io::Error) -> ConnectorError {
    ConnectorError::corrupt_file(file)
        .with_detail("it cannot be decompressed")
        .with_source(error)
}

const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Drops the byte order mark and the lines to skip at the start of a file.
#[derive(Debug)]
pub(crate) struct Prologue {
    /// Bytes of the mark seen so far; `None`: behind it.
    mark: Option<usize>,
    lines: usize,
}

impl Prologue {
    pub(crate) fn new(lines: usize) -> Self {
        Self { mark: Some(0), lines }
    }

    /// What of this text is not dropped. A file that begins with only a part of the mark loses that part: it is no UTF-8
    /// text anyway.
    pub(crate) fn rest<'a>(&mut self, mut text: &'a [u8]) -> &'a [u8] {
        while let (Some(seen), Some((first, tail))) = (self.mark, text.split_first()) {
            if MARK.get(seen) == Some(first) {
                text = tail;
                self.mark = Some(seen + 1);
            } else {
                self.mark = None;
            }
        }
        while self.lines > 0 {
            match text.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    text = text.get(end + 1..).unwrap_or_default();
                    self.lines -= 1;
                }
                None => return &[],
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_and_lines_are_dropped_across_chunks() {
        let mut prologue = Prologue::new(2);
        let mut text = Vec::new();
        for chunk in [&b"\xEF\xBB"[..], b"\xBFone", b" line\ntwo\nthr", b"ee\n"] {
            text.extend_from_slice(prologue.rest(chunk));
        }
        assert_eq!(text, b"three\n");
    }

    #[test]
    fn gzip_of_several_members_is_read_whole_and_a_cut_one_refused() {
        let member = |text: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).expect("write");
            encoder.finish().expect("finish")
        };
        let stored = [member(b"one"), member(b"two")].concat();
        let read = |stored: &[u8]| {
            let mut text = Vec::new();
            let mut inflate = Inflate::new("a.csv.gz", None)?;
            inflate.push(stored, &mut |part| {
                text.extend_from_slice(part);
                Ok(())
            })?;
            inflate.finish(&mut |part| {
                text.extend_from_slice(part);
                Ok(())
            })?;
            Ok::<_, ConnectorError>(text)
        };
        assert_eq!(read(&stored).expect("text"), b"onetwo");
        assert_eq!(
            read(&stored[..stored.len() - 4]).expect_err("cut").code(),
            "CORRUPT_FILE"
        );
        assert_eq!(
            Inflate::new("a.csv.zst", None).err().expect("refused").code(),
            "NOT_SUPPORTED"
        );
    }
}
