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
    match small(raw, precision, scale) {
        Some(value) => Ok(i128::from(value)),
        None => decimal(raw, precision, scale, i128::from),
    }
}

/// The same for values of up to sixteen digits that fit, which are nearly all; `None` leaves the value, or its error, to
/// [`decimal`].
fn small(raw: &[u8], precision: u8, scale: i8) -> Option<i64> {
    let (head, digits) = raw.split_first_chunk::<8>()?;
    let [_, _, weight_high, weight_low, sign_high, sign_low, _, _] = *head;
    if digits.len() > 8 {
        return None;
    }
    let mut total = 0_i64;
    let mut groups = 0_i32;
    for group in digits.as_chunks::<2>().0 {
        total = total * 10_000 + i64::from(i16::from_be_bytes(*group));
        groups += 1;
    }
    // The power of ten of the last group, in units of the result's last digit.
    let weight = i32::from(i16::from_be_bytes([weight_high, weight_low]));
    let places = (weight - groups + 1) * 4 + i32::from(scale);
    let power = |places: u32| POWERS.get(usize::try_from(places).ok()?).copied();
    let value = if places >= 0 {
        total.checked_mul(power(places.unsigned_abs())?)?
    } else {
        let divisor = power(places.unsigned_abs())?;
        if total % divisor != 0 {
            return None;
        }
        total / divisor
    };
    if power(u32::from(precision)).is_some_and(|bound| value >= bound) {
        return None;
    }
    match u16::from_be_bytes([sign_high, sign_low]) {
        POSITIVE => Some(value),
        NEGATIVE => Some(-value),
        _ => None,
    }
}

/// 10^0 to 10^18.
const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < 19 {
        #[expect(clippy::indexing_slicing, reason = "at compile time")]
        {
            powers[at] = powers[at - 1] * 10;
        }
        at += 1;
    }
    powers
};

/// A value as `double`, rounded once, as IEEE 754 says.
pub(super) fn double(raw: &[u8]) -> Result<f64, Misfit> {
    let (head, digits) = raw.split_first_chunk::<8>().ok_or(Misfit::Malformed)?;
    let [_, _, weight_high, weight_low, sign_high, sign_low, _, _] = *head;
    let sign = match u16::from_be_bytes([sign_high, sign_low]) {
        POSITIVE => "",
        NEGATIVE => "-",
        0xc000 => return Ok(f64::NAN),
        0xd000 => return Ok(f64::INFINITY),
        0xf000 => return Ok(f64::NEG_INFINITY),
        _ => return Err(Misfit::Malformed),
    };
    let mut text = format!("{sign}0");
    let mut groups = 0_i32;
    for group in digits.as_chunks::<2>().0 {
        text.push_str(&format!("{:04}", i16::from_be_bytes(*group)));
        groups += 1;
    }
    let weight = i32::from(i16::from_be_bytes([weight_high, weight_low]));
    text.push_str(&format!("e{}", (weight - groups + 1) * 4));
    let value: f64 = text.parse().map_err(|_| Misfit::Malformed)?;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Misfit::OutOfRange)
    }
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
    use super::{decimal, decimal128, decimal256, double};
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

    /// Whatever the digits: the short way finds what the long way finds.
    #[test]
    fn both_ways_agree() {
        let mut seed = 7_u64;
        let mut random = |below: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let (mut same, mut wrong) = (0, 0);
        for _ in 0..20_000 {
            let groups: Vec<i16> = (0..random(6))
                .map(|_| [0, 1, 10, 100, 1_000, 9_000, 9_999, 1_234][usize::try_from(random(8)).unwrap()])
                .collect();
            let weight = i16::try_from(random(8)).unwrap() - 3;
            let sign = [0, 0x4000, 0xc000, 0xd000][usize::try_from(random(4)).unwrap()];
            let (precision, scale) = (u8::try_from(random(38) + 1).unwrap(), i8::try_from(random(12)).unwrap());
            let raw = wire(weight, sign, &groups);
            let long = decimal(&raw, precision, scale, i128::from);
            assert_eq!(
                decimal128(&raw, precision, scale),
                long,
                "{weight} {sign} {groups:?} {precision} {scale}"
            );
            match long {
                Ok(_) => same += 1,
                Err(_) => wrong += 1,
            }
        }
        assert!(same > 1_000 && wrong > 1_000, "{same} {wrong}");
    }

    #[test]
    fn a_double_is_rounded_once() {
        assert_eq!(double(&wire(0, 0x4000, &[12, 3400])), Ok(-12.34));
        assert_eq!(double(&wire(-1, 0, &[1])), Ok(0.0001));
        assert_eq!(double(&wire(0, 0, &[])), Ok(0.0));
        // 2^53 + 1 lies between two doubles: to the even one.
        assert_eq!(
            double(&wire(3, 0, &[9007, 1992, 5474, 993])),
            Ok(9_007_199_254_740_992.0)
        );
        assert_eq!(double(&wire(200, 0, &[1])), Err(Misfit::OutOfRange));
        assert!(double(&wire(0, 0xc000, &[])).unwrap().is_nan());
        assert_eq!(double(&wire(0, 0xf000, &[])), Ok(f64::NEG_INFINITY));
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
