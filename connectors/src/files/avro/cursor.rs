//! What do the bytes of Avro say? Numbers, lengths and pieces, never beyond their end.

/// Bytes that are read from front to back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
}

/// Why bytes are not what the schema says; our words.
pub(super) type Bad = &'static str;

const SHORT: Bad = "a value is cut off";

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Bad> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(SHORT)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        self.take(N)?.first_chunk::<N>().copied().ok_or(SHORT)
    }

    /// A zigzag number of at most ten bytes.
    pub(super) fn long(&mut self) -> Result<i64, Bad> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err("a number is too long")
    }

    pub(super) fn int(&mut self) -> Result<i32, Bad> {
        i32::try_from(self.long()?).map_err(|_| "a number does not fit its type")
    }

    pub(super) fn index(&mut self) -> Result<usize, Bad> {
        usize::try_from(self.long()?).map_err(|_| "a branch is negative")
    }

    /// A length and as many bytes.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Bad> {
        let length = usize::try_from(self.long()?).map_err(|_| "a length is negative")?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Bad> {
        str::from_utf8(self.bytes()?).map_err(|_| "a text is no UTF-8")
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Bad> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err("a boolean is neither true nor false"),
        }
    }

    /// How many items the next block of an array or map has; 0 is its end.
    pub(super) fn items(&mut self) -> Result<u64, Bad> {
        let count = self.long()?;
        if count < 0 {
            // The length in bytes, for those who skip.
            self.long()?;
        }
        Ok(count.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_zigzag_and_end() {
        let read = |bytes: &[u8]| Cursor::new(bytes).long();
        assert_eq!(
            (read(&[0]), read(&[1]), read(&[2]), read(&[0x80, 1])),
            (Ok(0), Ok(-1), Ok(1), Ok(64))
        );
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(read(&most), Ok(i64::MIN));
        for bad in [
            &[0x80][..],
            &[],
            &[0xff; 11],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(Cursor::new(&[0x20, b'a']).bytes().is_err());
        assert!(Cursor::new(&[1]).bytes().is_err());
    }
}
