//! Which Arrow type does an attribute have, and which comparisons on it are DynamoDB's as well?
//!
//! | declared | DynamoDB | Arrow |
//! |---|---|---|
//! | `varchar` | S | Utf8 |
//! | `bigint`, `integer` | N, whole and within | Int64, Int32 |
//! | `decimal(p,s)` | N, exactly | Decimal128 |
//! | `double` | N, rounded | Float64 |
//! | `boolean`, `varbinary` | BOOL, B | Boolean, Binary |
//! | `date`, `timestamp(6)`, `… with time zone` | S as `2026-01-31`, `2026-01-31T10:00:00Z` | Date32, Timestamp(µs) |
//! | `array(t)` | L, SS, NS, BS | List |
//! | `row(…)`, `map(varchar, t)` | M | Struct, Map |
//!
//! Inference also finds numbers that fit no decimal (their text), and attributes of several types (JSON text).

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::{capability::OperatorClass, type_name::parse_type};

/// How the values of an attribute are read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) enum Kind {
    Text,
    Integer,
    SmallInteger,
    Decimal(u8, i8),
    Double,
    /// A number as its text.
    NumberText,
    Boolean,
    Binary,
    Date,
    Timestamp {
        zone: bool,
    },
    /// Whatever it is, as JSON.
    Json,
    List(Box<Kind>),
    Struct(Vec<(String, Kind)>),
    Map(Box<Kind>),
    /// All attributes of the item that have no column, as JSON.
    Item,
}

impl Kind {
    /// The Arrow type.
    pub(super) fn arrow_type(&self) -> DataType {
        match self {
            Self::Text | Self::NumberText | Self::Json | Self::Item => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::SmallInteger => DataType::Int32,
            Self::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Self::Double => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp { zone } => DataType::Timestamp(TimeUnit::Microsecond, zone.then(|| "UTC".into())),
            Self::List(item) => DataType::List(Arc::new(Field::new_list_field(item.arrow_type(), true))),
            Self::Struct(fields) => DataType::Struct(struct_fields(fields)),
            Self::Map(value) => DataType::Map(Arc::new(entries(value)), false),
        }
    }

    /// As DynamoDB and people call it.
    pub(super) fn remote_type(&self) -> &'static str {
        match self {
            Self::Text | Self::Date | Self::Timestamp { .. } => "S",
            Self::Integer | Self::SmallInteger | Self::Decimal(..) | Self::Double | Self::NumberText => "N",
            Self::Boolean => "BOOL",
            Self::Binary => "B",
            Self::Json => "any",
            Self::List(_) => "L",
            Self::Struct(_) | Self::Map(_) => "M",
            Self::Item => "item",
        }
    }

    /// Has an operator of DynamoDB on it the engine's outcome, wherever the value fits?
    pub(super) fn compares(&self, operator: OperatorClass) -> bool {
        use OperatorClass::{Equality, Like, LikePrefix, Null, Range};
        match (self, operator) {
            (Self::Item, _) | (_, Like) => false,
            (_, Null) => true,
            (Self::Text, Equality | Range | LikePrefix) => true,
            (Self::Integer | Self::SmallInteger | Self::Decimal(..) | Self::Binary, Equality | Range) => true,
            (Self::Boolean, Equality) => true,
            _ => false,
        }
    }

    /// Of a declared type; the error says which are possible.
    fn of(data_type: &DataType) -> Result<Self, String> {
        Ok(match data_type {
            DataType::Utf8 => Self::Text,
            DataType::Int64 => Self::Integer,
            DataType::Int32 => Self::SmallInteger,
            DataType::Decimal128(precision, scale) => Self::Decimal(*precision, *scale),
            DataType::Float64 => Self::Double,
            DataType::Boolean => Self::Boolean,
            DataType::Binary => Self::Binary,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(TimeUnit::Microsecond, zone) => Self::Timestamp { zone: zone.is_some() },
            DataType::List(item) => Self::List(Box::new(Self::of(item.data_type())?)),
            DataType::Struct(fields) => {
                let field = |field: &Arc<Field>| Ok((field.name().clone(), Self::of(field.data_type())?));
                Self::Struct(fields.iter().map(field).collect::<Result<_, String>>()?)
            }
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(pair) => match pair.as_ref() {
                    [key, value] if *key.data_type() == DataType::Utf8 => {
                        Self::Map(Box::new(Self::of(value.data_type())?))
                    }
                    _ => return Err("keys of maps are `varchar`".to_owned()),
                },
                _ => return Err(POSSIBLE.to_owned()),
            },
            _ => return Err(POSSIBLE.to_owned()),
        })
    }
}

const POSSIBLE: &str = "an attribute is `varchar`, `bigint`, `integer`, `decimal(p,s)`, `double`, `boolean`, `varbinary`, `date`, \
    `timestamp(6)`, `timestamp(6) with time zone`, `array(…)`, `map(varchar, …)` or `row(…)`";

/// The fields of a struct.
pub(super) fn struct_fields(fields: &[(String, Kind)]) -> Fields {
    let field = |(name, kind): &(String, Kind)| Field::new(name, kind.arrow_type(), true);
    fields.iter().map(field).collect()
}

/// The entries of a map.
pub(super) fn entries(value: &Kind) -> Field {
    let pair = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", value.arrow_type(), true),
    ]);
    Field::new("entries", DataType::Struct(pair), false)
}

/// The columns of `id varchar, total decimal(12,2)`.
pub(super) fn declared(text: &str) -> Result<Vec<(String, Kind)>, String> {
    let row = parse_type(&format!("row({text})")).map_err(|why| why.replace(&format!("row({text})"), text))?;
    match Kind::of(&row)? {
        Kind::Struct(columns) => Ok(columns),
        _ => Err("must be `name type, name type, …`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_columns_keep_their_spelling() {
        let columns = declared(
            "Id varchar, \"a b\" decimal(12,2), tags array(varchar), addr row(zip bigint), m map(varchar, double)",
        );
        let expected = [
            ("Id", Kind::Text),
            ("a b", Kind::Decimal(12, 2)),
            ("tags", Kind::List(Box::new(Kind::Text))),
            ("addr", Kind::Struct(vec![("zip".to_owned(), Kind::Integer)])),
            ("m", Kind::Map(Box::new(Kind::Double))),
        ];
        assert_eq!(columns.unwrap(), expected.map(|(name, kind)| (name.to_owned(), kind)));
        for wrong in [
            "",
            "id",
            "id real",
            "id bigint) , (x",
            "id bigint, ID varchar",
            "m map(bigint, bigint)",
            "t time(6)",
        ] {
            assert!(declared(wrong).is_err(), "{wrong}");
        }
    }
}
