//! How do attributes become Arrow columns? Each is read from the stream straight into the builder of its column.
//!
//! A value that does not fit becomes NULL and is marked: what that means is decided by the reader of the item.

use std::{fmt, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BinaryBuilder, BooleanBufferBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
        Float64Builder, Int32Builder, Int64Builder, ListArray, MapArray, StringBuilder, StructArray,
        TimestampMicrosecondBuilder,
    },
    buffer::{NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::{DataType, Field, FieldRef, Fields, TimeUnit},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    json_text::{Tag, TagSeed, Tagged},
    kind::{Kind, entries, struct_fields},
    number,
};
use crate::error::{ConnectorError, ConnectorErrorKind, Result as ConnectorResult};

/// The column that is being filled.
pub(super) enum Builder {
    Text(StringBuilder),
    Integer(Int64Builder),
    SmallInteger(Int32Builder),
    Decimal(Decimal128Builder, u8, i8),
    Double(Float64Builder),
    NumberText(StringBuilder),
    Boolean(BooleanBuilder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder, bool),
    Json(StringBuilder, String),
    List(Box<Builder>, FieldRef, Spans),
    Struct(Vec<(String, Builder)>, Fields, BooleanBufferBuilder),
    Map(StringBuilder, Box<Builder>, FieldRef, Spans),
}

/// Where the rows of a list begin and end, and which are there.
pub(super) struct Spans {
    ends: Vec<i32>,
    valid: BooleanBufferBuilder,
}

impl Spans {
    fn new() -> Self {
        Self {
            ends: vec![0],
            valid: BooleanBufferBuilder::new(0),
        }
    }

    fn end(&mut self, at: usize, valid: bool) {
        // A batch holds far fewer bytes than an offset can count.
        self.ends.push(i32::try_from(at).unwrap_or(i32::MAX));
        self.valid.append(valid);
    }

    fn finish(&mut self) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        (OffsetBuffer::new(ScalarBuffer::from(ends)), nulls(&mut self.valid))
    }
}

fn nulls(valid: &mut BooleanBufferBuilder) -> Option<NullBuffer> {
    let nulls = NullBuffer::new(valid.finish());
    (nulls.null_count() > 0).then_some(nulls)
}

impl Builder {
    /// For values of this kind.
    pub(super) fn new(kind: &Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::SmallInteger => Self::SmallInteger(Int32Builder::new()),
            Kind::Decimal(precision, scale) => {
                let data_type = DataType::Decimal128(*precision, *scale);
                Self::Decimal(Decimal128Builder::new().with_data_type(data_type), *precision, *scale)
            }
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::NumberText => Self::NumberText(StringBuilder::new()),
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Binary => Self::Binary(BinaryBuilder::new()),
            Kind::Date => Self::Date(Date32Builder::new()),
            Kind::Timestamp { zone } => {
                let data_type = DataType::Timestamp(TimeUnit::Microsecond, zone.then(|| "UTC".into()));
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_data_type(data_type), *zone)
            }
            Kind::Json | Kind::Item => Self::Json(StringBuilder::new(), String::new()),
            Kind::List(item) => {
                let field = Arc::new(Field::new_list_field(item.arrow_type(), true));
                Self::List(Box::new(Self::new(item)), field, Spans::new())
            }
            Kind::Struct(fields) => {
                let children = fields.iter().map(|(name, kind)| (name.clone(), Self::new(kind)));
                Self::Struct(children.collect(), struct_fields(fields), BooleanBufferBuilder::new(0))
            }
            Kind::Map(value) => Self::Map(
                StringBuilder::new(),
                Box::new(Self::new(value)),
                Arc::new(entries(value)),
                Spans::new(),
            ),
        }
    }

    /// Rows so far.
    pub(super) fn len(&self) -> usize {
        use arrow::array::ArrayBuilder;
        match self {
            Self::Text(builder) | Self::NumberText(builder) | Self::Json(builder, _) => builder.len(),
            Self::Integer(builder) => builder.len(),
            Self::SmallInteger(builder) => builder.len(),
            Self::Decimal(builder, ..) => builder.len(),
            Self::Double(builder) => builder.len(),
            Self::Boolean(builder) => builder.len(),
            Self::Binary(builder) => builder.len(),
            Self::Date(builder) => builder.len(),
            Self::Timestamp(builder, _) => builder.len(),
            Self::List(_, _, spans) | Self::Map(_, _, _, spans) => spans.valid.len(),
            Self::Struct(_, _, valid) => valid.len(),
        }
    }

    pub(super) fn append_null(&mut self) {
        match self {
            Self::Text(builder) | Self::NumberText(builder) | Self::Json(builder, _) => builder.append_null(),
            Self::Integer(builder) => builder.append_null(),
            Self::SmallInteger(builder) => builder.append_null(),
            Self::Decimal(builder, ..) => builder.append_null(),
            Self::Double(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
            Self::Binary(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder, _) => builder.append_null(),
            Self::List(item, _, spans) => spans.end(item.len(), false),
            Self::Map(_, values, _, spans) => spans.end(values.len(), false),
            Self::Struct(children, _, valid) => {
                children.iter_mut().for_each(|(_, child)| child.append_null());
                valid.append(false);
            }
        }
    }

    /// The column, which begins anew.
    pub(super) fn finish(&mut self) -> ConnectorResult<ArrayRef> {
        Ok(match self {
            Self::Text(builder) | Self::NumberText(builder) | Self::Json(builder, _) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::SmallInteger(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder, ..) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Binary(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder, _) => Arc::new(builder.finish()),
            Self::List(item, field, spans) => {
                let (offsets, valid) = spans.finish();
                Arc::new(ListArray::try_new(Arc::clone(field), offsets, item.finish()?, valid)?)
            }
            Self::Struct(children, fields, valid) => {
                let columns = children.iter_mut().map(|(_, child)| child.finish());
                let columns = columns.collect::<ConnectorResult<Vec<_>>>()?;
                Arc::new(StructArray::try_new(fields.clone(), columns, nulls(valid))?)
            }
            Self::Map(keys, values, field, spans) => {
                let DataType::Struct(pair) = field.data_type() else {
                    return Err(ConnectorError::new(
                        ConnectorErrorKind::Internal,
                        "a map without entries",
                    ));
                };
                let (offsets, valid) = spans.finish();
                let columns = vec![Arc::new(keys.finish()) as ArrayRef, values.finish()?];
                let pairs = StructArray::try_new(pair.clone(), columns, None)?;
                Arc::new(MapArray::try_new(Arc::clone(field), offsets, pairs, valid, false)?)
            }
        })
    }

    /// Adds a value whose text this is; false: it does not fit, and is NULL.
    fn append_text(&mut self, tag: Tag, text: &str) -> bool {
        let fits = match (&mut *self, tag) {
            (Self::Text(builder), Tag::S) | (Self::NumberText(builder), Tag::N) => {
                builder.append_value(text);
                Some(())
            }
            (Self::Integer(builder), Tag::N) => number::integer(text).map(|value| builder.append_value(value)),
            (Self::SmallInteger(builder), Tag::N) => number::integer(text)
                .and_then(|value| i32::try_from(value).ok())
                .map(|value| builder.append_value(value)),
            (Self::Decimal(builder, precision, scale), Tag::N) => {
                number::decimal(text, *precision, *scale).map(|value| builder.append_value(value))
            }
            (Self::Double(builder), Tag::N) => text.parse().ok().map(|value| builder.append_value(value)),
            (Self::Binary(builder), Tag::B) => STANDARD.decode(text).ok().map(|bytes| builder.append_value(bytes)),
            (Self::Date(builder), Tag::S) => date(text).map(|days| builder.append_value(days)),
            (Self::Timestamp(builder, zone), Tag::S) => {
                timestamp(text, *zone).map(|micros| builder.append_value(micros))
            }
            _ => None,
        };
        if fits.is_none() {
            self.append_null();
        }
        fits.is_some()
    }
}

/// `2026-01-31` and nothing else.
fn date(text: &str) -> Option<i32> {
    let exact = text.len() == 10 && !text.starts_with(['+', '-']);
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| exact)?;
    i32::try_from(day.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

/// `2026-01-31T10:00:00.5Z`, or the same without a zone; no digits below the microsecond.
fn timestamp(text: &str, zone: bool) -> Option<i64> {
    let nanos = if zone {
        let moment = DateTime::parse_from_rfc3339(text).ok()?;
        (moment.timestamp_micros(), moment.timestamp_subsec_nanos())
    } else {
        let moment = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
            .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
            .ok()?
            .and_utc();
        (moment.timestamp_micros(), moment.timestamp_subsec_nanos())
    };
    (nanos.1 % 1_000 == 0).then_some(nanos.0)
}

/// Reads one attribute, `{"S": "…"}`, into a builder.
pub(super) struct Attribute<'a> {
    pub builder: &'a mut Builder,
    pub misfit: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Attribute<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Attribute<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let tag = map
            .next_key_seed(TagSeed)?
            .ok_or_else(|| A::Error::custom("an attribute without a type"))?;
        let Self { builder, misfit } = self;
        match (&mut *builder, tag) {
            (builder, Tag::Null) => {
                map.next_value::<IgnoredAny>()?;
                builder.append_null();
            }
            (Builder::Json(texts, text), tag) => {
                text.clear();
                map.next_value_seed(Tagged { out: text, tag })?;
                texts.append_value(&text);
            }
            (Builder::Boolean(values), Tag::Bool) => values.append_value(map.next_value()?),
            (builder, Tag::S | Tag::N | Tag::B) => map.next_value_seed(Bare { builder, tag, misfit })?,
            (Builder::List(item, _, spans), Tag::L) => {
                map.next_value_seed(Elements { item, of: None, misfit })?;
                spans.end(item.len(), true);
            }
            (Builder::List(item, _, spans), Tag::Set(of)) => {
                map.next_value_seed(Elements {
                    item,
                    of: Some(of.element()),
                    misfit,
                })?;
                spans.end(item.len(), true);
            }
            (Builder::Struct(children, _, valid), Tag::M) => {
                map.next_value_seed(Members {
                    children,
                    row: valid.len(),
                    misfit,
                })?;
                valid.append(true);
            }
            (Builder::Map(keys, values, _, spans), Tag::M) => {
                map.next_value_seed(Pairs { keys, values, misfit })?;
                spans.end(values.len(), true);
            }
            (builder, _) => {
                map.next_value::<IgnoredAny>()?;
                builder.append_null();
                *misfit = true;
            }
        }
        match map.next_key::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom("an attribute of two types")),
        }
    }
}

/// A text without its type around it.
struct Bare<'a> {
    builder: &'a mut Builder,
    tag: Tag,
    misfit: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Bare<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Bare<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        *self.misfit |= !self.builder.append_text(self.tag, text);
        Ok(())
    }
}

/// The elements of a list, or of a set of texts of one type.
struct Elements<'a> {
    item: &'a mut Builder,
    of: Option<Tag>,
    misfit: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let Self { item, of, misfit } = self;
        loop {
            let more = match of {
                None => sequence.next_element_seed(Attribute { builder: item, misfit })?,
                Some(tag) => match &mut *item {
                    // Elements of mixed lists are JSON; those of sets are written alike.
                    Builder::Json(texts, text) => {
                        text.clear();
                        let more = sequence.next_element_seed(Tagged { out: text, tag })?;
                        if more.is_some() {
                            texts.append_value(&text);
                        }
                        more
                    }
                    item => sequence.next_element_seed(Bare {
                        builder: item,
                        tag,
                        misfit,
                    })?,
                },
            };
            if more.is_none() {
                return Ok(());
            }
        }
    }
}

/// The members of a map that is a struct.
struct Members<'a> {
    children: &'a mut Vec<(String, Builder)>,
    row: usize,
    misfit: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let row = self.row;
            let child = self
                .children
                .iter_mut()
                .find(|(known, child)| *known == *name && child.len() == row);
            match child {
                Some((_, builder)) => map.next_value_seed(Attribute {
                    builder,
                    misfit: self.misfit,
                })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        for (_, child) in self.children.iter_mut().filter(|(_, child)| child.len() == self.row) {
            child.append_null();
        }
        Ok(())
    }
}

/// The members of a map that is one.
struct Pairs<'a> {
    keys: &'a mut StringBuilder,
    values: &'a mut Builder,
    misfit: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Pairs<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pairs<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            self.keys.append_value(name);
            map.next_value_seed(Attribute {
                builder: self.values,
                misfit: self.misfit,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_exact_or_refused() {
        assert_eq!(date("1970-01-02"), Some(1));
        for wrong in ["1970-1-2", "1970-01-02Z", "+1970-01-2", "1970-02-30", ""] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
        assert_eq!(timestamp("1970-01-01T00:00:01.5Z", true), Some(1_500_000));
        assert_eq!(timestamp("1970-01-01T02:00:00+02:00", true), Some(0));
        assert_eq!(timestamp("1970-01-01 00:00:01", false), Some(1_000_000));
        assert_eq!(timestamp("1970-01-01T00:00:00", true), None);
        assert_eq!(timestamp("1970-01-01T00:00:00Z", false), None);
        assert_eq!(timestamp("1970-01-01T00:00:00.0000001Z", true), None);
    }
}
