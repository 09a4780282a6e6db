//! How is Thrift's compact protocol read? As far as footers, page headers and indexes of Parquet need it; a length or count that
//! the bytes cannot hold ends it before anything is allocated by it.
//!
//! Stricter than the decoder behind it, so that no file means one thing to a check and another to the decoder: numbers have at most
//! ten bytes, and the fields of a struct rise.

/// Kinds of values.
pub(super) mod kind {
    pub(in super::super) const TRUE: u8 = 1;
    pub(in super::super) const FALSE: u8 = 2;
    pub(in super::super) const BYTE: u8 = 3;
    pub(in super::super) const I16: u8 = 4;
    pub(in super::super) const I32: u8 = 5;
    pub(in super::super) const I64: u8 = 6;
    pub(in super::super) const DOUBLE: u8 = 7;
    pub(in super::super) const BINARY: u8 = 8;
    pub(in super::super) const LIST: u8 = 9;
    pub(in super::super) const SET: u8 = 10;
    pub(in super::super) const MAP: u8 = 11;
    pub(in super::super) const STRUCT: u8 = 12;
    pub(in super::super) const UUID: u8 = 13;
}

/// Levels of values in values that are passed over.
const MAX_DEPTH: usize = 32;

/// The head of a field of a struct.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Field {
    pub(super) id: i16,
    pub(super) kind: u8,
    /// Where its head begins.
    pub(super) start: usize,
}

/// The head of a list or set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct List {
    pub(super) kind: u8,
    pub(super) count: usize,
}

/// Bytes that are read from front to back; `None` anywhere: they are no Thrift.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    fn pass(&mut self, bytes: usize) -> Option<()> {
        if bytes > self.left() {
            return None;
        }
        self.at += bytes;
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?)
            .ok()
            .filter(|length| *length <= self.left())
    }

    /// The number of a field, whatever its width.
    pub(super) fn number(&mut self, field: Field) -> Option<i64> {
        match field.kind {
            kind::I16 | kind::I32 | kind::I64 => self.zigzag(),
            _ => None,
        }
    }

    /// The number of a field of 32 bits.
    pub(super) fn int(&mut self, field: Field) -> Option<i32> {
        i32::try_from(self.number(field)?).ok()
    }

    /// A number of a list.
    pub(super) fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The next field of a struct whose last one was `last`; `Some(None)`: it ends.
    #[expect(clippy::option_option, reason = "malformed, the end, or a field")]
    pub(super) fn field(&mut self, last: i16) -> Option<Option<Field>> {
        let start = self.at;
        let head = self.byte()?;
        let kind = head & 0x0f;
        if kind == 0 {
            return Some(None);
        }
        let id = match i16::from(head >> 4) {
            0 => i16::try_from(self.zigzag()?).ok()?,
            delta => last.checked_add(delta)?,
        };
        (id > last).then_some(Some(Field { id, kind, start }))
    }

    /// The head of a list, whose elements need a byte each at the least.
    pub(super) fn list(&mut self) -> Option<List> {
        let head = self.byte()?;
        // Some writers have no kind for an empty list.
        if head == 0 {
            return Some(List {
                kind: kind::BYTE,
                count: 0,
            });
        }
        let count = match head >> 4 {
            15 => self.length()?,
            few => usize::from(few),
        };
        let kind = head & 0x0f;
        (count <= self.left()).then_some(List { kind, count })
    }

    /// The head of a list that is a field.
    pub(super) fn list_of(&mut self, field: Field) -> Option<List> {
        (field.kind == kind::LIST).then(|| self.list())?
    }

    /// Passes over the value of a field.
    pub(super) fn skip(&mut self, field: Field) -> Option<()> {
        self.skip_value(field.kind, 0)
    }

    fn skip_value(&mut self, value: u8, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match value {
            kind::TRUE | kind::FALSE => Some(()),
            kind::BYTE => self.pass(1),
            kind::I16 | kind::I32 | kind::I64 => self.varint().map(|_| ()),
            kind::DOUBLE => self.pass(8),
            kind::BINARY => {
                let length = self.length()?;
                self.pass(length)
            }
            kind::LIST | kind::SET => {
                let list = self.list()?;
                self.skip_elements(list, depth + 1)
            }
            kind::MAP => self.skip_map(depth + 1),
            kind::STRUCT => {
                let mut last = 0;
                while let Some(field) = self.field(last)? {
                    self.skip_value(field.kind, depth + 1)?;
                    last = field.id;
                }
                Some(())
            }
            kind::UUID => self.pass(16),
            _ => None,
        }
    }

    /// Passes over the elements of a list.
    pub(super) fn skip_list(&mut self, list: List) -> Option<()> {
        self.skip_elements(list, 1)
    }

    fn skip_elements(&mut self, list: List, depth: usize) -> Option<()> {
        for _ in 0..list.count {
            match list.kind {
                // Of a byte each within lists.
                kind::TRUE | kind::FALSE => self.pass(1)?,
                other => self.skip_value(other, depth)?,
            }
        }
        Some(())
    }

    fn skip_map(&mut self, depth: usize) -> Option<()> {
        let count = self.length()?;
        if count == 0 {
            return Some(());
        }
        let kinds = self.byte()?;
        for _ in 0..count {
            for part in [kinds >> 4, kinds & 0x0f] {
                match part {
                    kind::TRUE | kind::FALSE => self.pass(1)?,
                    other => self.skip_value(other, depth)?,
                }
            }
        }
        Some(())
    }
}

/// The head of a field, as it is written behind the field `last`.
pub(super) fn head(last: i16, id: i16, kind: u8) -> Vec<u8> {
    match u8::try_from(id.saturating_sub(last)) {
        Ok(delta @ 1..=15) => vec![delta << 4 | kind],
        _ => std::iter::once(kind).chain(varint(i64::from(id))).collect(),
    }
}

/// A zigzag number.
fn varint(number: i64) -> Vec<u8> {
    let mut left = (number << 1 ^ number >> 63).cast_unsigned();
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(left & 0x7f).unwrap_or_default();
        left >>= 7;
        if left == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: i16, kind: u8) -> Field {
        Field { id, kind, start: 0 }
    }

    #[test]
    fn counts_and_lengths_that_the_bytes_cannot_hold_are_refused() {
        // A list of 2^31 structs; text of 2^60 bytes; a number of eleven bytes; a map of many pairs.
        assert!(Thrift::new(&[0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0]).list().is_none());
        let text = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert!(Thrift::new(&text).skip(of(1, kind::BINARY)).is_none());
        assert!(Thrift::new(&[0x80; 11]).skip(of(1, kind::I64)).is_none());
        assert!(Thrift::new(&[0x7f, 0x55, 1, 1]).skip(of(1, kind::MAP)).is_none());
        let deep = [0x19; 100];
        assert!(Thrift::new(&deep).skip(of(1, kind::LIST)).is_none());
        assert_eq!(
            Thrift::new(&[0]).list(),
            Some(List {
                kind: kind::BYTE,
                count: 0
            })
        );
    }

    #[test]
    fn fields_rise_and_heads_are_read_as_they_are_written() {
        for (last, id) in [(0, 1), (0, 15), (0, 16), (3, 4000)] {
            let bytes = head(last, id, kind::I64);
            let field = Thrift::new(&bytes).field(last).flatten().expect("a field");
            assert_eq!((field.id, field.kind), (id, kind::I64));
        }
        // The field 2 again, by its full number.
        assert!(Thrift::new(&[kind::I32, 4]).field(2).is_none());
        assert_eq!(Thrift::new(&[0]).field(7), Some(None));
    }
}
