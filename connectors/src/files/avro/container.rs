//! What is in an Avro file? A header, and blocks that say how many rows they hold and how long they are. A block that is cut
//! off, or that does not end with the file's marker, is an error: never a file that looks whole (engine-gaps §6).

use std::collections::HashMap;

use super::{
    cursor::{Bad, Cursor},
    schema::{Node, columns},
};
use crate::{
    error::{ConnectorError, Result},
    files::{
        compression::{Codec, Held},
        julian::Marks,
    },
};

const MAGIC: &[u8] = b"Obj\x01";

/// Longest header.
const MAX_HEADER: usize = 4 << 20;

/// Longest stored block.
const MAX_BLOCK: usize = 128 << 20;

/// What the header says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) columns: Vec<(String, Node)>,
    pub(super) marks: Marks,
    codec: Codec,
    marker: [u8; 16],
    /// Bytes that it has in the file.
    length: usize,
}

/// A block, not compressed any more.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) rows: u64,
    pub(super) bytes: Vec<u8>,
    /// What of it was read.
    pub(super) at: usize,
}

/// The header at the front; `None`: it is not whole yet.
pub(super) fn header(held: &mut Held) -> Result<Option<Header>> {
    let bytes = held.rest();
    let start = bytes.get(..MAGIC.len()).unwrap_or(bytes);
    if !MAGIC.starts_with(start) {
        return Err(bad("it is no Avro file"));
    }
    let mut from = Cursor::new(bytes);
    let Ok(found) = entries(&mut from) else {
        if bytes.len() > MAX_HEADER {
            return Err(bad("its header does not end"));
        }
        return Ok(None);
    };
    let codec = match found.codec {
        None | Some(b"" | b"null") => Codec::None,
        Some(b"deflate") => Codec::RawDeflate,
        Some(b"snappy") => Codec::SnappyWithCrc,
        Some(b"bzip2") => Codec::Bzip2,
        Some(b"zstandard") => Codec::Zstd,
        Some(other) => {
            let what = format!(
                "the codec `{}` of Avro files is not supported",
                String::from_utf8_lossy(other)
            );
            return Err(ConnectorError::unsupported(what));
        }
    };
    let schema = found.schema.ok_or_else(|| bad("its header has no schema"))?;
    let length = bytes.len() - from.left();
    let header = Header {
        columns: columns(schema)?,
        marks: Marks::new(|name| found.words.get(name).copied()),
        codec,
        marker: found.marker,
        length,
    };
    held.skip(length);
    Ok(Some(header))
}

struct Entries<'a> {
    schema: Option<&'a [u8]>,
    codec: Option<&'a [u8]>,
    /// The others, as far as they are text.
    words: HashMap<&'a str, &'a str>,
    marker: [u8; 16],
}

fn entries<'a>(from: &mut Cursor<'a>) -> Result<Entries<'a>, Bad> {
    from.take(MAGIC.len())?;
    let (mut schema, mut codec, mut words) = (None, None, HashMap::new());
    loop {
        let count = from.items()?;
        if count == 0 {
            let marker = from.array()?;
            return Ok(Entries {
                schema,
                codec,
                words,
                marker,
            });
        }
        for _ in 0..count {
            match (from.bytes()?, from.bytes()?) {
                (b"avro.schema", value) => schema = Some(value),
                (b"avro.codec", value) => codec = Some(value),
                (name, value) => {
                    if let (Ok(name), Ok(value)) = (str::from_utf8(name), str::from_utf8(value)) {
                        words.insert(name, value);
                    }
                }
            }
        }
    }
}

impl Header {
    /// Bytes that it holds in memory, roughly: types are some words each, where the file has a name of a few bytes.
    pub(super) fn bytes(&self) -> usize {
        self.length.saturating_mul(16)
    }

    /// The next block; `None`: it is not whole yet.
    pub(super) fn block(&self, held: &mut Held) -> Result<Option<Block>> {
        let bytes = held.rest();
        let mut from = Cursor::new(bytes);
        let (Ok(rows), Ok(length)) = (from.long(), from.long()) else {
            return if bytes.len() > 20 {
                Err(bad("a block has no length"))
            } else {
                Ok(None)
            };
        };
        let length = usize::try_from(length).ok().filter(|length| *length <= MAX_BLOCK);
        let (Ok(rows), Some(length)) = (u64::try_from(rows), length) else {
            return Err(bad("a block has an impossible length"));
        };
        let Ok(stored) = from.take(length) else { return Ok(None) };
        let Ok(marker) = from.array::<16>() else {
            return Ok(None);
        };
        if marker != self.marker {
            return Err(bad("a block does not end with the marker of the file"));
        }
        let bytes_read = bytes.len() - from.left();
        let block = Block {
            rows,
            bytes: self.codec.unpacked(stored)?,
            at: 0,
        };
        held.skip(bytes_read);
        Ok(Some(block))
    }
}

pub(super) fn bad(why: &str) -> ConnectorError {
    ConnectorError::corrupt_file("").with_detail(why)
}
