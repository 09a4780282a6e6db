//! Which literals have a value of a type, at both edges of each type?

use arrow::datatypes::TimeUnit;

use super::super::literal::{Rounding, moment_in, number, number_type, text, timestamp, within};
use super::*;

fn whole(digits: &str, data_type: &DataType) -> Option<String> {
    number(digits, data_type).ok().map(|value| value.to_string())
}

#[test]
fn whole_numbers_fit_their_type_or_are_refused() {
    let edges: [(DataType, i128, i128); 8] = [
        (DataType::Int8, i8::MIN.into(), i8::MAX.into()),
        (DataType::Int16, i16::MIN.into(), i16::MAX.into()),
        (DataType::Int32, i32::MIN.into(), i32::MAX.into()),
        (DataType::Int64, i64::MIN.into(), i64::MAX.into()),
        (DataType::UInt8, 0, u8::MAX.into()),
        (DataType::UInt16, 0, u16::MAX.into()),
        (DataType::UInt32, 0, u32::MAX.into()),
        (DataType::UInt64, 0, u64::MAX.into()),
    ];
    for (data_type, least, most) in edges {
        for value in [least, 0, 1, most] {
            let found = number(&value.to_string(), &data_type).unwrap();
            assert_eq!(
                (found.data_type(), found.to_string()),
                (data_type.clone(), value.to_string())
            );
        }
        for value in [least - 1, most + 1] {
            assert_eq!(whole(&value.to_string(), &data_type), None, "{value} {data_type}");
        }
    }
}

#[test]
fn exponents_and_zeros_are_part_of_the_value() {
    let int = |digits: &str| whole(digits, &DataType::Int64);
    for (digits, expected) in [
        ("15e2", Some("1500")),
        ("1500e-2", Some("15")),
        ("15E+1", Some("150")),
        ("1.50e1", Some("15")),
        ("100", Some("100")),
        ("0", Some("0")),
        ("0e5", Some("0")),
        ("-0.0", Some("0")),
        ("1.5", None),
        ("15e-1", None),
        ("1e19", None),
        ("1e400", None),
    ] {
        assert_eq!(int(digits).as_deref(), expected, "{digits}");
    }
    let decimal = |digits: &str| match number(digits, &DataType::Decimal128(5, 2)) {
        Ok(ScalarValue::Decimal128(value, 5, 2)) => value,
        Ok(other) => panic!("{other:?}"),
        Err(_) => None,
    };
    for (digits, expected) in [
        ("999.99", Some(99_999)),
        ("-999.99", Some(-99_999)),
        ("1000", None),
        ("-1000", None),
        ("1.234", None),
        ("1.230", Some(123)),
        ("1e2", Some(10_000)),
        ("1e-2", Some(1)),
        ("1e-3", None),
    ] {
        assert_eq!(decimal(digits), expected, "{digits}");
    }
}

#[test]
fn floats_are_exact_or_written_with_an_exponent() {
    let (single, double) = (DataType::Float32, DataType::Float64);
    for (digits, in_single, in_double) in [
        ("0", true, true),
        ("0.0", true, true),
        ("-0.75", true, true),
        ("0.1", false, false),
        ("16777215", true, true),
        ("16777216", true, true),
        ("16777217", false, true),
        ("16777218", true, true),
        ("9007199254740991", false, true),
        ("9007199254740993", false, false),
        ("100", true, true),
        ("0.00390625", true, true),
        ("1e-1", true, true),
        ("1e38", true, true),
        ("1e39", false, true),
        ("1e309", false, false),
    ] {
        assert_eq!(
            (number(digits, &single).is_ok(), number(digits, &double).is_ok()),
            (in_single, in_double),
            "{digits}"
        );
    }
    assert_eq!(number("-0.75", &single), Ok(ScalarValue::Float32(Some(-0.75))));
    assert_eq!(number("100", &double), Ok(ScalarValue::Float64(Some(100.0))));
}

#[test]
fn a_number_that_stands_alone_has_the_narrowest_type() {
    for (digits, expected) in [
        ("1", DataType::Int64),
        ("100", DataType::Int64),
        ("-9223372036854775808", DataType::Int64),
        ("9223372036854775808", DataType::Decimal128(38, 0)),
        ("1.0", DataType::Decimal128(38, 0)),
        ("1.50", DataType::Decimal128(38, 1)),
        ("-0.5", DataType::Decimal128(38, 1)),
        ("1e3", DataType::Float64),
        ("1.5E1", DataType::Float64),
        (&"9".repeat(40), DataType::Float64),
    ] {
        assert_eq!(number_type(digits), expected, "{digits}");
    }
}

#[test]
fn a_precision_is_a_number_of_digits() {
    for (value, precision, expected) in [
        (99, 2, true),
        (-99, 2, true),
        (100, 2, false),
        (-100, 2, false),
        (0, 0, true),
        (1, 0, false),
        (i128::MAX, 39, true),
        (i128::MIN, 39, true),
        (i128::MAX, 38, false),
    ] {
        assert_eq!(within(value, precision), expected, "{value} {precision}");
    }
}

#[test]
fn a_moment_has_a_value_in_a_unit_that_holds_it() {
    let in_unit = |nanos: i64, unit, rounding| {
        let value = moment_in(5, nanos, &DataType::Timestamp(unit, None), rounding)?;
        assert_eq!(value.data_type(), DataType::Timestamp(unit, None));
        Some(match value {
            ScalarValue::TimestampSecond(value, _)
            | ScalarValue::TimestampMillisecond(value, _)
            | ScalarValue::TimestampMicrosecond(value, _)
            | ScalarValue::TimestampNanosecond(value, _) => value.unwrap(),
            other => panic!("{other:?}"),
        })
    };
    for (unit, tick, floored) in [
        (TimeUnit::Second, 1_000_000_000, 5),
        (TimeUnit::Millisecond, 1_000_000, 5_999),
        (TimeUnit::Microsecond, 1_000, 5_999_999),
        (TimeUnit::Nanosecond, 1, 5_999_999_999),
    ] {
        assert_eq!(
            in_unit(999_999_999, unit, Rounding::Floor),
            Some(floored),
            "{unit:?} rounded down"
        );
        let per_second = 1_000_000_000 / tick;
        assert_eq!(in_unit(0, unit, Rounding::Refuse), Some(5 * per_second), "{unit:?}");
        if tick < 1_000_000_000 {
            assert_eq!(
                in_unit(tick, unit, Rounding::Refuse),
                Some(5 * per_second + 1),
                "{unit:?}"
            );
        }
        if tick > 1 {
            assert_eq!(in_unit(tick - 1, unit, Rounding::Refuse), None, "{unit:?}");
        }
    }
    assert_eq!(moment_in(5, 0, &DataType::Int64, Rounding::Floor), None);
    let nanos = DataType::Timestamp(TimeUnit::Nanosecond, None);
    assert_eq!(moment_in(i64::MAX, 0, &nanos, Rounding::Floor), None);
}

#[test]
fn a_timestamp_is_written_in_five_ways() {
    let zoned = DataType::Timestamp(TimeUnit::Second, Some("+00:00".into()));
    for (written, seconds) in [
        ("1970-01-02", Some(86_400)),
        ("1970-01-01 00:01", Some(60)),
        ("1970-01-01 00:01:02", Some(62)),
        ("1970-01-01T00:01:02", Some(62)),
        ("1970-01-01 00:01:02.000", Some(62)),
        ("1970-01-01 00:01:02.001", None),
        ("01:02", None),
        ("1970-02-30", None),
    ] {
        let expected = seconds.map(|seconds| ScalarValue::TimestampSecond(Some(seconds), Some("+00:00".into())));
        assert_eq!(timestamp(written, &zoned).ok(), expected, "{written}");
    }
}

#[test]
fn a_text_has_the_type_of_its_column() {
    for data_type in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View] {
        assert_eq!(text("x", &data_type).map(|value| value.data_type()), Some(data_type));
    }
    assert_eq!(text("x", &DataType::Binary), None);
}
