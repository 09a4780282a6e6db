//! What is the number in a text of DynamoDB's? Exactly, or not at all: up to 38 digits and an exponent.

/// The number as an integer times 10^-scale, if it is one of at most `precision` digits.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let Parts {
        negative,
        digits,
        fraction,
        exponent,
    } = Parts::of(text)?;
    // The value is `digits` × 10^(exponent − fraction).
    let shift = exponent.checked_sub(fraction)?.checked_add(i32::from(scale))?;
    let mut value = digits;
    if value != 0 {
        let factor = 10_u128.checked_pow(shift.unsigned_abs());
        value = match (shift >= 0, factor) {
            (true, Some(factor)) => value.checked_mul(factor)?,
            (false, Some(factor)) if value % factor == 0 => value / factor,
            _ => return None,
        };
    }
    if value >= 10_u128.checked_pow(u32::from(precision))? {
        return None;
    }
    let value = i128::try_from(value).ok()?;
    Some(if negative { -value } else { value })
}

/// The whole number, if it is one and within.
pub(super) fn integer(text: &str) -> Option<i64> {
    // Nearly always digits alone.
    if let Ok(plain) = text.parse::<i64>() {
        return Some(plain);
    }
    i64::try_from(decimal(text, 38, 0)?).ok()
}

/// Digits before and after the point, as far as they matter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Width {
    pub whole: u32,
    pub fraction: u32,
}

impl Width {
    /// Of a number, if it is one.
    pub(super) fn of(text: &str) -> Option<Self> {
        let Parts {
            mut digits,
            fraction,
            exponent,
            ..
        } = Parts::of(text)?;
        if digits == 0 {
            return Some(Self { whole: 1, fraction: 0 });
        }
        let mut scale = fraction.checked_sub(exponent)?;
        while digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        let length = i32::try_from(digits.ilog10()).ok()? + 1;
        Some(Self {
            whole: u32::try_from((length - scale).max(1)).ok()?,
            fraction: u32::try_from(scale.max(0)).ok()?,
        })
    }
}

struct Parts {
    negative: bool,
    digits: u128,
    /// Digits after the point.
    fraction: i32,
    exponent: i32,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        // Zeros at both ends say nothing, and there may be more of them than digits fit.
        let fraction = fraction.trim_end_matches('0');
        let (whole, exponent) = if fraction.is_empty() {
            let short = whole.trim_end_matches('0');
            let cut = i32::try_from(whole.len() - short.len()).ok()?;
            (short, exponent.checked_add(cut)?)
        } else {
            (whole, exponent)
        };
        let mut digits: u128 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            let digit = byte.is_ascii_digit().then(|| u128::from(byte - b'0'))?;
            digits = digits.checked_mul(10)?.checked_add(digit)?;
        }
        Some(Self {
            negative,
            digits,
            fraction: i32::try_from(fraction.len()).ok()?,
            exponent,
        })
    }
}

/// The text of an integer times 10^-scale.
pub(super) fn decimal_text(value: i128, scale: i8) -> String {
    let (sign, digits) = (if value < 0 { "-" } else { "" }, value.unsigned_abs().to_string());
    match usize::try_from(scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = padded.split_at(padded.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) => format!("{sign}{digits}E{}", -i32::from(scale)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_or_refused() {
        for (text, found) in [
            ("12.5", Some(1_250)),
            ("-0.01", Some(-1)),
            ("1E+2", Some(10_000)),
            ("1.50e-1", Some(15)),
            ("99999.99", Some(9_999_999)),
            ("100000", None),
            ("0.001", None),
            ("0E-120", Some(0)),
            ("1E+125", None),
            ("1E-125", None),
            ("", None),
            (".", None),
            ("1e", None),
            ("1_0", None),
            ("NaN", None),
        ] {
            assert_eq!(decimal(text, 7, 2), found, "{text}");
        }
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("9223372036854775808"), None);
        assert_eq!(integer("1E3"), Some(1_000));
        assert_eq!(integer("1.5"), None);
        assert_eq!(
            decimal("99999999999999999999999999999999999999", 38, 0),
            Some(10_i128.pow(38) - 1)
        );
    }

    #[test]
    fn widths_are_what_a_decimal_needs() {
        for (text, whole, fraction) in [
            ("0", 1, 0),
            ("120", 3, 0),
            ("1.250", 1, 2),
            ("0.001", 1, 3),
            ("12E+3", 5, 0),
            ("1000000000000000000000000000000000000000000", 43, 0),
            ("1E-130", 1, 130),
        ] {
            assert_eq!(Width::of(text), Some(Width { whole, fraction }), "{text}");
        }
    }

    #[test]
    fn a_text_comes_back() {
        for (value, scale, text) in [(1_250, 2, "12.50"), (-1, 2, "-0.01"), (7, 0, "7"), (7, -2, "7E2")] {
            assert_eq!(decimal_text(value, scale), text);
            assert_eq!(decimal(text, 38, scale), Some(value));
        }
    }
}
