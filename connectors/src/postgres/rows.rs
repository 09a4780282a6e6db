//! How do rows wait until they are decoded, column by column? As the bytes that came, each value found by its place.
//!
//! Rows of a SELECT are the driver's; rows of COPY in binary form
//! (<https://www.postgresql.org/docs/current/sql-copy.html>) are found here. Not here: what the bytes mean (`decode`).

use bytes::{Bytes, BytesMut};
use tokio_postgres::{
    Row,
    types::{FromSql, Type},
};

use super::decode::Misfit;
use crate::error::{ConnectorError, ConnectorErrorKind, Result};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags and the length of what extends the header.
const HEADER: usize = 19;
/// Flags from this one on say that the form is another.
const CRITICAL: u32 = 1 << 16;
/// More than a row can have: fields are at most 1 GB, and what the server builds is.
const MAX_ROW: usize = 1 << 31;

/// Rows that wait.
pub(super) trait Waiting {
    /// How many there are.
    fn count(&self) -> usize;

    /// A value in its binary form, or NULL.
    fn value(&self, row: usize, column: usize) -> Result<Option<&[u8]>, Misfit>;

    /// They are done with.
    fn forget(&mut self);
}

impl Waiting for Vec<Row> {
    fn count(&self) -> usize {
        self.len()
    }

    fn value(&self, row: usize, column: usize) -> Result<Option<&[u8]>, Misfit> {
        let row = self.get(row).ok_or(Misfit::Malformed)?;
        row.try_get(column).map(|Raw(raw)| raw).map_err(|_| Misfit::Malformed)
    }

    fn forget(&mut self) {
        self.clear();
    }
}

/// A value as it came.
pub(super) struct Raw<'a>(pub Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Rows of a COPY that wait, and what has come of it that is no whole row yet.
#[derive(Debug)]
pub(super) struct Copied {
    columns: usize,
    rows: Vec<Bytes>,
    /// Place and length of each value in its row; −1 is NULL.
    fields: Vec<(u32, i32)>,
    rest: Bytes,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Header,
    Rows,
    Ended,
}

impl Copied {
    /// None yet, of so many columns.
    pub(super) fn new(columns: usize) -> Self {
        Self {
            columns,
            rows: Vec::new(),
            fields: Vec::new(),
            rest: Bytes::new(),
            state: State::Header,
        }
    }

    /// Takes in a message: the server sends a row in each, which the protocol does not promise.
    pub(super) fn push(&mut self, message: Bytes) -> Result<()> {
        if self.rest.is_empty() {
            self.rest = message;
        } else {
            let mut joined = BytesMut::with_capacity(self.rest.len() + message.len());
            joined.extend_from_slice(&self.rest);
            joined.extend_from_slice(&message);
            self.rest = joined.freeze();
        }
        if self.state == State::Header && !self.header()? {
            return Ok(());
        }
        while !self.rest.is_empty() {
            if self.state == State::Ended {
                return Err(malformed());
            }
            let Some(end) = self.row()? else {
                return if self.rest.len() < MAX_ROW {
                    Ok(())
                } else {
                    Err(malformed())
                };
            };
            let row = self.rest.split_to(end);
            if self.state == State::Rows {
                self.rows.push(row);
            }
        }
        Ok(())
    }

    /// The stream has ended: was that all?
    pub(super) fn finish(&self) -> Result<()> {
        if self.state == State::Ended {
            return Ok(());
        }
        Err(ConnectorError::new(
            ConnectorErrorKind::Protocol,
            "the rows of the source ended before their end",
        ))
    }

    /// Takes off the header, if all of it is there.
    fn header(&mut self) -> Result<bool> {
        let Some((fixed, _)) = self.rest.split_at_checked(HEADER) else {
            return Ok(false);
        };
        let Some(numbers) = fixed.strip_prefix(SIGNATURE) else {
            return Err(malformed());
        };
        let flags = number::<4>(numbers, 0).map(u32::from_be_bytes);
        let more = number::<4>(numbers, 4).and_then(|more| usize::try_from(i32::from_be_bytes(more)).ok());
        let (Some(0..CRITICAL), Some(more)) = (flags, more) else {
            return Err(malformed());
        };
        if self.rest.len() < HEADER.saturating_add(more) {
            return Ok(false);
        }
        drop(self.rest.split_to(HEADER + more));
        self.state = State::Rows;
        Ok(true)
    }

    /// Finds the values of the row that `rest` begins with and its end; `None` if it is not whole.
    fn row(&mut self) -> Result<Option<usize>> {
        let data = self.rest.as_ref();
        let Some(count) = number::<2>(data, 0).map(i16::from_be_bytes) else {
            return Ok(None);
        };
        if count == -1 {
            self.state = State::Ended;
            return Ok(Some(2));
        }
        if usize::try_from(count).ok() != Some(self.columns) {
            return Err(malformed());
        }
        let before = self.fields.len();
        let mut at = 2;
        for _ in 0..self.columns {
            let end = number::<4>(data, at).map(i32::from_be_bytes).and_then(|length| {
                let start = at + 4;
                self.fields.push((u32::try_from(start).ok()?, length));
                let end = start.checked_add(usize::try_from(length).unwrap_or(0))?;
                (end <= data.len()).then_some(end)
            });
            let Some(end) = end else {
                self.fields.truncate(before);
                return Ok(None);
            };
            at = end;
        }
        Ok(Some(at))
    }
}

impl Waiting for Copied {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn value(&self, row: usize, column: usize) -> Result<Option<&[u8]>, Misfit> {
        let (start, length) = self
            .fields
            .get(row * self.columns + column)
            .copied()
            .ok_or(Misfit::Malformed)?;
        if length == -1 {
            return Ok(None);
        }
        let (start, length) = (usize::try_from(start), usize::try_from(length));
        let (Ok(start), Ok(length)) = (start, length) else {
            return Err(Misfit::Malformed);
        };
        let data = self.rows.get(row).ok_or(Misfit::Malformed)?;
        data.get(start..start + length).map(Some).ok_or(Misfit::Malformed)
    }

    fn forget(&mut self) {
        self.rows.clear();
        self.fields.clear();
    }
}

fn number<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk::<N>().copied()
}

fn malformed() -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::Protocol,
        "the source sends rows in another form than it says",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(rows: &[[Option<&[u8]>; 2]]) -> Vec<u8> {
        let mut all = [SIGNATURE, &[0; 7], &[3, 9, 9, 9]].concat();
        for row in rows {
            all.extend([0, 2]);
            for value in row {
                match value {
                    Some(value) => {
                        all.extend(i32::try_from(value.len()).unwrap().to_be_bytes());
                        all.extend(*value);
                    }
                    None => all.extend((-1_i32).to_be_bytes()),
                }
            }
        }
        all.extend((-1_i16).to_be_bytes());
        all
    }

    fn cells(copied: &Copied) -> Vec<[Option<Vec<u8>>; 2]> {
        (0..copied.count())
            .map(|row| [0, 1].map(|column| copied.value(row, column).unwrap().map(<[u8]>::to_vec)))
            .collect()
    }

    #[test]
    fn rows_are_found_wherever_messages_are_cut() {
        let rows = [[Some(&b"ab"[..]), None], [Some(b""), Some(b"xyz")], [None, None]];
        let all = stream(&rows);
        for size in 1..=all.len() {
            let mut copied = Copied::new(2);
            for piece in all.chunks(size) {
                copied.push(Bytes::copy_from_slice(piece)).unwrap();
            }
            copied.finish().unwrap();
            let expected: Vec<_> = rows
                .iter()
                .map(|row| row.map(|value| value.map(<[u8]>::to_vec)))
                .collect();
            assert_eq!(cells(&copied), expected, "{size}");
            copied.forget();
            assert_eq!(copied.count(), 0);
        }
    }

    #[test]
    fn what_is_cut_off_or_of_another_form_is_an_error() {
        let all = stream(&[[Some(b"ab"), None]]);
        for end in 0..all.len() {
            let mut copied = Copied::new(2);
            copied.push(Bytes::copy_from_slice(&all[..end])).unwrap();
            assert!(copied.finish().is_err(), "{end}");
        }
        // The trailer has a tail, a row has other columns, the header another signature or form.
        for (at, byte) in [(all.len(), 0), (23, 3), (3, b'X'), (11, 1)] {
            let mut wrong = all.clone();
            if at == wrong.len() {
                wrong.push(byte);
            } else {
                wrong[at] = byte;
            }
            assert!(Copied::new(2).push(wrong.into()).is_err(), "{at}");
        }
        // A length that says less than −1.
        let mut wrong = all;
        wrong[24..28].copy_from_slice(&(-2_i32).to_be_bytes());
        let mut copied = Copied::new(2);
        let pushed = copied.push(wrong.into());
        assert!(pushed.is_err() || copied.value(0, 0).is_err());
    }
}
