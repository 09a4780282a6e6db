//! What text does a stored file hold? Decompressed, in UTF-8, without byte order mark and skipped lines.

use crate::{
    error::Result,
    files::{
        compression::{Inflate, Sink},
        encoding::Transcode,
        table::FormatOptions,
    },
};

/// The text of one file.
pub(crate) struct TextInput {
    inflate: Inflate,
    transcode: Transcode,
    prologue: Prologue,
}

impl TextInput {
    /// # Errors
    /// `NOT_SUPPORTED` for a compression that is not read.
    pub(crate) fn new(file: &str, options: &FormatOptions) -> Result<Self> {
        Ok(Self {
            inflate: Inflate::new(file, options.compression)?,
            transcode: Transcode::new(options.encoding),
            prologue: Prologue::new(options.skip_header),
        })
    }

    /// Hands on the text of these stored bytes.
    ///
    /// # Errors
    /// `CORRUPT_FILE`, `SOURCE_LIMIT_EXCEEDED`, and those of `to`; all with the file.
    pub(crate) fn push(&mut self, stored: &[u8], to: &mut Sink<'_>) -> Result<()> {
        let Self {
            inflate,
            transcode,
            prologue,
        } = self;
        inflate.push(stored, &mut |text| {
            transcode.push(text, &mut |text| to(prologue.rest(text)))
        })
    }

    /// Hands on what is left; a file that is cut off is an error.
    ///
    /// # Errors
    /// As `push`.
    pub(crate) fn finish(&mut self, to: &mut Sink<'_>) -> Result<()> {
        let Self {
            inflate,
            transcode,
            prologue,
        } = self;
        inflate.finish(&mut |text| transcode.push(text, &mut |text| to(prologue.rest(text))))?;
        transcode.finish(&mut |text| to(prologue.rest(text)))
    }
}

const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Drops the byte order mark and the lines to skip at the start of a file.
#[derive(Debug)]
struct Prologue {
    /// Bytes of the mark seen so far; `None`: behind it.
    mark: Option<usize>,
    lines: usize,
}

impl Prologue {
    fn new(lines: usize) -> Self {
        Self { mark: Some(0), lines }
    }

    /// What of this text is not dropped. A file that begins with only a part of the mark loses that part: it is no UTF-8
    /// text anyway.
    fn rest<'a>(&mut self, mut text: &'a [u8]) -> &'a [u8] {
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
}
