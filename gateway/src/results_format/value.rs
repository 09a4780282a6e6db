//! How is one value written as JSON? Exactly: no number that a reader would round, no time without its digits.

use std::io::Write;

use arrow::{
    array::{Array, ArrayRef, AsArray, RunArray, StructArray},
    datatypes as types,
    datatypes::{ArrowDictionaryKeyType, ArrowPrimitiveType, DataType, IntervalUnit, RunEndIndexType, TimeUnit},
    util::display::{ArrayFormatter, FormatOptions},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DurationMicrosecondType,
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float16Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};

use super::{EncodeError, temporal};

type Written = Result<(), EncodeError>;

/// Writes the value of a row.
pub(crate) fn write_value(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> Written {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Null => out.extend_from_slice(b"null"),
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row))?,
        DataType::Int8 => write!(out, "{}", primitive::<Int8Type>(array, row))?,
        DataType::Int16 => write!(out, "{}", primitive::<Int16Type>(array, row))?,
        DataType::Int32 => write!(out, "{}", primitive::<Int32Type>(array, row))?,
        DataType::UInt8 => write!(out, "{}", primitive::<UInt8Type>(array, row))?,
        DataType::UInt16 => write!(out, "{}", primitive::<UInt16Type>(array, row))?,
        // 64 bits (and what is shown as `bigint`) as text: readers of JSON round numbers beyond 2^53.
        DataType::Int64 => write!(out, "\"{}\"", primitive::<Int64Type>(array, row))?,
        DataType::UInt32 => write!(out, "\"{}\"", primitive::<UInt32Type>(array, row))?,
        DataType::UInt64 => write!(out, "\"{}\"", primitive::<UInt64Type>(array, row))?,
        DataType::Float16 => write_f32(out, primitive::<Float16Type>(array, row).to_f32())?,
        DataType::Float32 => write_f32(out, primitive::<Float32Type>(array, row))?,
        DataType::Float64 => write_f64(out, primitive::<Float64Type>(array, row))?,
        DataType::Decimal32(..) => write!(
            out,
            "\"{}\"",
            array.as_primitive::<Decimal32Type>().value_as_string(row)
        )?,
        DataType::Decimal64(..) => write!(
            out,
            "\"{}\"",
            array.as_primitive::<Decimal64Type>().value_as_string(row)
        )?,
        DataType::Decimal128(..) => write!(
            out,
            "\"{}\"",
            array.as_primitive::<Decimal128Type>().value_as_string(row)
        )?,
        DataType::Decimal256(..) => write!(
            out,
            "\"{}\"",
            array.as_primitive::<Decimal256Type>().value_as_string(row)
        )?,
        DataType::Utf8 => serde_json::to_writer(out, array.as_string::<i32>().value(row))?,
        DataType::LargeUtf8 => serde_json::to_writer(out, array.as_string::<i64>().value(row))?,
        DataType::Utf8View => serde_json::to_writer(out, array.as_string_view().value(row))?,
        DataType::Binary => write_binary(out, array.as_binary::<i32>().value(row))?,
        DataType::LargeBinary => write_binary(out, array.as_binary::<i64>().value(row))?,
        DataType::BinaryView => write_binary(out, array.as_binary_view().value(row))?,
        DataType::FixedSizeBinary(_) => write_fixed(out, array.as_fixed_size_binary().value(row))?,
        DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Interval(_)
        | DataType::Duration(_) => write_temporal(out, array, row)?,
        DataType::Struct(_) => write_struct(out, array.as_struct(), row)?,
        DataType::List(_) => write_items(out, &array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => write_items(out, &array.as_list::<i64>().value(row))?,
        DataType::ListView(_) => write_items(out, &array.as_list_view::<i32>().value(row))?,
        DataType::LargeListView(_) => write_items(out, &array.as_list_view::<i64>().value(row))?,
        DataType::FixedSizeList(..) => write_items(out, &array.as_fixed_size_list().value(row))?,
        DataType::Map(..) => write_pairs(out, &array.as_map().value(row))?,
        DataType::Dictionary(key, _) => write_dictionary(out, array, row, key)?,
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => write_run::<Int16Type>(out, array, row)?,
            DataType::Int32 => write_run::<Int32Type>(out, array, row)?,
            _ => write_run::<Int64Type>(out, array, row)?,
        },
        DataType::Union(..) => {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(array, &options)?;
            serde_json::to_writer(out, &formatter.value(row).to_string())?;
        }
    }
    Ok(())
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> T::Native {
    array.as_primitive::<T>().value(row)
}

fn write_f64(out: &mut Vec<u8>, value: f64) -> Written {
    if value.is_finite() {
        return Ok(serde_json::to_writer(out, &value)?);
    }
    Ok(write!(
        out,
        "\"{}\"",
        not_finite(value.is_nan(), value.is_sign_negative())
    )?)
}

/// As its own type: widened to 64 bits, 0.1 would read 0.10000000149011612.
fn write_f32(out: &mut Vec<u8>, value: f32) -> Written {
    if value.is_finite() {
        return Ok(serde_json::to_writer(out, &value)?);
    }
    Ok(write!(
        out,
        "\"{}\"",
        not_finite(value.is_nan(), value.is_sign_negative())
    )?)
}

fn not_finite(nan: bool, negative: bool) -> &'static str {
    match (nan, negative) {
        (true, _) => "NaN",
        (false, true) => "-Infinity",
        (false, false) => "Infinity",
    }
}

fn write_binary(out: &mut Vec<u8>, bytes: &[u8]) -> Written {
    Ok(write!(out, "\"{}\"", STANDARD.encode(bytes))?)
}

/// 16 bytes are a `uuid` to the reader.
fn write_fixed(out: &mut Vec<u8>, bytes: &[u8]) -> Written {
    match uuid::Uuid::from_slice(bytes) {
        Ok(uuid) => Ok(write!(out, "\"{uuid}\"")?),
        Err(_) => write_binary(out, bytes),
    }
}

fn write_temporal(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> Written {
    let text = match array.data_type() {
        DataType::Date32 => temporal::date(i64::from(primitive::<Date32Type>(array, row))),
        DataType::Date64 => temporal::date(primitive::<Date64Type>(array, row).div_euclid(86_400_000)),
        DataType::Time32(TimeUnit::Second) => {
            temporal::time(i64::from(primitive::<Time32SecondType>(array, row)), TimeUnit::Second)
        }
        DataType::Time32(unit) => temporal::time(i64::from(primitive::<Time32MillisecondType>(array, row)), *unit),
        DataType::Time64(TimeUnit::Nanosecond) => {
            temporal::time(primitive::<Time64NanosecondType>(array, row), TimeUnit::Nanosecond)
        }
        DataType::Time64(unit) => temporal::time(primitive::<Time64MicrosecondType>(array, row), *unit),
        // With a zone the value is an instant, and is shown in UTC.
        DataType::Timestamp(unit, zone) => {
            temporal::timestamp(timestamp(array, row, *unit), *unit) + if zone.is_some() { "Z" } else { "" }
        }
        DataType::Duration(unit) => temporal::elapsed(elapsed(array, row, *unit), *unit),
        DataType::Interval(unit) => interval(array, row, *unit),
        other => return Err(EncodeError(format!("{other} is not temporal"))),
    };
    Ok(write!(out, "\"{text}\"")?)
}

fn timestamp(array: &dyn Array, row: usize, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => primitive::<TimestampSecondType>(array, row),
        TimeUnit::Millisecond => primitive::<TimestampMillisecondType>(array, row),
        TimeUnit::Microsecond => primitive::<TimestampMicrosecondType>(array, row),
        TimeUnit::Nanosecond => primitive::<TimestampNanosecondType>(array, row),
    }
}

fn elapsed(array: &dyn Array, row: usize, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => primitive::<DurationSecondType>(array, row),
        TimeUnit::Millisecond => primitive::<DurationMillisecondType>(array, row),
        TimeUnit::Microsecond => primitive::<DurationMicrosecondType>(array, row),
        TimeUnit::Nanosecond => primitive::<DurationNanosecondType>(array, row),
    }
}

/// An interval in the ISO 8601 form of durations.
pub(super) fn interval(array: &dyn Array, row: usize, unit: IntervalUnit) -> String {
    match unit {
        IntervalUnit::YearMonth => temporal::duration(i64::from(primitive::<IntervalYearMonthType>(array, row)), 0, 0),
        IntervalUnit::DayTime => {
            let value = primitive::<IntervalDayTimeType>(array, row);
            temporal::duration(0, i64::from(value.days), i128::from(value.milliseconds) * 1_000_000)
        }
        IntervalUnit::MonthDayNano => {
            let value = primitive::<IntervalMonthDayNanoType>(array, row);
            temporal::duration(
                i64::from(value.months),
                i64::from(value.days),
                i128::from(value.nanoseconds),
            )
        }
    }
}

fn write_struct(out: &mut Vec<u8>, array: &StructArray, row: usize) -> Written {
    out.push(b'{');
    for (number, (field, column)) in array.fields().iter().zip(array.columns()).enumerate() {
        if number > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, field.name())?;
        out.push(b':');
        write_value(out, column.as_ref(), row)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_items(out: &mut Vec<u8>, items: &ArrayRef) -> Written {
    out.push(b'[');
    for item in 0..items.len() {
        if item > 0 {
            out.push(b',');
        }
        write_value(out, items.as_ref(), item)?;
    }
    out.push(b']');
    Ok(())
}

/// `[[key, value], …]`: keys need not be texts, and their order is kept.
fn write_pairs(out: &mut Vec<u8>, entries: &StructArray) -> Written {
    out.push(b'[');
    for entry in 0..entries.len() {
        out.extend_from_slice(if entry > 0 { b",[" } else { b"[" });
        for (number, column) in entries.columns().iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            write_value(out, column.as_ref(), entry)?;
        }
        out.push(b']');
    }
    out.push(b']');
    Ok(())
}

fn write_dictionary(out: &mut Vec<u8>, array: &dyn Array, row: usize, key: &DataType) -> Written {
    match key {
        DataType::Int8 => write_entry::<Int8Type>(out, array, row),
        DataType::Int16 => write_entry::<Int16Type>(out, array, row),
        DataType::Int32 => write_entry::<Int32Type>(out, array, row),
        DataType::UInt8 => write_entry::<UInt8Type>(out, array, row),
        DataType::UInt16 => write_entry::<UInt16Type>(out, array, row),
        DataType::UInt32 => write_entry::<UInt32Type>(out, array, row),
        DataType::UInt64 => write_entry::<UInt64Type>(out, array, row),
        _ => write_entry::<Int64Type>(out, array, row),
    }
}

fn write_entry<K: ArrowDictionaryKeyType>(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> Written {
    let dictionary = array.as_dictionary::<K>();
    match dictionary.key(row) {
        Some(key) => write_value(out, dictionary.values().as_ref(), key),
        None => Err(EncodeError("a dictionary lacks a key".to_owned())),
    }
}

fn write_run<R: RunEndIndexType>(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> Written {
    let run: &RunArray<R> = array.as_run();
    write_value(out, run.values().as_ref(), run.get_physical_index(row))
}
