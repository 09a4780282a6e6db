//! How does ORC write whole numbers, bytes and bits? In runs; integers in one of two encodings (specification, "Run Length
//! Encoding").

use super::stream::{Stream, bad, zigzag};
use crate::error::Result;

/// Integers.
#[derive(Debug)]
pub(super) struct Integers {
    stream: Stream,
    second: bool,
    signed: bool,
    run: Vec<i64>,
    at: usize,
}

impl Integers {
    /// `second`: version 2 of the encoding.
    pub(super) fn new(stream: Stream, second: bool, signed: bool) -> Self {
        Self {
            stream,
            second,
            signed,
            run: Vec::new(),
            at: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<i64> {
        loop {
            if let Some(value) = self.run.get(self.at) {
                self.at += 1;
                return Ok(*value);
            }
            self.run.clear();
            self.at = 0;
            if self.second {
                self.second_run()?
            } else {
                self.first_run()?
            }
        }
    }

    /// A number that cannot be negative.
    pub(super) fn length(&mut self) -> Result<usize> {
        usize::try_from(self.next()?).map_err(|_| bad("a length is negative"))
    }

    fn meant(&self, number: u64) -> i64 {
        if self.signed {
            zigzag(number)
        } else {
            number.cast_signed()
        }
    }

    fn first_run(&mut self) -> Result<()> {
        let control = self.stream.byte()?.cast_signed();
        if control < 0 {
            for _ in 0..control.unsigned_abs() {
                let number = self.stream.varint()?;
                self.run.push(self.meant(number));
            }
            return Ok(());
        }
        let step = i64::from(self.stream.byte()?.cast_signed());
        let number = self.stream.varint()?;
        let start = self.meant(number);
        let count = i64::from(control) + 3;
        self.run
            .extend((0..count).map(|place| start.wrapping_add(place.wrapping_mul(step))));
        Ok(())
    }

    fn second_run(&mut self) -> Result<()> {
        let first = self.stream.byte()?;
        match first >> 6 {
            0 => self.repeat(first),
            1 => {
                let (width, count) = self.header(first)?;
                let mut bits = Bits::default();
                for _ in 0..count {
                    let number = bits.take(width, &mut self.stream)?;
                    self.run.push(self.meant(number));
                }
                Ok(())
            }
            2 => self.patched(first),
            _ => self.delta(first),
        }
    }

    /// Width in bits and count.
    fn header(&mut self, first: u8) -> Result<(u32, usize)> {
        let second = self.stream.byte()?;
        let count = (usize::from(first & 1) << 8 | usize::from(second)) + 1;
        Ok((width(first >> 1 & 0x1f), count))
    }

    fn big_endian(&mut self, bytes: u8) -> Result<u64> {
        (0..bytes).try_fold(0_u64, |number, _| Ok(number << 8 | u64::from(self.stream.byte()?)))
    }

    fn repeat(&mut self, first: u8) -> Result<()> {
        let number = self.big_endian((first >> 3 & 7) + 1)?;
        let value = self.meant(number);
        self.run.extend(std::iter::repeat_n(value, usize::from(first & 7) + 3));
        Ok(())
    }

    fn patched(&mut self, first: u8) -> Result<()> {
        let (data_width, count) = self.header(first)?;
        let (third, fourth) = (self.stream.byte()?, self.stream.byte()?);
        let base_bytes = (third >> 5 & 7) + 1;
        let patch_width = width(third & 0x1f);
        let gap_width = u32::from(fourth >> 5 & 7) + 1;
        let patches = usize::from(fourth & 0x1f);
        // The highest bit is the sign.
        let stored = self.big_endian(base_bytes)?;
        let sign = 1_u64 << (u32::from(base_bytes) * 8 - 1);
        let size = (stored & !sign).cast_signed();
        let base = if stored & sign == 0 { size } else { size.wrapping_neg() };
        let mut bits = Bits::default();
        let mut data = Vec::with_capacity(count);
        for _ in 0..count {
            data.push(bits.take(data_width, &mut self.stream)?);
        }
        let entry_width = closest(patch_width + gap_width).ok_or_else(|| bad("a patch is too wide"))?;
        let (mut bits, mut place) = (Bits::default(), 0_usize);
        for _ in 0..patches {
            let entry = bits.take(entry_width, &mut self.stream)?;
            let gap = entry.checked_shr(patch_width).unwrap_or_default();
            let patch = if patch_width >= 64 {
                entry
            } else {
                entry & ((1 << patch_width) - 1)
            };
            place += usize::try_from(gap & 0xff).unwrap_or_default();
            let value = data.get_mut(place).ok_or_else(|| bad("a patch has no place"))?;
            *value |= patch.checked_shl(data_width).unwrap_or_default();
        }
        self.run
            .extend(data.into_iter().map(|value| base.wrapping_add(value.cast_signed())));
        Ok(())
    }

    fn delta(&mut self, first: u8) -> Result<()> {
        let (wide, count) = self.header(first)?;
        let fixed = first >> 1 & 0x1f == 0;
        let number = self.stream.varint()?;
        let mut value = self.meant(number);
        let step = zigzag(self.stream.varint()?);
        self.run.push(value);
        let mut bits = Bits::default();
        for place in 1..count {
            let by = match place {
                _ if fixed => step,
                1 => step,
                _ => {
                    let size = bits.take(wide, &mut self.stream)?.cast_signed();
                    if step < 0 { size.wrapping_neg() } else { size }
                }
            };
            value = value.wrapping_add(by);
            self.run.push(value);
        }
        Ok(())
    }
}

/// Bits that a code of five bits stands for.
fn width(code: u8) -> u32 {
    match code {
        0..=23 => u32::from(code) + 1,
        24 => 26,
        25 => 28,
        26 => 30,
        27 => 32,
        28 => 40,
        29 => 48,
        30 => 56,
        _ => 64,
    }
}

/// The next width that has a code.
fn closest(bits: u32) -> Option<u32> {
    (0..32).map(width).find(|known| *known >= bits)
}

/// Numbers of some bits each, the highest first.
#[derive(Default)]
struct Bits {
    byte: u8,
    left: u32,
}

impl Bits {
    fn take(&mut self, mut width: u32, from: &mut Stream) -> Result<u64> {
        let mut number = 0_u64;
        while width > 0 {
            if self.left == 0 {
                self.byte = from.byte()?;
                self.left = 8;
            }
            let count = width.min(self.left);
            let bits = u64::from(self.byte) >> (self.left - count) & ((1 << count) - 1);
            number = number << count | bits;
            self.left -= count;
            width -= count;
        }
        Ok(number)
    }
}

/// Bytes in runs.
#[derive(Debug)]
pub(super) struct RunBytes {
    stream: Stream,
    left: usize,
    repeated: Option<u8>,
}

impl RunBytes {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            left: 0,
            repeated: None,
        }
    }

    pub(super) fn next(&mut self) -> Result<u8> {
        if self.left == 0 {
            let control = self.stream.byte()?.cast_signed();
            if control < 0 {
                self.left = usize::from(control.unsigned_abs());
                self.repeated = None;
            } else {
                self.left = usize::from(control.unsigned_abs()) + 3;
                self.repeated = Some(self.stream.byte()?);
            }
        }
        self.left -= 1;
        match self.repeated {
            Some(byte) => Ok(byte),
            None => self.stream.byte(),
        }
    }
}

/// Bits in bytes in runs, the highest first.
#[derive(Debug)]
pub(super) struct RunBits {
    bytes: RunBytes,
    byte: u8,
    left: u8,
}

impl RunBits {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            bytes: RunBytes::new(stream),
            byte: 0,
            left: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<bool> {
        if self.left == 0 {
            self.byte = self.bytes.next()?;
            self.left = 8;
        }
        self.left -= 1;
        Ok(self.byte >> self.left & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{super::stream::Packing, *};

    fn stream(bytes: &[u8]) -> Stream {
        Stream::new(Packing::new(0, 0).expect("plain"), Bytes::copy_from_slice(bytes))
    }

    fn read(bytes: &[u8], second: bool, signed: bool, count: usize) -> Vec<i64> {
        let mut integers = Integers::new(stream(bytes), second, signed);
        let found = (0..count).map(|_| integers.next().expect("a number")).collect();
        assert!(integers.next().is_err(), "more than {count}");
        found
    }

    /// The examples of the specification.
    #[test]
    fn the_examples_of_the_specification() {
        assert_eq!(read(&[0x61, 0, 7], false, false, 100), [7; 100]);
        let falling: Vec<i64> = (1..=100).rev().collect();
        assert_eq!(read(&[0x61, 0xff, 0x64], false, false, 100), falling);
        assert_eq!(read(&[0xfb, 2, 3, 6, 7, 0xb], false, false, 5), [2, 3, 6, 7, 11]);
        assert_eq!(read(&[0x0a, 0x27, 0x10], true, false, 5), [10_000; 5]);
        assert_eq!(
            read(
                &[0x5e, 3, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef],
                true,
                false,
                4
            ),
            [23_713, 43_806, 57_005, 48_879]
        );
        let patched = [
            0x8e, 0x09, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0xfc, 0xe8,
        ];
        assert_eq!(
            read(&patched, true, false, 10),
            [2030, 2000, 2020, 1_000_000, 2040, 2050, 2060, 2070, 2080, 2090]
        );
        assert_eq!(
            read(&[0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46], true, false, 10),
            [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
        );
        let mut bytes = RunBytes::new(stream(&[0x61, 0, 0xfe, 0x44, 0x45]));
        let found: Vec<u8> = (0..102).map(|_| bytes.next().expect("a byte")).collect();
        assert_eq!((&found[..100], &found[100..]), (&[0; 100][..], &[0x44, 0x45][..]));
        let mut bits = RunBits::new(stream(&[0xff, 0x80]));
        let found: Vec<bool> = (0..8).map(|_| bits.next().expect("a bit")).collect();
        assert_eq!(found, [true, false, false, false, false, false, false, false]);
        assert!(bits.next().is_err());
    }

    #[test]
    fn broken_runs_end_with_an_error() {
        for bytes in [
            &[0x61, 0][..],
            &[0x8e, 0x09, 0x2b, 0x21, 0x07],
            // A patch behind the last value, and one that no width holds.
            &[0x80, 0, 0x00, 0xe1, 0, 0, 0xff, 0xff],
            &[0xbe, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0],
            &[
                0xc0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            ],
        ] {
            let mut integers = Integers::new(stream(bytes), true, true);
            let failed = (0..600).any(|_| integers.next().is_err());
            assert!(failed, "{bytes:?}");
        }
    }
}
