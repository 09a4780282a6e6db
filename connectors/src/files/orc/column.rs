//! How do streams of ORC become arrays? A decoder per type, and the bits that say which rows have a value.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int8Array, Int64Array,
        ListArray, MapArray, StringArray, StructArray, TimestampMicrosecondArray,
    },
    buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer},
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, Field, FieldRef, Fields},
    error::ArrowError,
};

use super::{
    decimals::Decimals,
    moment::Clock,
    runs::{Integers, RunBits, RunBytes},
    schema::{Kind, Node, entries},
    stream::{Stream, bad},
    stripe::{Streams, kind},
    texts::Texts,
};
use crate::{
    error::{ConnectorError, Result},
    files::calendar,
};

/// Items that the lists of one batch may have together.
const MAX_ITEMS: usize = 32 << 20;

/// The values of one type in a stripe, read from front to back.
pub(super) struct Column {
    /// `None`: every row has a value.
    valid: Option<RunBits>,
    values: Values,
}

enum Values {
    Bits(RunBits),
    Bytes(RunBytes),
    Integers(Integers, DataType),
    /// Days, of the Julian calendar before 1582 where so told.
    Days(Integers, bool),
    Float(Stream),
    Double(Stream),
    Text(Texts),
    Binary(Texts),
    Moment(Integers, Integers, Clock, DataType),
    Decimal(Decimals),
    List(Integers, Box<Column>, FieldRef),
    Map(Integers, Box<Column>, Box<Column>, Field),
    Struct(Vec<Column>, Fields),
}

impl Column {
    pub(super) fn new(node: &Node, from: &mut Streams) -> Result<Self> {
        let column = node.column;
        let valid = from.find(column, kind::PRESENT).map(RunBits::new);
        let second = from.second(column);
        let integers = |stream, signed| Integers::new(stream, second, signed);
        let values = match &node.kind {
            Kind::Boolean => Values::Bits(RunBits::new(from.stream(column, kind::DATA))),
            Kind::Byte => Values::Bytes(RunBytes::new(from.stream(column, kind::DATA))),
            Kind::Integer(DataType::Date32) => {
                Values::Days(integers(from.stream(column, kind::DATA), true), from.calendar().julian)
            }
            Kind::Integer(data_type) => {
                Values::Integers(integers(from.stream(column, kind::DATA), true), data_type.clone())
            }
            Kind::Float => Values::Float(from.stream(column, kind::DATA)),
            Kind::Double => Values::Double(from.stream(column, kind::DATA)),
            Kind::Text => Values::Text(Texts::new(column, from)?),
            Kind::Binary => Values::Binary(Texts::new(column, from)?),
            Kind::Timestamp | Kind::Instant => {
                let clock = match node.kind {
                    Kind::Instant => Clock::utc(),
                    _ => Clock::of(from.zone())?,
                };
                let clock = clock.by(from.calendar());
                let seconds = integers(from.stream(column, kind::DATA), true);
                let nanos = integers(from.stream(column, kind::SECONDARY), false);
                Values::Moment(seconds, nanos, clock, node.data_type())
            }
            Kind::Decimal(precision, scale) => Values::Decimal(Decimals::new(column, from, *precision, *scale)),
            Kind::List(item) => {
                let lengths = integers(from.stream(column, kind::LENGTH), false);
                let field = Arc::new(Field::new("item", item.data_type(), true));
                Values::List(lengths, Box::new(Self::new(item, from)?), field)
            }
            Kind::Map(key, value) => {
                let lengths = integers(from.stream(column, kind::LENGTH), false);
                let (keys, values) = (Self::new(key, from)?, Self::new(value, from)?);
                Values::Map(lengths, Box::new(keys), Box::new(values), entries(key, value))
            }
            Kind::Struct(members) => {
                let columns = members.iter().map(|(_, node)| Self::new(node, from));
                let columns = columns.collect::<Result<Vec<_>>>()?;
                let fields = members
                    .iter()
                    .map(|(name, node)| Field::new(name, node.data_type(), true));
                Values::Struct(columns, fields.collect())
            }
            Kind::Unread(what) => return Err(ConnectorError::unsupported(format!("{what} of an ORC file"))),
        };
        Ok(Self { valid, values })
    }

    /// The next rows, those included that the parent does not have.
    pub(super) fn read(&mut self, rows: usize, parent: Option<&NullBuffer>) -> Result<ArrayRef> {
        let nulls = self.nulls(rows, parent)?;
        let has = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        match &mut self.values {
            Values::Bits(bits) => {
                let found = each(rows, has, || bits.next())?;
                Ok(Arc::new(BooleanArray::new(BooleanBuffer::from(found), nulls)))
            }
            Values::Bytes(bytes) => {
                let found = each(rows, has, || bytes.next().map(u8::cast_signed))?;
                Ok(Arc::new(Int8Array::new(found.into(), nulls)))
            }
            Values::Integers(integers, data_type) => {
                let found = each(rows, has, || integers.next())?;
                narrowed(Int64Array::new(found.into(), nulls), data_type)
            }
            Values::Days(days, julian) => {
                let day = |stored: i64| if *julian { calendar::day(stored) } else { stored };
                let found = each(rows, has, || days.next().map(day))?;
                narrowed(Int64Array::new(found.into(), nulls), &DataType::Date32)
            }
            Values::Float(stream) => {
                let found = each(rows, has, || stream.array().map(f32::from_le_bytes))?;
                Ok(Arc::new(Float32Array::new(found.into(), nulls)))
            }
            Values::Double(stream) => {
                let found = each(rows, has, || stream.array().map(f64::from_le_bytes))?;
                Ok(Arc::new(Float64Array::new(found.into(), nulls)))
            }
            Values::Text(texts) => {
                let (offsets, bytes) = texts.read(rows, has)?;
                let array = StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls);
                Ok(Arc::new(
                    array.map_err(|error| bad("a text is no UTF-8").with_source(error))?,
                ))
            }
            Values::Binary(texts) => {
                let (offsets, bytes) = texts.read(rows, has)?;
                Ok(Arc::new(
                    BinaryArray::try_new(offsets, Buffer::from_vec(bytes), nulls).map_err(misfit)?,
                ))
            }
            Values::Moment(seconds, nanos, clock, data_type) => {
                let found = each(rows, has, || clock.micros(seconds.next()?, nanos.next()?))?;
                let array = TimestampMicrosecondArray::new(found.into(), nulls);
                Ok(Arc::new(array.with_data_type(data_type.clone())))
            }
            Values::Decimal(decimals) => {
                let found = each(rows, has, || decimals.next())?;
                let array = Decimal128Array::new(found.into(), nulls);
                let array = array.with_precision_and_scale(decimals.precision, decimals.scale);
                Ok(Arc::new(array.map_err(misfit)?))
            }
            Values::List(lengths, item, field) => {
                let (offsets, items) = offsets(lengths, rows, has)?;
                let values = item.read(items, None)?;
                let array = ListArray::try_new(Arc::clone(field), offsets, values, nulls);
                Ok(Arc::new(array.map_err(misfit)?))
            }
            Values::Map(lengths, key, value, field) => {
                let (offsets, items) = offsets(lengths, rows, has)?;
                let columns = vec![key.read(items, None)?, value.read(items, None)?];
                let DataType::Struct(members) = field.data_type() else {
                    return Err(bad("a map without entries"));
                };
                let pairs = StructArray::try_new(members.clone(), columns, None).map_err(misfit)?;
                let array = MapArray::try_new(Arc::new(field.clone()), offsets, pairs, nulls, false);
                Ok(Arc::new(array.map_err(misfit)?))
            }
            Values::Struct(members, fields) => {
                let columns = members.iter_mut().map(|member| member.read(rows, nulls.as_ref()));
                let columns = columns.collect::<Result<Vec<_>>>()?;
                let array = StructArray::try_new_with_length(fields.clone(), columns, nulls, rows);
                Ok(Arc::new(array.map_err(misfit)?))
            }
        }
    }

    fn nulls(&mut self, rows: usize, parent: Option<&NullBuffer>) -> Result<Option<NullBuffer>> {
        let Some(valid) = &mut self.valid else {
            return Ok(parent.cloned());
        };
        let has = |row: usize| parent.is_none_or(|parent| parent.is_valid(row));
        let found = each(rows, has, || valid.next())?;
        Ok(Some(NullBuffer::from(found)))
    }
}

/// A value per row; rows without one have the type's own.
fn each<T: Default>(rows: usize, has: impl Fn(usize) -> bool, mut next: impl FnMut() -> Result<T>) -> Result<Vec<T>> {
    let mut found = Vec::with_capacity(rows.min(1 << 16));
    for row in 0..rows {
        found.push(if has(row) { next()? } else { T::default() });
    }
    Ok(found)
}

/// Where the items of each list end, and how many there are.
fn offsets(lengths: &mut Integers, rows: usize, has: impl Fn(usize) -> bool) -> Result<(OffsetBuffer<i32>, usize)> {
    let mut ends = vec![0_i32];
    let mut items = 0_usize;
    for row in 0..rows {
        if has(row) {
            items = items.saturating_add(lengths.length()?);
            if items > MAX_ITEMS {
                return Err(bad("its lists have too many items"));
            }
        }
        ends.push(i32::try_from(items).unwrap_or(i32::MAX));
    }
    Ok((OffsetBuffer::new(ends.into()), items))
}

/// Values of a narrower type; days are numbers, too.
fn narrowed(values: Int64Array, data_type: &DataType) -> Result<ArrayRef> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let cast = |values: &ArrayRef, to: &DataType| {
        cast_with_options(values, to, &options)
            .map_err(|error| bad("a number does not fit its type").with_source(error))
    };
    let values: ArrayRef = Arc::new(values);
    match data_type {
        DataType::Int64 => Ok(values),
        DataType::Date32 => cast(&cast(&values, &DataType::Int32)?, data_type),
        other => cast(&values, other),
    }
}

fn misfit(error: ArrowError) -> ConnectorError {
    bad("its values do not fit together").with_source(error)
}
