//! How do the binary values of a PostgreSQL row become Arrow arrays?
//!
//! Wire bytes go straight into typed builders. A value that Arrow's type cannot hold is a [`Misfit`], never a rounded
//! value and never a NULL. Not here: which decoder a column gets (`types`).

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, PrimitiveBuilder,
    StringBuilder, StringViewBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};

use super::list::ListBuilder;
use super::numeric::{decimal128, decimal256, double};
use super::types::{ColumnType, Wire};

/// Days between 1970-01-01 and 2000-01-01, PostgreSQL's epoch.
const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// 0001-01-01 in days and microseconds since 1970: what lies before is BC.
const FIRST_DAY: i32 = -719_162;
const FIRST_MICRO: i64 = -62_135_596_800_000_000;
const DAY_MICROS: i64 = 86_400_000_000;

/// Why a value has no place in its Arrow column; the value itself is never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// More digits than the column's decimal type has.
    Decimal,
    /// NaN or ±infinity in a type whose Arrow form has neither.
    NotFinite,
    /// A date before the year 1.
    BeforeChrist,
    /// Outside the range of the Arrow type.
    OutOfRange,
    /// Not UTF-8.
    NotUtf8,
    /// Not the binary form that the type has.
    Malformed,
    /// An array of another number of dimensions than its column was declared with.
    Dimensions,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decimal => "more digits than its decimal type",
            Self::NotFinite => "NaN or infinity",
            Self::BeforeChrist => "a date before the year 1",
            Self::OutOfRange => "a value out of range",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::Malformed => "a value in an unknown form",
            Self::Dimensions => "an array of other dimensions than declared",
        })
    }
}

/// One column of the batch that is being filled.
#[derive(Debug)]
pub(super) enum ColumnBuilder {
    Bool(BooleanBuilder),
    Int2(PrimitiveBuilder<Int16Type>),
    Int4(PrimitiveBuilder<Int32Type>),
    Int8(PrimitiveBuilder<Int64Type>),
    Float4(PrimitiveBuilder<Float32Type>),
    Float8(PrimitiveBuilder<Float64Type>),
    Double(PrimitiveBuilder<Float64Type>),
    Decimal128(PrimitiveBuilder<Decimal128Type>, u8, i8),
    Decimal256(PrimitiveBuilder<Decimal256Type>, u8, i8),
    Text(StringViewBuilder),
    /// Within lists.
    PlainText(StringBuilder),
    Bytea(BinaryBuilder),
    Timestamp(PrimitiveBuilder<TimestampMicrosecondType>),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<Time64MicrosecondType>),
    Interval(PrimitiveBuilder<IntervalMonthDayNanoType>),
    Uuid(FixedSizeBinaryBuilder),
    List(Box<ListBuilder>),
}

/// A value as it came; NULL; or why it cannot be had.
pub(super) type RawValue<'a> = Result<Option<&'a [u8]>, Misfit>;

impl ColumnBuilder {
    /// An empty column for `rows` values.
    pub(super) fn new(kind: ColumnType, rows: usize) -> Self {
        if kind.dimensions > 0 {
            return Self::List(Box::new(ListBuilder::new(kind, rows)));
        }
        Self::single(kind.wire, rows)
    }

    /// The elements of a list.
    pub(super) fn elements(wire: Wire) -> Self {
        match wire {
            Wire::Text => Self::PlainText(StringBuilder::new()),
            wire => Self::single(wire, 0),
        }
    }

    fn single(wire: Wire, rows: usize) -> Self {
        let kind = wire.arrow_type();
        match wire {
            Wire::Bool => Self::Bool(BooleanBuilder::with_capacity(rows)),
            Wire::Int2 => Self::Int2(primitive(rows, kind)),
            Wire::Int4 => Self::Int4(primitive(rows, kind)),
            Wire::Int8 => Self::Int8(primitive(rows, kind)),
            Wire::Float4 => Self::Float4(primitive(rows, kind)),
            Wire::Float8 => Self::Float8(primitive(rows, kind)),
            Wire::Double => Self::Double(primitive(rows, kind)),
            Wire::Numeric { precision, scale } if precision <= 38 => {
                Self::Decimal128(primitive(rows, kind), precision, scale)
            }
            Wire::Numeric { precision, scale } => Self::Decimal256(primitive(rows, kind), precision, scale),
            Wire::Text => Self::Text(StringViewBuilder::with_capacity(rows)),
            Wire::Bytea => Self::Bytea(BinaryBuilder::with_capacity(rows, rows.saturating_mul(12))),
            Wire::Timestamp | Wire::TimestampTz => Self::Timestamp(primitive(rows, kind)),
            Wire::Date => Self::Date(primitive(rows, kind)),
            Wire::Time => Self::Time(primitive(rows, kind)),
            Wire::Interval => Self::Interval(primitive(rows, kind)),
            Wire::Uuid => Self::Uuid(FixedSizeBinaryBuilder::with_capacity(rows, 16)),
        }
    }

    /// Adds values in their binary form. After a misfit those before it are there and those after it are not.
    pub(super) fn extend<'a>(&mut self, values: impl Iterator<Item = RawValue<'a>>) -> Result<(), Misfit> {
        match self {
            Self::Bool(b) => each(values, |raw| {
                b.append_option(raw.map(boolean).transpose()?);
                Ok(())
            }),
            Self::Int2(b) => numbers(b, values, |raw| Ok(i16::from_be_bytes(bytes(raw)?))),
            Self::Int4(b) => numbers(b, values, |raw| Ok(i32::from_be_bytes(bytes(raw)?))),
            Self::Int8(b) => numbers(b, values, |raw| Ok(i64::from_be_bytes(bytes(raw)?))),
            Self::Float4(b) => numbers(b, values, |raw| Ok(f32::from_be_bytes(bytes(raw)?))),
            Self::Float8(b) => numbers(b, values, |raw| Ok(f64::from_be_bytes(bytes(raw)?))),
            Self::Double(b) => numbers(b, values, double),
            Self::Decimal128(b, precision, scale) => {
                let (precision, scale) = (*precision, *scale);
                numbers(b, values, |raw| decimal128(raw, precision, scale))
            }
            Self::Decimal256(b, precision, scale) => {
                let (precision, scale) = (*precision, *scale);
                numbers(b, values, |raw| decimal256(raw, precision, scale))
            }
            Self::Text(b) => each(values, |raw| {
                b.append_option(raw.map(text).transpose()?);
                Ok(())
            }),
            Self::PlainText(b) => each(values, |raw| {
                b.append_option(raw.map(text).transpose()?);
                Ok(())
            }),
            Self::Bytea(b) => each(values, |raw| {
                b.append_option(raw);
                Ok(())
            }),
            Self::Timestamp(b) => numbers(b, values, timestamp),
            Self::Date(b) => numbers(b, values, date),
            Self::Time(b) => numbers(b, values, time),
            Self::Interval(b) => numbers(b, values, interval),
            Self::Uuid(b) => each(values, |raw| match raw {
                Some(raw) => b.append_value(raw).map_err(|_| Misfit::Malformed),
                None => {
                    b.append_null();
                    Ok(())
                }
            }),
            Self::List(b) => each(values, |raw| b.append(raw)),
        }
    }

    /// Adds one value in its binary form, or NULL. After a misfit the column is as it was.
    pub(super) fn append(&mut self, raw: Option<&[u8]>) -> Result<(), Misfit> {
        if let Self::List(b) = self {
            b.check(raw)?;
        }
        self.extend(std::iter::once(Ok(raw)))
    }

    /// The finished column.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Int2(b) => Arc::new(b.finish()),
            Self::Int4(b) => Arc::new(b.finish()),
            Self::Int8(b) => Arc::new(b.finish()),
            Self::Float4(b) => Arc::new(b.finish()),
            Self::Float8(b) | Self::Double(b) => Arc::new(b.finish()),
            Self::Decimal128(b, ..) => Arc::new(b.finish()),
            Self::Decimal256(b, ..) => Arc::new(b.finish()),
            Self::Text(b) => Arc::new(b.finish()),
            Self::PlainText(b) => Arc::new(b.finish()),
            Self::Bytea(b) => Arc::new(b.finish()),
            Self::Timestamp(b) => Arc::new(b.finish()),
            Self::Date(b) => Arc::new(b.finish()),
            Self::Time(b) => Arc::new(b.finish()),
            Self::Interval(b) => Arc::new(b.finish()),
            Self::Uuid(b) => Arc::new(b.finish()),
            Self::List(b) => b.finish(),
        }
    }
}

fn each<'a>(
    values: impl Iterator<Item = RawValue<'a>>,
    mut add: impl FnMut(Option<&'a [u8]>) -> Result<(), Misfit>,
) -> Result<(), Misfit> {
    for value in values {
        add(value?)?;
    }
    Ok(())
}

fn numbers<'a, T: ArrowPrimitiveType>(
    builder: &mut PrimitiveBuilder<T>,
    values: impl Iterator<Item = RawValue<'a>>,
    read: impl Fn(&'a [u8]) -> Result<T::Native, Misfit>,
) -> Result<(), Misfit> {
    for value in values {
        match value? {
            Some(raw) => builder.append_value(read(raw)?),
            None => builder.append_null(),
        }
    }
    Ok(())
}

fn primitive<T: ArrowPrimitiveType>(rows: usize, kind: DataType) -> PrimitiveBuilder<T> {
    PrimitiveBuilder::with_capacity(rows).with_data_type(kind)
}

/// A value of fixed width.
pub(super) fn bytes<const N: usize>(raw: &[u8]) -> Result<[u8; N], Misfit> {
    raw.try_into().map_err(|_| Misfit::Malformed)
}

fn text(raw: &[u8]) -> Result<&str, Misfit> {
    str::from_utf8(raw).map_err(|_| Misfit::NotUtf8)
}

fn boolean(raw: &[u8]) -> Result<bool, Misfit> {
    let [byte] = bytes(raw)?;
    Ok(byte != 0)
}

fn timestamp(raw: &[u8]) -> Result<i64, Misfit> {
    let micros = i64::from_be_bytes(bytes(raw)?);
    if micros == i64::MAX || micros == i64::MIN {
        return Err(Misfit::NotFinite);
    }
    let micros = micros.checked_add(EPOCH_MICROS).ok_or(Misfit::OutOfRange)?;
    if micros < FIRST_MICRO {
        Err(Misfit::BeforeChrist)
    } else {
        Ok(micros)
    }
}

fn date(raw: &[u8]) -> Result<i32, Misfit> {
    let days = i32::from_be_bytes(bytes(raw)?);
    if days == i32::MAX || days == i32::MIN {
        return Err(Misfit::NotFinite);
    }
    let days = days.checked_add(EPOCH_DAYS).ok_or(Misfit::OutOfRange)?;
    if days < FIRST_DAY {
        Err(Misfit::BeforeChrist)
    } else {
        Ok(days)
    }
}

/// Microseconds of the day; `24:00:00` exists at the server and not in Arrow.
fn time(raw: &[u8]) -> Result<i64, Misfit> {
    let micros = i64::from_be_bytes(bytes(raw)?);
    if (0..DAY_MICROS).contains(&micros) {
        Ok(micros)
    } else {
        Err(Misfit::OutOfRange)
    }
}

/// Microseconds, days, months in this order on the wire.
fn interval(raw: &[u8]) -> Result<IntervalMonthDayNano, Misfit> {
    let (micros, rest) = raw.split_first_chunk::<8>().ok_or(Misfit::Malformed)?;
    let (days, rest) = rest.split_first_chunk::<4>().ok_or(Misfit::Malformed)?;
    let nanos = i64::from_be_bytes(*micros)
        .checked_mul(1_000)
        .ok_or(Misfit::OutOfRange)?;
    let months = i32::from_be_bytes(bytes(rest)?);
    Ok(IntervalMonthDayNano::new(months, i32::from_be_bytes(*days), nanos))
}
