//! How do values of Avro become arrays? One builder per type; unions of several types become JSON.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, Decimal256Builder, Float32Builder, Float64Builder,
        Int32Builder, Int64Builder, ListArray, MapArray, NullArray, NullBufferBuilder, StringBuilder, StructArray,
    },
    buffer::OffsetBuffer,
    compute::cast,
    datatypes::{DataType, Field, Fields, i256},
    error::ArrowError,
};

use super::{
    cursor::{Bad, Cursor},
    json,
    schema::{Node, entries},
};

/// Items of arrays without a byte of their own that one value may have.
pub(super) const MAX_EMPTY_ITEMS: u64 = 1 << 20;

/// Values of one type on their way into an array.
pub(super) enum Column {
    Null(usize),
    Boolean(BooleanBuilder),
    Int(Int32Builder, DataType),
    Long(Int64Builder, DataType),
    Float(Float32Builder),
    Double(Float64Builder),
    Bytes(BinaryBuilder),
    Text(StringBuilder),
    Decimal(Decimal128Builder, u8, i8),
    LongDecimal(Decimal256Builder, u8, i8),
    Struct(Vec<(String, Column)>, NullBufferBuilder),
    List(Nested),
    Map(Nested, StringBuilder, Field),
}

/// Offsets and values of lists.
pub(super) struct Nested {
    offsets: Vec<i32>,
    valid: NullBufferBuilder,
    values: Box<Column>,
    items: i32,
}

impl Nested {
    fn new(node: &Node) -> Self {
        Self {
            offsets: vec![0],
            valid: NullBufferBuilder::new(64),
            values: Box::new(Column::new(node)),
            items: 0,
        }
    }

    fn end(&mut self, valid: bool) {
        self.offsets.push(self.items);
        self.valid.append(valid);
    }

    /// Reads items until the block that has none.
    fn items(&mut self, node: &Node, from: &mut Cursor<'_>, keys: Option<&mut StringBuilder>) -> Result<(), Bad> {
        let mut keys = keys;
        let mut empty = 0;
        loop {
            let count = from.items()?;
            if count == 0 {
                self.end(true);
                return Ok(());
            }
            if node.is_empty() && keys.is_none() {
                empty += count;
                if empty > MAX_EMPTY_ITEMS {
                    return Err("a list has too many empty items");
                }
            }
            for _ in 0..count {
                if let Some(keys) = &mut keys {
                    keys.append_value(from.text()?);
                }
                self.values.read(node, from)?;
                self.items = self.items.checked_add(1).ok_or("a batch has too many items")?;
            }
        }
    }
}

impl Column {
    pub(super) fn new(node: &Node) -> Self {
        match node {
            Node::Null => Self::Null(0),
            Node::Boolean => Self::Boolean(BooleanBuilder::new()),
            Node::Int(data_type) => Self::Int(Int32Builder::new(), data_type.clone()),
            Node::Long(data_type) => Self::Long(Int64Builder::new(), data_type.clone()),
            Node::Float => Self::Float(Float32Builder::new()),
            Node::Double => Self::Double(Float64Builder::new()),
            Node::Bytes | Node::Fixed(_) => Self::Bytes(BinaryBuilder::new()),
            Node::Text | Node::Enum(_) | Node::Union(_) => Self::Text(StringBuilder::new()),
            Node::Decimal(_, precision, scale) if *precision <= 38 => {
                Self::Decimal(Decimal128Builder::new(), *precision, *scale)
            }
            Node::Decimal(_, precision, scale) => Self::LongDecimal(Decimal256Builder::new(), *precision, *scale),
            Node::Record(fields) => {
                let columns = fields.iter().map(|(name, node)| (name.clone(), Self::new(node)));
                Self::Struct(columns.collect(), NullBufferBuilder::new(64))
            }
            Node::Array(item) => Self::List(Nested::new(item)),
            Node::Map(value) => Self::Map(Nested::new(value), StringBuilder::new(), entries(value)),
            Node::Optional(_, inner) => Self::new(inner),
        }
    }

    /// Reads one value.
    pub(super) fn read(&mut self, node: &Node, from: &mut Cursor<'_>) -> Result<(), Bad> {
        match (self, node) {
            (column, Node::Optional(null, inner)) => match from.index()? {
                branch if branch == *null => {
                    column.append_null();
                    Ok(())
                }
                0 | 1 => column.read(inner, from),
                _ => Err("a union has no such branch"),
            },
            (Self::Text(to), Node::Union(branches)) => {
                let mut text = String::new();
                json::write(&mut text, &Node::Union(branches.clone()), from)?;
                to.append_option((text != "null").then_some(text));
                Ok(())
            }
            (Self::Struct(columns, valid), Node::Record(fields)) => {
                for ((_, column), (_, node)) in columns.iter_mut().zip(fields) {
                    column.read(node, from)?;
                }
                valid.append(true);
                Ok(())
            }
            (Self::List(nested), Node::Array(item)) => nested.items(item, from, None),
            (Self::Map(nested, keys, _), Node::Map(value)) => nested.items(value, from, Some(keys)),
            (column, node) => column.scalar(node, from),
        }
    }

    fn scalar(&mut self, node: &Node, from: &mut Cursor<'_>) -> Result<(), Bad> {
        match (self, node) {
            (Self::Null(count), Node::Null) => *count += 1,
            (Self::Boolean(to), Node::Boolean) => to.append_value(from.boolean()?),
            (Self::Int(to, _), Node::Int(_)) => to.append_value(from.int()?),
            (Self::Long(to, _), Node::Long(_)) => to.append_value(from.long()?),
            (Self::Float(to), Node::Float) => to.append_value(f32::from_le_bytes(from.array()?)),
            (Self::Double(to), Node::Double) => to.append_value(f64::from_le_bytes(from.array()?)),
            (Self::Bytes(to), Node::Bytes) => to.append_value(from.bytes()?),
            (Self::Bytes(to), Node::Fixed(size)) => to.append_value(from.take(*size)?),
            (Self::Text(to), Node::Text) => to.append_value(from.text()?),
            (Self::Text(to), Node::Enum(words)) => {
                let word = words.get(from.index()?);
                to.append_value(word.ok_or("an enum has no such symbol")?);
            }
            (Self::Decimal(to, precision, _), Node::Decimal(size, ..)) => {
                let number = unscaled(from, *size)?.to_i128().ok_or(TOO_LONG)?;
                if number.unsigned_abs() >= 10_u128.pow(u32::from(*precision)) {
                    return Err(TOO_LONG);
                }
                to.append_value(number);
            }
            (Self::LongDecimal(to, precision, _), Node::Decimal(size, ..)) => {
                let number = unscaled(from, *size)?;
                let bound = i256::from(10).checked_pow(u32::from(*precision)).ok_or(TOO_LONG)?;
                if number >= bound || number <= bound.wrapping_neg() {
                    return Err(TOO_LONG);
                }
                to.append_value(number);
            }
            _ => return Err("a column does not have its type"),
        }
        Ok(())
    }

    pub(super) fn append_null(&mut self) {
        match self {
            Self::Null(count) => *count += 1,
            Self::Boolean(to) => to.append_null(),
            Self::Int(to, _) => to.append_null(),
            Self::Long(to, _) => to.append_null(),
            Self::Float(to) => to.append_null(),
            Self::Double(to) => to.append_null(),
            Self::Bytes(to) => to.append_null(),
            Self::Text(to) => to.append_null(),
            Self::Decimal(to, ..) => to.append_null(),
            Self::LongDecimal(to, ..) => to.append_null(),
            Self::Struct(columns, valid) => {
                columns.iter_mut().for_each(|(_, column)| column.append_null());
                valid.append(false);
            }
            Self::List(nested) | Self::Map(nested, ..) => nested.end(false),
        }
    }

    /// The values so far.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Null(count) => Arc::new(NullArray::new(std::mem::take(count))),
            Self::Boolean(values) => Arc::new(values.finish()),
            Self::Int(values, data_type) => return cast(&values.finish(), data_type),
            Self::Long(values, data_type) => return cast(&values.finish(), data_type),
            Self::Float(values) => Arc::new(values.finish()),
            Self::Double(values) => Arc::new(values.finish()),
            Self::Bytes(values) => Arc::new(values.finish()),
            Self::Text(values) => Arc::new(values.finish()),
            Self::Decimal(values, precision, scale) => {
                Arc::new(values.finish().with_precision_and_scale(*precision, *scale)?)
            }
            Self::LongDecimal(values, precision, scale) => {
                Arc::new(values.finish().with_precision_and_scale(*precision, *scale)?)
            }
            Self::Struct(columns, valid) => {
                let length = valid.len();
                let nulls = valid.finish();
                let mut arrays = Vec::with_capacity(columns.len());
                let mut fields = Vec::with_capacity(columns.len());
                for (name, column) in columns {
                    let array = column.finish()?;
                    fields.push(Field::new(name.as_str(), array.data_type().clone(), true));
                    arrays.push(array);
                }
                let fields = Fields::from(fields);
                Arc::new(StructArray::try_new_with_length(fields, arrays, nulls, length)?)
            }
            Self::List(nested) => {
                let (offsets, nulls, values) = nested.finish()?;
                let field = Arc::new(Field::new("item", values.data_type().clone(), true));
                Arc::new(ListArray::try_new(field, offsets, values, nulls)?)
            }
            Self::Map(nested, keys, field) => {
                let (offsets, nulls, values) = nested.finish()?;
                let DataType::Struct(members) = field.data_type() else {
                    return Err(ArrowError::SchemaError("a map without entries".to_owned()));
                };
                let pairs = StructArray::try_new(members.clone(), vec![Arc::new(keys.finish()), values], None)?;
                Arc::new(MapArray::try_new(
                    Arc::new(field.clone()),
                    offsets,
                    pairs,
                    nulls,
                    false,
                )?)
            }
        })
    }
}

type Parts = (OffsetBuffer<i32>, Option<arrow::buffer::NullBuffer>, ArrayRef);

impl Nested {
    fn finish(&mut self) -> Result<Parts, ArrowError> {
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        self.items = 0;
        Ok((
            OffsetBuffer::new(offsets.into()),
            self.valid.finish(),
            self.values.finish()?,
        ))
    }
}

const TOO_LONG: Bad = "a decimal has more digits than its type";

/// Two's complement, big-endian.
pub(super) fn unscaled(from: &mut Cursor<'_>, size: Option<usize>) -> Result<i256, Bad> {
    let bytes = match size {
        Some(size) => from.take(size)?,
        None => from.bytes()?,
    };
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let mut whole = [fill; 32];
    let surplus = bytes.len().saturating_sub(32);
    let (extra, kept) = bytes.split_at(surplus);
    if extra.iter().any(|byte| *byte != fill)
        || (surplus > 0 && kept.first().is_some_and(|byte| (byte & 0x80 != 0) != negative))
    {
        return Err(TOO_LONG);
    }
    if let Some(place) = whole.get_mut(32 - kept.len()..) {
        place.copy_from_slice(kept);
    }
    Ok(i256::from_be_bytes(whole))
}
