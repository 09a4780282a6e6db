//! How does a PostgreSQL `numeric` become an Arrow decimal of a given scale, exactly or not at all?
//!
//! The binary form is: number of base-10,000 digits, weight of the first, sign, display scale, then the digits
//! (`numeric_send` in PostgreSQL's `numeric.c`).

use arrow::array::ArrowNativeTypeOp;
use arrow::datatypes::i256;

use super::decode::{Misfit, bytes};

const NEGATIVE: u16 = 0x4000;
const POSITIVE: u16 = 0x0000;

/// A value for `Decimal128(precision, scale)`.
pub(super) fn decimal128(raw: &[u8], precision: u8, scale: i8) -> Result<i128, Misfit> {
    decimal(raw, precision, scale, i128::from)
}

/// A value for `Decimal256(precision, scale)`.
pub(super) fn decimal256(raw: &[u8], precision: u8, scale: i8) -> Result<i256, Misfit> {
    decimal(raw, precision, scale, |small| i256::from_i128(i128::from(small)))
}

/// Reads group by group, so that no intermediate value is larger than the result.
fn decimal<T>(raw: &[u8], precision: u8, scale: i8, small: impl Fn(i16) -> T) -> Result<T, Misfit>
where
    T: ArrowNativeTypeOp,
{
    let (head, mut digits) = raw.split_first_chunk::<8>().ok_or(Misfit::Malformed)?;
    let [_, _, weight_high, weight_low, sign_high, sign_low, _, _] = *head;
    let sign = u16::from_be_bytes([sign_high, sign_low]);
    if sign != POSITIVE && sign != NEGATIVE {
        return Err(Misfit::NotFinite);
    }
    // The power of ten of the current group, in units of the result's last digit.
    let mut power = i32::from(i16::from_be_bytes([weight_high, weight_low])) * 4 + i32::from(scale);
    let mut total = T::ZERO;
    let mut pending = 0;
    while let Some((group, rest)) = digits.split_first_chunk::<2>() {
        let group = i16::from_be_bytes(bytes(group)?);
        let (kept, width) = whole_part(group, power)?;
        total = shift(total, width, &small)?
            .add_checked(small(kept))
            .map_err(|_| Misfit::Decimal)?;
        pending = power.max(0);
        power -= 4;
        digits = rest;
    }
    total = shift(total, pending, &small)?;
    let bound = shift(T::ONE, i32::from(precision), &small)?;
    if total.is_ge(bound) {
        return Err(Misfit::Decimal);
    }
    if sign == NEGATIVE {
        total.neg_checked().map_err(|_| Misfit::Decimal)
    } else {
        Ok(total)
    }
}

/// What a group contributes: its digits above the result's last digit, and how many those are.
fn whole_part(group: i16, power: i32) -> Result<(i16, i32), Misfit> {
    let divisor = match power {
        0.. => return Ok((group, 4)),
        -1 => 10,
        -2 => 100,
        -3 => 1_000,
        _ if group == 0 => return Ok((0, 0)),
        _ => return Err(Misfit::Decimal),
    };
    if group % divisor == 0 {
        Ok((group / divisor, 4 + power))
    } else {
        Err(Misfit::Decimal)
    }
}

/// `value × 10^places`.
fn shift<T: ArrowNativeTypeOp>(value: T, places: i32, small: &impl Fn(i16) -> T) -> Result<T, Misfit> {
    if value.is_zero() {
        return Ok(value);
    }
    let mut value = value;
    let mut places = places;
    while places > 0 {
        let step = places.min(4);
        let factor = match step {
            1 => 10,
            2 => 100,
            3 => 1_000,
            _ => 10_000,
        };
        value = value.mul_checked(small(factor)).map_err(|_| Misfit::Decimal)?;
        places -= step;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::{decimal128, decimal256};
    use crate::postgres::decode::Misfit;
    use arrow::datatypes::i256;

    fn wire(weight: i16, sign: u16, groups: &[i16]) -> Vec<u8> {
        let mut raw = Vec::new();
        raw.extend_from_slice(&i16::try_from(groups.len()).unwrap().to_be_bytes());
        raw.extend_from_slice(&weight.to_be_bytes());
        raw.extend_from_slice(&sign.to_be_bytes());
        raw.extend_from_slice(&[0, 0]);
        for group in groups {
            raw.extend_from_slice(&group.to_be_bytes());
        }
        raw
    }

    #[test]
    fn values_are_exact() {
        assert_eq!(decimal128(&wire(0, 0, &[12, 3400]), 10, 2), Ok(1234));
        assert_eq!(decimal128(&wire(0, 0x4000, &[12, 3400]), 10, 4), Ok(-123_400));
        assert_eq!(decimal128(&wire(-1, 0, &[5]), 10, 4), Ok(5));
        assert_eq!(decimal128(&wire(-2, 0, &[5000]), 10, 5), Ok(5));
        assert_eq!(decimal128(&wire(2, 0, &[1]), 38, 0), Ok(100_000_000));
        assert_eq!(decimal128(&wire(0, 0, &[]), 38, 9), Ok(0));
    }

    #[test]
    fn thirty_eight_digits_fit_though_their_groups_would_not() {
        let groups = [9, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9000];
        assert_eq!(decimal128(&wire(9, 0, &groups), 38, 1), Ok(10_i128.pow(38) - 1));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(decimal128(&wire(0, 0, &[12, 3456]), 10, 2), Err(Misfit::Decimal));
        assert_eq!(decimal128(&wire(0, 0, &[1000]), 3, 0), Err(Misfit::Decimal));
        assert_eq!(decimal128(&wire(300, 0, &[1]), 38, 0), Err(Misfit::Decimal));
        assert_eq!(decimal128(&wire(0, 0xc000, &[]), 38, 0), Err(Misfit::NotFinite));
        assert_eq!(decimal128(&[0, 0], 38, 0), Err(Misfit::Malformed));
        assert_eq!(
            decimal256(&wire(0, 0, &[1]), 76, 75),
            Ok(i256::from_i128(10).wrapping_pow(75))
        );
    }
}
