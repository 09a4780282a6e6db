//! What rows do JSON objects hold, one per line or elements of an array? Numbers keep their digits, nested values their JSON.
//!
//! A value that is no object is an error, or invisible where a policy restricts the caller: it has no value for the policy.

use std::{fmt, sync::Arc};

use arrow::array::RecordBatch;
use serde::{
    Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Decoder, Wanted, rows::Rows, values::Values};
use crate::error::{ConnectorError, Result};

/// Members of one object, in order; of repeated keys the last one counts.
pub(crate) type Members<'a> = Vec<(String, &'a RawValue)>;

/// The object on one line; `None` for a blank line.
pub(crate) fn parse_line(line: &[u8]) -> Result<Option<Members<'_>>, serde_json::Error> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let members = deserializer.deserialize_map(MembersVisitor)?;
    deserializer.end()?;
    Ok(Some(members))
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            members.push((key, map.next_value::<&'de RawValue>()?));
        }
        Ok(members)
    }
}

/// The member that a column means: of its exact name, else without case; the last one wins.
fn member<'a>(members: &Members<'a>, name: &str) -> Option<&'a RawValue> {
    let exact = members.iter().rev().find(|(key, _)| key == name);
    exact
        .or_else(|| members.iter().rev().find(|(key, _)| key.to_lowercase() == name))
        .map(|(_, value)| *value)
}

/// Reads the wanted columns of a file of JSON objects.
pub(super) struct NdjsonDecoder {
    values: Values,
    sink: Sink,
}

struct Sink {
    wanted: Wanted,
    rows: Rows,
    file: String,
}

impl NdjsonDecoder {
    pub(super) fn new(wanted: Wanted, file: String) -> Self {
        let rows = Rows::new(Arc::clone(&wanted.schema), wanted.batch_size);
        Self {
            values: Values::new(&file),
            sink: Sink { wanted, rows, file },
        }
    }
}

impl Sink {
    fn value(&mut self, text: &[u8], line: u64) -> Result<()> {
        let file = &self.file;
        let bad = |error: serde_json::Error| {
            ConnectorError::corrupt_file(file.as_str())
                .with_detail(format!("line {line} is no JSON object"))
                .with_source(error)
        };
        let members = match parse_line(text) {
            Ok(Some(members)) => members,
            Ok(None) => return Ok(()),
            // Governance §3 rule 6: what cannot be taken apart is not there for a policy.
            Err(_) if self.wanted.table.restricted => return Ok(()),
            Err(error) => return Err(bad(error)),
        };
        if !self.wanted.policy.iter().all(|name| member(&members, name).is_some()) {
            return Ok(());
        }
        for (column, (field, nested)) in self.wanted.schema.fields().iter().zip(&self.wanted.nested).enumerate() {
            let raw = member(&members, field.name()).map_or("null", RawValue::get);
            if raw == "null" {
                self.rows.cell(column, None);
            } else if raw.starts_with('"') && !nested {
                self.rows.cell(column, Some(&string_bytes(raw).map_err(bad)?));
            } else {
                self.rows.cell(column, Some(raw.as_bytes()));
            }
        }
        self.rows.end_row()
    }
}

/// The bytes of a JSON string: its UTF-8, but for lone surrogates (`\ud800`), which no text has: they stay apart, as WTF-8,
/// so that the value fails where it is shown and nowhere else.
fn string_bytes(raw: &str) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::Deserializer::from_str(raw).deserialize_bytes(BytesVisitor)
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

impl Decoder for NdjsonDecoder {
    fn push(&mut self, text: &[u8]) -> Result<()> {
        let Self { values, sink } = self;
        values.push(text, &mut |value, line| sink.value(value, line))
    }

    fn finish(&mut self) -> Result<()> {
        let Self { values, sink } = self;
        values.finish(&mut |value, line| sink.value(value, line))?;
        sink.rows.flush()
    }

    fn take(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.sink.rows.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_a_line_and_nothing_else() {
        let members = parse_line(b"{\"a\": 9223372036854775809, \"A\": \"x\", \"a\": 1.50}")
            .expect("line")
            .expect("object");
        assert_eq!(member(&members, "a").map(RawValue::get), Some("1.50"));
        assert!(parse_line(b"  ").expect("blank").is_none());
        for bad in [&b"[1]"[..], b"{\"a\":1} {\"a\":2}", b"{\"a\":", b"1", b"{\"a\":1,}"] {
            assert!(parse_line(bad).is_err());
        }
    }
}
