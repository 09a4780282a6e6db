//! How much may the pages of a column expand to? Decided by what their headers say before one is decompressed, and, where a
//! decompressor goes on behind what the header says, by a look at what comes out (engine-gaps §3, "H").

use std::io::Read;

use parquet::basic::Compression;

use crate::error::{ConnectorError, ConnectorErrorKind};

/// Bytes per stored byte that are an attack or a mistake.
const RATIO: u64 = 1_000;

/// Bytes that a page may always have, however few are stored.
const FREE_PAGE: u64 = 64 << 20;

/// Bytes that the pages of a column chunk may always have together.
const FREE_CHUNK: u64 = 256 << 20;

/// Longest page.
const LONGEST_PAGE: u64 = 1 << 30;

/// Bytes that are looked at at once.
const PIECE: usize = 32 << 10;

/// What the pages of a column chunk have had so far.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    stored: u64,
    bytes: u64,
}

impl Gauge {
    /// Takes a page of so many stored bytes that says how long it is. Fails if it, or the chunk with it, expands too much.
    pub(super) fn passes(&mut self, stored: u64, bytes: u64) -> Result<(), ConnectorError> {
        self.stored = self.stored.saturating_add(stored);
        self.bytes = self.bytes.saturating_add(bytes);
        let page = bytes > FREE_PAGE && bytes / stored.max(1) > RATIO;
        let chunk = self.bytes > FREE_CHUNK && self.bytes / self.stored.max(1) > RATIO;
        if page || chunk || bytes > LONGEST_PAGE {
            return Err(too_much("a page of a file expands too much")
                .with_detail(format!("{stored} stored bytes of a page of {bytes}")));
        }
        Ok(())
    }
}

fn too_much(words: &str) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::LimitExceeded, words)
}

/// Times that a format can expand at the very most; `None`: without bound. Those that are decompressed into as much room as the
/// header names do not need one.
fn most(codec: Compression) -> Option<u64> {
    match codec {
        Compression::BROTLI(_) => None,
        Compression::GZIP(_) => Some(1_032),
        Compression::LZ4 => Some(255),
        _ => Some(0),
    }
}

/// Fails if the stored bytes of a page hold more than its header says. Decompresses where so much memory is at stake that it
/// matters, and keeps nothing.
pub(super) fn holds_no_more(codec: Compression, stored: &[u8], bytes: u64) -> Result<(), ConnectorError> {
    let worst = most(codec).map(|times| times.saturating_mul(stored.len() as u64));
    if worst.is_some_and(|worst| worst <= FREE_CHUNK) {
        return Ok(());
    }
    let more = match codec {
        Compression::BROTLI(_) => exceeds(brotli::Decompressor::new(stored, PIECE), bytes),
        Compression::GZIP(_) => exceeds(flate2::read::MultiGzDecoder::new(stored), bytes),
        Compression::LZ4 => exceeds(lz4_flex::frame::FrameDecoder::new(stored), bytes),
        _ => false,
    };
    if more {
        return Err(too_much("a page of a file expands to more than it says"));
    }
    Ok(())
}

/// Does more than so many bytes come out? What cannot be decompressed is left to the decoder.
fn exceeds(mut from: impl Read, most: u64) -> bool {
    let mut piece = vec![0; PIECE];
    let mut found = 0_u64;
    loop {
        match from.read(&mut piece) {
            Ok(0) | Err(_) => return false,
            Ok(read) => found += read as u64,
        }
        if found > most {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn pages_and_chunks_have_a_limit() {
        let mut gauge = Gauge::default();
        gauge.passes(10, FREE_PAGE).expect("free");
        assert_eq!(
            gauge.passes(10, FREE_PAGE + 1).expect_err("a page").code(),
            "SOURCE_LIMIT_EXCEEDED"
        );
        Gauge::default().passes(1 << 20, 500 << 20).expect("a large page");
        assert!(Gauge::default().passes(1 << 30, LONGEST_PAGE + 1).is_err());
        let mut gauge = Gauge::default();
        for _ in 0..4 {
            gauge.passes(10, FREE_PAGE).expect("free");
        }
        assert!(gauge.passes(10, 1 << 20).is_err(), "a chunk");
    }

    fn brotli_of(bytes: u64) -> Vec<u8> {
        let mut stored = Vec::new();
        let mut writer = brotli::CompressorWriter::new(&mut stored, 4096, 5, 22);
        std::io::copy(&mut std::io::repeat(b'x').take(bytes), &mut writer).expect("write");
        drop(writer);
        stored
    }

    #[test]
    fn brotli_is_looked_at() {
        let stored = brotli_of(1 << 20);
        assert!(stored.len() < 100);
        let codec = Compression::BROTLI(Default::default());
        holds_no_more(codec, &stored, 1 << 20).expect("as it says");
        assert!(holds_no_more(codec, &stored, (1 << 20) - 1).is_err());
        holds_no_more(codec, b"no brotli at all", 5).expect("for the decoder to say");
    }

    #[test]
    fn gzip_is_looked_at_where_it_could_hold_much() {
        let gzip = |bytes: &[u8]| {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(bytes).expect("write");
            writer.finish().expect("finish")
        };
        let codec = Compression::GZIP(Default::default());
        holds_no_more(codec, &gzip(&[0; 1 << 20]), 5).expect("a little");
        // Bytes that do not get fewer, so many that zeros in their place would be 300 MB.
        let mut dice = 7_u64;
        let noise: Vec<u8> = (0..300_000)
            .map(|_| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (dice >> 56) as u8
            })
            .collect();
        let long = gzip(&noise);
        assert!(long.len() > 290_000);
        assert!(holds_no_more(codec, &long, 299_999).is_err());
        holds_no_more(codec, &long, 300_000).expect("as it says");
    }
}
