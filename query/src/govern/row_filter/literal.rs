//! Which value of a column's type does a literal denote, exactly? Never a rounded one.

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{NaiveDate, NaiveDateTime};
use datafusion::common::ScalarValue;

/// A number literal in `data_type`; the error says why it has no exact value there.
pub(super) fn number(digits: &str, data_type: &DataType) -> Result<ScalarValue, String> {
    let inexact = || format!("{digits} has no exact value in the type {data_type}");
    let decimal = Decimal::parse(digits).ok_or_else(|| format!("{digits} has more digits than a decimal holds"))?;
    macro_rules! integer {
        ($variant:ident) => {
            decimal
                .scaled(0)
                .and_then(|whole| whole.try_into().ok())
                .map(|whole| ScalarValue::$variant(Some(whole)))
        };
    }
    match data_type {
        DataType::Int8 => integer!(Int8),
        DataType::Int16 => integer!(Int16),
        DataType::Int32 => integer!(Int32),
        DataType::Int64 => integer!(Int64),
        DataType::UInt8 => integer!(UInt8),
        DataType::UInt16 => integer!(UInt16),
        DataType::UInt32 => integer!(UInt32),
        DataType::UInt64 => integer!(UInt64),
        DataType::Decimal128(precision, scale) => decimal
            .scaled(i32::from(*scale))
            .filter(|value| within(*value, *precision))
            .map(|value| ScalarValue::Decimal128(Some(value), *precision, *scale)),
        DataType::Float32 => float(digits, &decimal, 24)
            .and_then(|_| digits.parse::<f32>().ok())
            .filter(|value| value.is_finite())
            .map(|value| ScalarValue::Float32(Some(value))),
        DataType::Float64 => float(digits, &decimal, 53).map(|value| ScalarValue::Float64(Some(value))),
        _ => return Err(format!("a number is compared with the type {data_type}")),
    }
    .ok_or_else(inexact)
}

/// The type of a number literal that stands alone.
pub(super) fn number_type(digits: &str) -> DataType {
    match Decimal::parse(digits) {
        Some(decimal)
            if !digits.contains(['.', 'e', 'E']) && decimal.scaled(0).is_some_and(|v| i64::try_from(v).is_ok()) =>
        {
            DataType::Int64
        }
        Some(decimal) if !digits.contains(['e', 'E']) => {
            DataType::Decimal128(38, i8::try_from(decimal.scale.clamp(0, 38)).unwrap_or(0))
        }
        _ => DataType::Float64,
    }
}

/// Whether a value has at most `precision` digits.
pub(super) fn within(value: i128, precision: u8) -> bool {
    10_u128
        .checked_pow(u32::from(precision))
        .is_none_or(|limit| value.unsigned_abs() < limit)
}

/// A `yyyy-mm-dd` literal.
pub(super) fn date(text: &str) -> Result<ScalarValue, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| format!("`{text}` is not a date yyyy-mm-dd"))?;
    let days = day.signed_duration_since(NaiveDate::default()).num_days();
    let days = i32::try_from(days).map_err(|_| format!("`{text}` is no date that can be stored"))?;
    Ok(ScalarValue::Date32(Some(days)))
}

/// A `yyyy-mm-dd[ hh:mm[:ss[.fraction]]]` literal, UTC, in a timestamp type.
pub(super) fn timestamp(text: &str, data_type: &DataType) -> Result<ScalarValue, String> {
    let moment = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()
                .and_then(|day| day.and_hms_opt(0, 0, 0))
        })
        .ok_or_else(|| format!("`{text}` is not a timestamp yyyy-mm-dd hh:mm:ss"))?;
    let (seconds, nanos) = (
        moment.and_utc().timestamp(),
        i64::from(moment.and_utc().timestamp_subsec_nanos()),
    );
    moment_in(seconds, nanos, data_type, Rounding::Refuse)
        .ok_or_else(|| format!("`{text}` has no exact value in the type {data_type}"))
}

/// What to do with a fraction that the unit cannot hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rounding {
    Refuse,
    Floor,
}

/// A moment in a timestamp type; `None` if it has no value there.
pub(super) fn moment_in(seconds: i64, nanos: i64, data_type: &DataType, rounding: Rounding) -> Option<ScalarValue> {
    let DataType::Timestamp(unit, zone) = data_type else {
        return None;
    };
    let per_second: i64 = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let nanos_per_tick = 1_000_000_000 / per_second;
    if rounding == Rounding::Refuse && nanos % nanos_per_tick != 0 {
        return None;
    }
    let ticks = seconds
        .checked_mul(per_second)?
        .checked_add(nanos.div_euclid(nanos_per_tick))?;
    let (value, zone) = (Some(ticks), zone.clone());
    Some(match unit {
        TimeUnit::Second => ScalarValue::TimestampSecond(value, zone),
        TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(value, zone),
        TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(value, zone),
        TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(value, zone),
    })
}

/// A text in a text type.
pub(crate) fn text(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    let value = Some(text.to_owned());
    Some(match data_type {
        DataType::Utf8 => ScalarValue::Utf8(value),
        DataType::LargeUtf8 => ScalarValue::LargeUtf8(value),
        DataType::Utf8View => ScalarValue::Utf8View(value),
        _ => return None,
    })
}

/// `coefficient` × 10^-`scale`, without trailing zeros.
struct Decimal {
    coefficient: i128,
    scale: i32,
}

impl Decimal {
    fn parse(digits: &str) -> Option<Self> {
        let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let mut coefficient: i128 = format!("{whole}{fraction}").parse().ok()?;
        let mut scale = i32::try_from(fraction.len())
            .ok()?
            .checked_sub(exponent.parse().ok()?)?;
        while coefficient != 0 && coefficient % 10 == 0 {
            coefficient /= 10;
            scale = scale.checked_sub(1)?;
        }
        Some(Self {
            coefficient,
            scale: if coefficient == 0 { 0 } else { scale },
        })
    }

    /// The value × 10^`scale`, if that is whole.
    fn scaled(&self, scale: i32) -> Option<i128> {
        let power = u32::try_from(scale.checked_sub(self.scale)?).ok()?;
        self.coefficient.checked_mul(10_i128.checked_pow(power)?)
    }
}

/// The value of a float literal: exact in `bits` binary digits, or written with an exponent.
fn float(digits: &str, decimal: &Decimal, bits: u32) -> Option<f64> {
    let value: f64 = digits.parse().ok()?;
    let exact = || {
        let whole = match u32::try_from(decimal.scale) {
            Ok(scale) => {
                let fives = 5_i128.checked_pow(scale)?;
                (decimal.coefficient % fives == 0).then_some(decimal.coefficient / fives)?
            }
            Err(_) => decimal.scaled(0)?,
        };
        let odd = if whole == 0 { 0 } else { whole >> whole.trailing_zeros() };
        (odd.unsigned_abs() < 1_u128 << bits).then_some(value)
    };
    if digits.contains(['e', 'E']) {
        Some(value).filter(|value| value.is_finite())
    } else {
        exact()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_or_refused() {
        assert_eq!(number("25.0", &DataType::Int32), Ok(ScalarValue::Int32(Some(25))));
        assert_eq!(
            number("25", &DataType::Decimal128(12, 2)),
            Ok(ScalarValue::Decimal128(Some(2500), 12, 2))
        );
        assert_eq!(number("-0.5", &DataType::Float64), Ok(ScalarValue::Float64(Some(-0.5))));
        assert_eq!(number("1e-1", &DataType::Float64), Ok(ScalarValue::Float64(Some(0.1))));
        assert_eq!(
            number("18446744073709551615", &DataType::UInt64),
            Ok(ScalarValue::UInt64(Some(u64::MAX)))
        );
        for (digits, data_type) in [
            ("0.1", DataType::Float64),
            ("9007199254740993", DataType::Float64),
            ("3000000000", DataType::Int32),
            ("1.5", DataType::Int64),
            ("-1", DataType::UInt8),
            ("25.001", DataType::Decimal128(12, 2)),
            ("99999999999.00", DataType::Decimal128(12, 2)),
            ("1", DataType::Utf8),
        ] {
            assert!(number(digits, &data_type).is_err(), "{digits} {data_type}");
        }
    }

    #[test]
    fn times_are_exact_or_refused() {
        let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(
            timestamp("1970-01-01 00:00:01.5", &micros),
            Ok(ScalarValue::TimestampMicrosecond(Some(1_500_000), None))
        );
        assert_eq!(date("1969-12-31"), Ok(ScalarValue::Date32(Some(-1))));
        let far = timestamp("9999-12-31 23:59:59", &micros);
        assert_eq!(
            far,
            Ok(ScalarValue::TimestampMicrosecond(Some(253_402_300_799_000_000), None))
        );
        assert!(timestamp("9999-12-31 00:00:00", &DataType::Timestamp(TimeUnit::Nanosecond, None)).is_err());
        assert!(timestamp("1970-01-01 00:00:00.5", &DataType::Timestamp(TimeUnit::Second, None)).is_err());
        assert!(date("31.12.1969").is_err());
    }
}
