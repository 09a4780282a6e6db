//! Where does one JSON value end and the next begin? Lines of values, the elements of an array whatever its layout, or
//! objects that begin with a line of their own `{`.

use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// Longest value.
const MAX_VALUE: usize = 64 << 20;

/// Takes a value, and the line where it begins.
type Taker<'a> = dyn FnMut(&[u8], u64) -> Result<()> + 'a;

/// Takes the text of one file apart.
#[derive(Debug)]
pub(crate) struct Values {
    file: String,
    layout: Layout,
    /// The value so far.
    partial: Vec<u8>,
    /// The line that is read, from 1; skipped lines do not count.
    line: u64,
    /// Where the value begins.
    start: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Layout {
    /// Not known yet: there was white space only, or also the brace that may begin a line or an object of several.
    Open,
    Brace,
    Lines,
    Elements {
        of: Whole,
        place: Place,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Whole {
    Array,
    Sequence,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// Behind the opening bracket.
    First,
    /// Behind a comma.
    Next,
    /// In a value outside of its texts, so many brackets deep.
    Within(u32),
    /// In a text of a value.
    Text(u32),
    /// Behind a backslash of a text.
    Escape(u32),
    /// Behind a value.
    After,
    /// Behind the closing bracket.
    Closed,
}

impl Values {
    pub(crate) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            layout: Layout::Open,
            partial: Vec::new(),
            line: 1,
            start: 1,
        }
    }

    /// Hands on every value that ends in this text; of lines also blank ones.
    ///
    /// # Errors
    /// `CORRUPT_FILE` for what cannot be taken apart, `SOURCE_LIMIT_EXCEEDED`, and those of `to`.
    pub(crate) fn push(&mut self, mut text: &[u8], to: &mut Taker<'_>) -> Result<()> {
        while let (Layout::Open | Layout::Brace, Some((byte, rest))) = (self.layout, text.split_first()) {
            self.recognise(*byte);
            text = rest;
        }
        match self.layout {
            Layout::Open | Layout::Brace => {}
            Layout::Lines => self.lines(text, to)?,
            Layout::Elements { .. } => text.iter().try_for_each(|byte| self.element(*byte, to))?,
        }
        if self.partial.len() > MAX_VALUE {
            let kind = ConnectorErrorKind::LimitExceeded;
            return Err(ConnectorError::new(kind, "a line is too long")
                .with_detail(format!("line {}", self.start))
                .with_file(self.file.as_str()));
        }
        Ok(())
    }

    /// Hands on the last line, if it has no end.
    ///
    /// # Errors
    /// As `push`; an array that is not closed is an error.
    pub(crate) fn finish(&mut self, to: &mut Taker<'_>) -> Result<()> {
        let last = std::mem::take(&mut self.partial);
        match self.layout {
            Layout::Open => Ok(()),
            Layout::Brace | Layout::Lines if last.is_empty() => Ok(()),
            Layout::Brace | Layout::Lines => to(&last, self.line),
            Layout::Elements { of, place } => match (of, place) {
                (_, Place::Closed) | (Whole::Sequence, Place::After) => Ok(()),
                (Whole::Array, Place::First | Place::Next | Place::After) => Err(self.bad("an array is never closed")),
                _ => {
                    self.line = self.start;
                    Err(self.bad("a value is never closed"))
                }
            },
        }
    }

    fn recognise(&mut self, byte: u8) {
        self.layout = match (self.layout, byte) {
            (Layout::Open, b'[') => Layout::Elements {
                of: Whole::Array,
                place: Place::First,
            },
            (Layout::Open, b'{') => Layout::Brace,
            // An object that ends where its line ends is never a brace alone.
            (Layout::Brace, b'\n') => Layout::Elements {
                of: Whole::Sequence,
                place: Place::Within(1),
            },
            (layout, byte) if byte.is_ascii_whitespace() => layout,
            _ => Layout::Lines,
        };
        if !matches!(self.layout, Layout::Open) && byte != b'[' {
            self.partial.push(byte);
        }
        if self.layout == Layout::Open || self.partial.last() == Some(&b'\n') {
            self.start = self.line;
            self.line += u64::from(byte == b'\n');
        }
    }

    fn lines(&mut self, mut text: &[u8], to: &mut Taker<'_>) -> Result<()> {
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (
                text.get(..end).unwrap_or_default(),
                text.get(end + 1..).unwrap_or_default(),
            );
            if self.partial.is_empty() {
                to(line, self.line)?;
            } else {
                self.partial.extend_from_slice(line);
                to(&self.partial, self.line)?;
                self.partial.clear();
            }
            self.line += 1;
            self.start = self.line;
            text = rest;
        }
        self.partial.extend_from_slice(text);
        Ok(())
    }

    fn element(&mut self, byte: u8, to: &mut Taker<'_>) -> Result<()> {
        let Layout::Elements { of, place } = self.layout else {
            return Ok(());
        };
        let blank = byte.is_ascii_whitespace();
        let place = match place {
            Place::Text(_) | Place::Escape(_) | Place::Within(_) => {
                return self.inside(of, place, byte, to);
            }
            Place::First if byte == b']' => Place::Closed,
            Place::After if byte == b']' && of == Whole::Array => Place::Closed,
            Place::After if byte == b',' && of == Whole::Array => Place::Next,
            place if blank => place,
            Place::After if of == Whole::Array => return Err(self.bad("a comma is missing")),
            Place::Closed => return Err(self.bad("there is text behind the end of an array")),
            Place::First | Place::Next | Place::After => {
                if matches!(byte, b',' | b']' | b'}' | b':') {
                    return Err(self.bad("a value is missing"));
                }
                self.start = self.line;
                return self.inside(of, Place::Within(0), byte, to);
            }
        };
        self.line += u64::from(byte == b'\n');
        self.layout = Layout::Elements { of, place };
        Ok(())
    }

    /// A byte of a value, or the one that ends a number or word.
    fn inside(&mut self, of: Whole, place: Place, byte: u8, to: &mut Taker<'_>) -> Result<()> {
        let (Place::Within(depth) | Place::Text(depth) | Place::Escape(depth)) = place else {
            return Ok(());
        };
        let place = match (place, byte) {
            (Place::Escape(_), _) => Place::Text(depth),
            (Place::Text(_), b'\\') => Place::Escape(depth),
            (Place::Text(_), b'"') if depth == 0 => Place::After,
            (Place::Text(_), b'"') => Place::Within(depth),
            (Place::Text(_), _) => Place::Text(depth),
            (_, b'"') => Place::Text(depth),
            (_, b'{' | b'[') => Place::Within(depth.saturating_add(1)),
            (_, b'}' | b']') if depth > 1 => Place::Within(depth - 1),
            (_, b'}' | b']') if depth == 1 => Place::After,
            (_, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n') if depth == 0 => {
                self.hand_on(to)?;
                let place = Place::After;
                self.layout = Layout::Elements { of, place };
                return self.element(byte, to);
            }
            _ => Place::Within(depth),
        };
        self.partial.push(byte);
        self.line += u64::from(byte == b'\n');
        self.layout = Layout::Elements { of, place };
        if place == Place::After {
            self.hand_on(to)
        } else {
            Ok(())
        }
    }

    fn hand_on(&mut self, to: &mut Taker<'_>) -> Result<()> {
        let value = std::mem::take(&mut self.partial);
        to(&value, self.start)
    }

    fn bad(&self, why: &str) -> ConnectorError {
        ConnectorError::corrupt_file(self.file.as_str()).with_detail(format!("{why} (line {})", self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, chunk: usize) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut keep = |value: &[u8], line: u64| {
            let value = String::from_utf8_lossy(value).split_whitespace().collect::<String>();
            found.push(format!("{line}:{value}"));
            Ok(())
        };
        let mut values = Values::new("t/f");
        for part in text.as_bytes().chunks(chunk) {
            values.push(part, &mut keep)?;
        }
        values.finish(&mut keep)?;
        Ok(found)
    }

    #[test]
    fn an_array_is_its_elements_whatever_its_layout() {
        let cases = [
            ("[{\"a\":1},{\"a\":2}]", vec!["1:{\"a\":1}", "1:{\"a\":2}"]),
            (
                "\n [\n {\n\"a\": [1,\n2]\n}\n,\n{} ]\n\n",
                vec!["3:{\"a\":[1,2]}", "8:{}"],
            ),
            ("[]", vec![]),
            (" [ ] ", vec![]),
            (
                "[1, \"]\\\",\" ,null,[[]]]",
                vec!["1:1", "1:\"]\\\",\"", "1:null", "1:[[]]"],
            ),
            (
                "{\n\"a\":1\n}\n{\"a\":2} {}",
                vec!["1:{\"a\":1}", "4:{\"a\":2}", "4:{}"],
            ),
            ("{\"a\":1}\n\n{\"a\":2}", vec!["1:{\"a\":1}", "2:", "3:{\"a\":2}"]),
            ("\n{\"a\":1}\n", vec!["2:{\"a\":1}"]),
            ("{", vec!["1:{"]),
            ("", vec![]),
        ];
        for (text, expected) in cases {
            for chunk in [1, 3, 1_000] {
                assert_eq!(
                    values(text, chunk).expect(text),
                    expected,
                    "{text} in chunks of {chunk}"
                );
            }
        }
    }

    /// A cut or glued file never looks whole.
    #[test]
    fn malformed_arrays_are_refused() {
        let cases = [
            ("[{},]", "a value is missing (line 1)"),
            ("[,{}]", "a value is missing (line 1)"),
            ("[{}]]", "there is text behind the end of an array (line 1)"),
            ("[{}]\n[{}]", "there is text behind the end of an array (line 2)"),
            ("[{}\n{}]", "a comma is missing (line 2)"),
            ("[{},", "an array is never closed (line 1)"),
            ("[{}", "an array is never closed (line 1)"),
            ("[", "an array is never closed (line 1)"),
            ("[{}\n,{\"a\":\n", "a value is never closed (line 2)"),
            ("[{}, \"x]", "a value is never closed (line 1)"),
            ("[1}", "a comma is missing (line 1)"),
            ("{\n\"a\":1", "a value is never closed (line 1)"),
        ];
        for (text, why) in cases {
            for chunk in [1, 1_000] {
                let error = values(text, chunk).expect_err(text);
                assert_eq!(
                    (error.code(), error.detail(), error.file()),
                    ("CORRUPT_FILE", Some(why), Some("t/f"))
                );
            }
        }
    }
}
