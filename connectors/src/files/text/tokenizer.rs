//! What records does a CSV text hold? A tokenizer that tells `""` from nothing, and the names in a header.

use std::collections::HashSet;

use crate::{
    error::{ConnectorError, ConnectorErrorKind, Result},
    files::{
        parquet::ambiguous,
        table::{CsvSerde, FormatOptions},
    },
};

/// Longest record.
const MAX_RECORD: usize = 64 << 20;

/// Splits text into records.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    state: State,
    /// Unescaped bytes of the record so far.
    data: Vec<u8>,
    ends: Vec<Field>,
    /// The field that is read.
    field: Field,
    /// A doubled quote within quotes stands for one.
    doubled: bool,
    after_cr: bool,
    line: u64,
    record_line: u64,
    quote_line: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    RecordStart,
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted field: its end, or one half of a doubled quote.
    AfterQuote,
    EscapedPlain,
    EscapedQuoted,
}

/// A field as it was written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Field {
    /// Where it ends in the bytes of its record.
    end: usize,
    quoted: bool,
    /// Escaped bytes outside of quotes.
    escapes: usize,
    /// Its first byte is one of them.
    escaped_first: bool,
}

/// One record.
pub(crate) struct Record<'a> {
    /// Line where it begins, from 1, skipped lines not counted.
    pub(crate) line: u64,
    data: &'a [u8],
    ends: &'a [Field],
    escape: Option<u8>,
}

impl<'a> Record<'a> {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of a field.
    pub(crate) fn field(&self, position: usize) -> Option<&'a [u8]> {
        let start = position
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .map_or(0, |field| field.end);
        self.data.get(start..self.ends.get(position)?.end)
    }

    /// Bytes of a field that is not NULL. The marker is compared with what is written: `\\N` is one where a backslash escapes, too,
    /// and an escaped or quoted text is never one.
    pub(super) fn value(&self, position: usize, null: Option<&str>) -> Option<&'a [u8]> {
        let (bytes, field) = (self.field(position)?, self.ends.get(position)?);
        let Some(marker) = null.map(str::as_bytes).filter(|_| !field.quoted) else {
            return Some(bytes);
        };
        let is_null = match (marker.split_first(), self.escape) {
            (Some((first, rest)), Some(escape)) if *first == escape => {
                field.escaped_first && field.escapes == 1 && bytes == rest
            }
            _ => field.escapes == 0 && bytes == marker,
        };
        (!is_null).then_some(bytes)
    }

    /// Text of a field; `Ok(None)` is NULL.
    pub(crate) fn text(&self, position: usize, null: Option<&str>) -> Result<Option<&'a str>, std::str::Utf8Error> {
        self.value(position, null).map(std::str::from_utf8).transpose()
    }

    pub(super) fn is_blank(&self) -> bool {
        matches!(self.ends, [only] if *only == Field::default())
    }
}

impl Tokenizer {
    pub(crate) fn new(options: &FormatOptions) -> Self {
        Self {
            delimiter: options.delimiter,
            quote: options.quote,
            escape: options.escape,
            state: State::RecordStart,
            data: Vec::new(),
            ends: Vec::new(),
            field: Field::default(),
            doubled: options.escape.is_none() || options.serde == CsvSerde::OpenCsv,
            after_cr: false,
            line: 1,
            record_line: 1,
            quote_line: 1,
        }
    }

    /// Hands on every record that ends in this text.
    pub(crate) fn push(&mut self, text: &[u8], to: &mut dyn FnMut(Record<'_>) -> Result<()>) -> Result<()> {
        for &byte in text {
            let second_half = self.after_cr && byte == b'\n';
            self.after_cr = false;
            if second_half {
                continue;
            }
            self.line += u64::from(byte == b'\n');
            match self.state {
                State::Quoted => self.quoted_byte(byte),
                State::EscapedPlain | State::EscapedQuoted => {
                    self.data.push(byte);
                    self.state = if self.state == State::EscapedPlain {
                        State::Plain
                    } else {
                        State::Quoted
                    };
                }
                State::RecordStart | State::FieldStart if Some(byte) == self.quote => {
                    self.field.quoted = true;
                    self.quote_line = self.line;
                    self.state = State::Quoted;
                }
                State::AfterQuote if Some(byte) == self.quote && self.doubled => {
                    self.data.push(byte);
                    self.state = State::Quoted;
                }
                _ if byte == self.delimiter => self.end_field(),
                _ if byte == b'\n' || byte == b'\r' => {
                    self.after_cr = byte == b'\r';
                    self.line += u64::from(self.after_cr);
                    self.end_record(to)?;
                }
                _ if Some(byte) == self.escape => {
                    self.field.escapes += 1;
                    self.field.escaped_first |= self.state != State::Plain;
                    self.state = State::EscapedPlain;
                }
                _ => {
                    self.data.push(byte);
                    self.state = State::Plain;
                }
            }
            if self.data.len() > MAX_RECORD {
                return Err(
                    ConnectorError::new(ConnectorErrorKind::LimitExceeded, "a record is too long")
                        .with_detail(format!("line {}", self.record_line)),
                );
            }
        }
        Ok(())
    }

    /// Hands on the last record, if the text does not end with a line's end.
    pub(crate) fn finish(&mut self, to: &mut dyn FnMut(Record<'_>) -> Result<()>) -> Result<()> {
        match self.state {
            State::Quoted | State::EscapedQuoted => Err(bad("a quote is never closed", self.quote_line)),
            State::RecordStart => Ok(()),
            State::FieldStart | State::Plain | State::AfterQuote | State::EscapedPlain => self.end_record(to),
        }
    }

    fn quoted_byte(&mut self, byte: u8) {
        if Some(byte) == self.escape && self.escape != self.quote {
            self.state = State::EscapedQuoted;
        } else if Some(byte) == self.quote {
            self.state = State::AfterQuote;
        } else {
            self.data.push(byte);
        }
    }

    fn end_field(&mut self) {
        let mut field = std::mem::take(&mut self.field);
        field.end = self.data.len();
        self.ends.push(field);
        self.state = State::FieldStart;
    }

    fn end_record(&mut self, to: &mut dyn FnMut(Record<'_>) -> Result<()>) -> Result<()> {
        self.end_field();
        self.state = State::RecordStart;
        let outcome = to(Record {
            line: self.record_line,
            data: &self.data,
            ends: &self.ends,
            escape: self.escape,
        });
        self.data.clear();
        self.ends.clear();
        self.record_line = self.line;
        outcome
    }
}

/// A malformed file; `line` is where it shows.
pub(super) fn bad(why: &str, line: u64) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::SourceFailed, "a CSV file is malformed")
        .with_code("CORRUPT_FILE")
        .with_detail(format!("{why} (line {line})"))
}

/// Column names of a header: lower-case, empty ones `column_N`, repeated ones `a`, `a_1`, ….
///
/// # Errors
/// `AMBIGUOUS_COLUMN` with both names if two differ in case only.
pub(crate) fn header_names(record: &Record<'_>) -> Result<Vec<String>> {
    let mut written: Vec<String> = Vec::with_capacity(record.len());
    let mut names: Vec<String> = Vec::with_capacity(record.len());
    let mut taken = HashSet::new();
    for position in 0..record.len() {
        let text = record
            .field(position)
            .map_or_else(String::new, |bytes| String::from_utf8_lossy(bytes).trim().to_owned());
        let lower = text.to_lowercase();
        if let Some(other) = written
            .iter()
            .find(|other| **other != text && other.to_lowercase() == lower)
        {
            return Err(ambiguous(other, &text));
        }
        let base = if lower.is_empty() {
            format!("column_{}", position + 1)
        } else {
            lower
        };
        let mut name = base.clone();
        let mut number = 0;
        while !taken.insert(name.clone()) {
            number += 1;
            name = format!("{base}_{number}");
        }
        written.push(text);
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, options: &FormatOptions) -> Result<Vec<Vec<Option<String>>>> {
        let mut tokenizer = Tokenizer::new(options);
        let mut found = Vec::new();
        let mut collect = |record: Record<'_>| {
            let null = options.null();
            let row = (0..record.len())
                .map(|field| record.text(field, null).expect("text").map(ToOwned::to_owned))
                .collect();
            found.push(row);
            Ok(())
        };
        // One byte at a time: no state is lost between chunks.
        for byte in text.as_bytes() {
            tokenizer.push(std::slice::from_ref(byte), &mut collect)?;
        }
        tokenizer.finish(&mut collect)?;
        Ok(found)
    }

    fn row(fields: &[Option<&str>]) -> Vec<Option<String>> {
        fields.iter().map(|field| field.map(ToOwned::to_owned)).collect()
    }

    #[test]
    fn null_and_empty_differ() {
        let found = records("a,,\"\"\r\n\"x,\"\"y\"\"\n2\",b\"c,\n", &FormatOptions::default()).expect("records");
        assert_eq!(
            found,
            [
                row(&[Some("a"), None, Some("")]),
                row(&[Some("x,\"y\"\n2"), Some("b\"c"), None])
            ]
        );
    }

    #[test]
    fn markers_and_escapes_are_honoured() {
        let options = FormatOptions {
            null: Some("\\N".into()),
            delimiter: b';',
            ..FormatOptions::default()
        };
        assert_eq!(
            records("\\N;\"\\N\";", &options).expect("records"),
            [row(&[None, Some("\\N"), Some("")])]
        );
        let options = FormatOptions {
            escape: Some(b'\\'),
            ..FormatOptions::default()
        };
        assert_eq!(
            records("\"a\\\"b\",c\\,d", &options).expect("records"),
            [row(&[Some("a\"b"), Some("c,d")])]
        );
    }

    /// The marker is what is written, whatever an escape makes of it.
    #[test]
    fn the_marker_of_null_is_compared_as_written() {
        let options = FormatOptions::of(CsvSerde::LazySimple);
        let lazy = FormatOptions {
            delimiter: b',',
            escape: Some(b'\\'),
            ..options
        };
        assert_eq!(
            records("\\N,N,\\\\N,x\\N,,\\,a", &lazy).expect("records"),
            [row(&[None, Some("N"), Some("\\N"), Some("xN"), Some(""), Some(",a")])]
        );
        let options = FormatOptions {
            null: Some("NULL".into()),
            escape: Some(b'\\'),
            ..FormatOptions::default()
        };
        assert_eq!(
            records("NULL,N\\ULL,\"NULL\"", &options).expect("records"),
            [row(&[None, Some("NULL"), Some("NULL")])]
        );
    }

    /// OpenCSVSerDe knows both ways to write a quote, and no NULL.
    #[test]
    fn open_csv_escapes_and_doubles() {
        let options = FormatOptions::of(CsvSerde::OpenCsv);
        assert_eq!(
            records("\"a\\\"b\",\"c\"\"d\",,\"\\\\\"", &options).expect("records"),
            [row(&[Some("a\"b"), Some("c\"d"), Some(""), Some("\\")])]
        );
    }

    #[test]
    fn an_open_quote_is_an_error_with_its_line() {
        let error = records("a\n\"b\nc\n", &FormatOptions::default()).expect_err("open quote");
        assert_eq!(error.detail(), Some("a quote is never closed (line 2)"));
    }
}
