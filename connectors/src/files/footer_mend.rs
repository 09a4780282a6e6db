//! What of a footer would its decoder not take, although it is clear what is meant? Read once from front to back, and mended:
//! annotations that nobody knows are no annotations, lists of numbers are lists of 64 bits, encrypted columns are named.
//!
//! Counts that the bytes cannot hold are found here too: the decoder allocates by the number of row groups.

use std::{borrow::Cow, collections::BTreeSet, ops::Range};

use super::thrift::{Field, Thrift, head, kind};

/// The last annotation of the old kind, `INTERVAL`.
const LAST_CONVERTED_TYPE: i64 = 21;

/// A footer that the decoder takes.
#[derive(Debug)]
pub(super) struct Mended<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// Row groups and places in them of column chunks that are encrypted.
    pub(super) encrypted: BTreeSet<(usize, usize)>,
}

/// The footer with what is mended; `None`: it is no footer.
pub(super) fn mended(bytes: &[u8]) -> Option<Mended<'_>> {
    let mut walk = Walk {
        from: Thrift::new(bytes),
        bytes,
        edits: Vec::new(),
        encrypted: BTreeSet::new(),
    };
    walk.footer()?;
    let Walk { edits, encrypted, .. } = walk;
    let bytes = apply(bytes, &edits)?;
    Some(Mended { bytes, encrypted })
}

/// Other bytes in the place of some.
pub(super) type Edit = (Range<usize>, Vec<u8>);

/// The bytes with these edits, which rise.
pub(super) fn apply<'a>(bytes: &'a [u8], edits: &[Edit]) -> Option<Cow<'a, [u8]>> {
    if edits.is_empty() {
        return Some(Cow::Borrowed(bytes));
    }
    let mut mended = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for (range, other) in edits {
        mended.extend_from_slice(bytes.get(at..range.start)?);
        mended.extend_from_slice(other);
        at = range.end;
    }
    mended.extend_from_slice(bytes.get(at..)?);
    Some(Cow::Owned(mended))
}

/// Passes over a list of numbers of 64 bits; one that calls them shorter is mended, since all are written alike.
pub(super) fn numbers(from: &mut Thrift<'_>, bytes: &[u8], field: Field, edits: &mut Vec<Edit>) -> Option<()> {
    let start = from.at();
    let list = from.list_of(field)?;
    if matches!(list.kind, kind::I16 | kind::I32) {
        let first = bytes.get(start)? & 0xf0 | kind::I64;
        edits.push((start..start + 1, vec![first]));
    }
    from.skip_list(list)
}

struct Walk<'a> {
    from: Thrift<'a>,
    bytes: &'a [u8],
    edits: Vec<Edit>,
    encrypted: BTreeSet<(usize, usize)>,
}

impl Walk<'_> {
    fn footer(&mut self) -> Option<()> {
        let mut last = 0;
        while let Some(field) = self.from.field(last)? {
            match field.id {
                2 => self.schema(field)?,
                4 => self.groups(field)?,
                _ => self.from.skip(field)?,
            }
            last = field.id;
        }
        Some(())
    }

    fn schema(&mut self, field: Field) -> Option<()> {
        let list = self.from.list_of(field)?;
        if list.kind != kind::STRUCT {
            return None;
        }
        for _ in 0..list.count {
            self.element()?;
        }
        Some(())
    }

    /// One type of the schema; an annotation that is not known is taken out.
    fn element(&mut self) -> Option<()> {
        let mut last = 0;
        // Where a field was taken out, and the one before it.
        let mut gap: Option<(usize, i16)> = None;
        while let Some(field) = self.from.field(last)? {
            if let Some((start, before)) = gap.take() {
                self.edits
                    .push((start..self.from.at(), head(before, field.id, field.kind)));
            }
            if field.id == 6 {
                if !(0..=LAST_CONVERTED_TYPE).contains(&self.from.number(field)?) {
                    gap = Some((field.start, last));
                }
            } else {
                self.from.skip(field)?;
            }
            last = field.id;
        }
        if let Some((start, _)) = gap {
            // Up to the byte that ends the element.
            self.edits.push((start..self.from.at() - 1, Vec::new()));
        }
        Some(())
    }

    fn groups(&mut self, field: Field) -> Option<()> {
        let list = self.from.list_of(field)?;
        if list.kind != kind::STRUCT {
            return None;
        }
        for group in 0..list.count {
            let mut last = 0;
            while let Some(field) = self.from.field(last)? {
                match field.id {
                    1 => self.chunks(field, group)?,
                    _ => self.from.skip(field)?,
                }
                last = field.id;
            }
        }
        Some(())
    }

    fn chunks(&mut self, field: Field, group: usize) -> Option<()> {
        let list = self.from.list_of(field)?;
        if list.kind != kind::STRUCT {
            return None;
        }
        for column in 0..list.count {
            if self.chunk()? {
                self.encrypted.insert((group, column));
            }
        }
        Some(())
    }

    /// One column chunk; is it encrypted? What such a chunk does not say in the open is said for it: that it has no bytes.
    fn chunk(&mut self) -> Option<bool> {
        let (mut last, mut encrypted) = (0, false);
        // The first field behind the place of what the chunk says of itself, and the field before that place.
        let (mut said, mut behind) = (false, None);
        loop {
            let start = self.from.at();
            let Some(field) = self.from.field(last)? else {
                behind = behind.or(Some((start..start, last, None)));
                break;
            };
            if field.id > 3 && behind.is_none() {
                behind = Some((field.start..self.from.at(), last, Some(field)));
            }
            match field.id {
                3 => {
                    said = true;
                    self.metadata(field)?;
                }
                8 | 9 => {
                    encrypted = true;
                    self.from.skip(field)?;
                }
                _ => self.from.skip(field)?,
            }
            last = field.id;
        }
        if encrypted
            && !said
            && let Some((range, before, next)) = behind
        {
            let mut bytes = head(before, 3, kind::STRUCT);
            bytes.extend_from_slice(&NOTHING);
            if let Some(next) = next {
                bytes.extend(head(3, next.id, next.kind));
            }
            self.edits.push((range, bytes));
        }
        Some(encrypted)
    }

    fn metadata(&mut self, field: Field) -> Option<()> {
        if field.kind != kind::STRUCT {
            return None;
        }
        let mut last = 0;
        while let Some(field) = self.from.field(last)? {
            match field.id {
                16 if field.kind == kind::STRUCT => self.sizes()?,
                _ => self.from.skip(field)?,
            }
            last = field.id;
        }
        Some(())
    }

    /// Histograms of levels.
    fn sizes(&mut self) -> Option<()> {
        let mut last = 0;
        while let Some(field) = self.from.field(last)? {
            match field.id {
                2 | 3 => numbers(&mut self.from, self.bytes, field, &mut self.edits)?,
                _ => self.from.skip(field)?,
            }
            last = field.id;
        }
        Some(())
    }
}

/// Type 0, no encodings, an empty path, codec 0, no values, no bytes, pages behind the first four bytes.
const NOTHING: [u8; 17] = [
    0x15, 0x00, // 1: type
    0x19, 0x05, // 2: encodings
    0x19, 0x08, // 3: path
    0x15, 0x00, // 4: codec
    0x16, 0x00, // 5: values
    0x16, 0x00, // 6: bytes
    0x16, 0x00, // 7: stored bytes
    0x26, 0x08, // 9: pages
    0x00,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer of one element `x` with the annotation `converted`, with or without a field behind it.
    fn footer(converted: u8, behind: bool) -> Vec<u8> {
        let mut bytes = vec![0x15, 0x02, 0x19, 0x1c];
        bytes.extend([0x48, 0x01, b'x', 0x25, converted]);
        if behind {
            bytes.extend([0x35, 0x0e]);
        }
        bytes.extend([0x00, 0x16, 0x02, 0x00]);
        bytes
    }

    #[test]
    fn unknown_annotations_are_none() {
        for behind in [false, true] {
            // Twice 21, and twice 24.
            let known = footer(42, behind);
            assert!(matches!(mended(&known).expect("footer").bytes, Cow::Borrowed(_)));
            let unknown = footer(48, behind);
            let mended = mended(&unknown).expect("footer");
            let mut expected = vec![0x15, 0x02, 0x19, 0x1c, 0x48, 0x01, b'x'];
            if behind {
                // Field 9 behind field 4.
                expected.extend([0x55, 0x0e]);
            }
            expected.extend([0x00, 0x16, 0x02, 0x00]);
            assert_eq!(mended.bytes.as_ref(), expected, "{behind}");
        }
    }

    #[test]
    fn encrypted_chunks_say_nothing_and_are_named() {
        // A group of two chunks: the first encrypted (field 8: an empty struct in a struct), the second too, with its bytes in field 9.
        let first: &[u8] = &[0x26, 0x08, 0x6c, 0x1c, 0x00, 0x00, 0x00];
        let second: &[u8] = &[0x26, 0x08, 0x78, 0x01, 0xff, 0x00];
        let bytes = [&[0x49, 0x1c, 0x19, 0x2c][..], first, second, &[0x00, 0x00]].concat();
        let mended = mended(&bytes).expect("footer");
        assert_eq!(mended.encrypted, BTreeSet::from([(0, 0), (0, 1)]));
        let said = [&[0x1c][..], &NOTHING].concat();
        let first = [&[0x26, 0x08][..], &said, &[0x5c, 0x1c, 0x00, 0x00, 0x00]].concat();
        let second = [&[0x26, 0x08][..], &said, &[0x68, 0x01, 0xff, 0x00]].concat();
        let expected = [&[0x49, 0x1c, 0x19, 0x2c][..], &first, &second, &[0x00, 0x00]].concat();
        assert_eq!(mended.bytes.as_ref(), expected);
    }

    #[test]
    fn counts_that_no_file_has_are_refused() {
        // 2^31 - 1 row groups.
        let groups = [0x49, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00];
        assert!(mended(&groups).is_none());
    }
}
