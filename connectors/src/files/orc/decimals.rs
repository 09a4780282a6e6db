//! How does ORC write decimals? Digits of any number with a scale of their own; newer drafts as integers of the column's scale.

use super::{
    runs::Integers,
    stream::{Stream, bad},
    stripe::{Streams, kind},
};
use crate::error::Result;

pub(super) struct Decimals {
    digits: Digits,
    pub(super) precision: u8,
    pub(super) scale: i8,
}

enum Digits {
    Own(Stream, Integers),
    Column(Integers),
}

impl Decimals {
    pub(super) fn new(column: u32, from: &mut Streams, precision: u8, scale: i8) -> Self {
        let data = from.stream(column, kind::DATA);
        let scales = from.find(column, kind::SECONDARY);
        let digits = match scales {
            None if from.drafts() => Digits::Column(Integers::new(data, true, true)),
            scales => {
                let scales = scales.unwrap_or_else(|| from.nothing());
                Digits::Own(data, Integers::new(scales, from.second(column), true))
            }
        };
        Self {
            digits,
            precision,
            scale,
        }
    }

    /// The next number, of the column's scale.
    pub(super) fn next(&mut self) -> Result<i128> {
        let number = match &mut self.digits {
            Digits::Column(numbers) => i128::from(numbers.next()?),
            Digits::Own(digits, scales) => {
                let stored = digits.long_varint()?;
                let number = (stored >> 1).cast_signed() ^ -(stored & 1).cast_signed();
                rescaled(number, i64::from(self.scale) - scales.next()?).ok_or_else(too_long)?
            }
        };
        if number.unsigned_abs() >= 10_u128.pow(u32::from(self.precision)) {
            return Err(too_long());
        }
        Ok(number)
    }
}

/// With so many more digits behind the point; `None`: some would be lost.
fn rescaled(number: i128, more: i64) -> Option<i128> {
    let factor = 10_i128.checked_pow(u32::try_from(more.unsigned_abs()).ok()?);
    match (more, factor) {
        _ if number == 0 => Some(0),
        (0.., factor) => number.checked_mul(factor?),
        (_, Some(factor)) => (number % factor == 0).then_some(number / factor),
        (_, None) => None,
    }
}

fn too_long() -> crate::error::ConnectorError {
    bad("a decimal has more digits than its type")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_digit_is_lost() {
        assert_eq!(rescaled(15, 2), Some(1_500));
        assert_eq!(rescaled(-1_500, -2), Some(-15));
        assert_eq!(
            (rescaled(-1_501, -2), rescaled(1, 39), rescaled(1, -39), rescaled(0, 99)),
            (None, None, None, Some(0))
        );
    }
}
