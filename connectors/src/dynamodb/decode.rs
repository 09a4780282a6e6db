//! How does the answer of a read become rows? One look finds the items, a second one reads each into the builders.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    fmt,
};

use arrow::array::ArrayRef;
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    builder::{Attribute, Builder},
    error::garbled,
    json_text,
    kind::Kind,
    table::{Column, Table},
};
use crate::error::Result;

/// The answer to a Scan or Query.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(rename = "Items", borrow, default)]
    pub items: Vec<&'a RawValue>,
    #[serde(rename = "LastEvaluatedKey", default)]
    pub last: Option<serde_json::Value>,
    #[serde(rename = "ConsumedCapacity")]
    consumed: Option<Consumed>,
}

/// The answer to a BatchGetItem.
#[derive(Deserialize)]
pub(super) struct Batch<'a> {
    #[serde(rename = "Responses", borrow, default)]
    pub responses: HashMap<Cow<'a, str>, Vec<&'a RawValue>>,
    #[serde(rename = "UnprocessedKeys", default)]
    pub unprocessed: serde_json::Map<String, serde_json::Value>,
    #[serde(rename = "ConsumedCapacity", default)]
    consumed: Vec<Consumed>,
}

#[derive(Deserialize)]
struct Consumed {
    #[serde(rename = "CapacityUnits", default)]
    units: f64,
}

impl<'a> Page<'a> {
    pub(super) fn of(answer: &'a [u8]) -> Result<Self> {
        serde_json::from_slice(answer).map_err(wrong)
    }

    pub(super) fn units(&self) -> f64 {
        self.consumed.as_ref().map_or(0.0, |consumed| consumed.units)
    }
}

impl<'a> Batch<'a> {
    pub(super) fn of(answer: &'a [u8]) -> Result<Self> {
        serde_json::from_slice(answer).map_err(wrong)
    }

    pub(super) fn units(&self) -> f64 {
        self.consumed.iter().map(|consumed| consumed.units).sum()
    }
}

/// Only where, never what: the text would quote an item.
fn wrong(error: serde_json::Error) -> crate::error::ConnectorError {
    garbled(format!(
        "no JSON as expected at line {}, column {}",
        error.line(),
        error.column()
    ))
}

/// What an item had for a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    Absent,
    /// A value that fits, or NULL.
    Fits,
    Misfit,
}

/// Reads items into columns.
pub(super) struct Decoder {
    names: HashMap<String, usize>,
    builders: Vec<Builder>,
    seen: Vec<Seen>,
    /// Columns of the attributes that are no columns of the table.
    others: Vec<usize>,
    /// Names of the table's columns.
    known: HashSet<String>,
    /// Attributes in the order of the first items, with their columns: most items have the same.
    order: Vec<(String, Option<usize>)>,
    rows: usize,
    bytes: usize,
}

impl Decoder {
    /// For these columns of a table.
    pub(super) fn new(columns: &[Column], table: &Table) -> Self {
        let attribute = |(at, column): (usize, &Column)| (column.kind != Kind::Item).then(|| (column.name.clone(), at));
        let others = |(at, column): (usize, &Column)| (column.kind == Kind::Item).then_some(at);
        Self {
            names: columns.iter().enumerate().filter_map(attribute).collect(),
            builders: columns.iter().map(|column| Builder::new(&column.kind)).collect(),
            seen: vec![Seen::Absent; columns.len()],
            others: columns.iter().enumerate().filter_map(others).collect(),
            known: table.columns.iter().map(|column| column.name.clone()).collect(),
            order: Vec::new(),
            rows: 0,
            bytes: 0,
        }
    }

    /// Adds an item, and tells what it had for each column.
    pub(super) fn append(&mut self, item: &RawValue) -> Result<&[Seen]> {
        self.seen.fill(Seen::Absent);
        let mut source = serde_json::Deserializer::from_str(item.get());
        (&mut source).deserialize_map(Item { decoder: self }).map_err(wrong)?;
        for at in &self.others {
            let (Some(Builder::Json(texts, _)), Some(seen)) = (self.builders.get_mut(*at), self.seen.get_mut(*at))
            else {
                continue;
            };
            texts.append_value(json_text::item(item.get(), &|name| !self.known.contains(name)).map_err(wrong)?);
            *seen = Seen::Fits;
        }
        for (builder, seen) in self.builders.iter_mut().zip(&self.seen) {
            if *seen == Seen::Absent {
                builder.append_null();
            }
        }
        self.rows += 1;
        self.bytes += item.get().len();
        Ok(&self.seen)
    }

    /// Rows so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of their JSON.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The columns and their rows; it begins anew.
    pub(super) fn take(&mut self) -> Result<(Vec<ArrayRef>, usize)> {
        self.bytes = 0;
        let columns = self.builders.iter_mut().map(Builder::finish).collect::<Result<_>>()?;
        Ok((columns, std::mem::take(&mut self.rows)))
    }

    /// The column of the attribute that comes at this place.
    fn column(&mut self, place: usize, name: &str) -> Option<usize> {
        match self.order.get(place) {
            Some((known, column)) if known == name => *column,
            Some(_) => self.names.get(name).copied(),
            None => {
                let column = self.names.get(name).copied();
                if place == self.order.len() && place < 256 {
                    self.order.push((name.to_owned(), column));
                }
                column
            }
        }
    }
}

/// One item.
struct Item<'a> {
    decoder: &'a mut Decoder,
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let decoder = self.decoder;
        let mut place = 0;
        while let Some(column) = map.next_key_seed(Name { decoder, place })? {
            place += 1;
            let Some(at) = column else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let (Some(builder), Some(seen)) = (decoder.builders.get_mut(at), decoder.seen.get_mut(at)) else {
                return Err(A::Error::custom("an attribute without a column"));
            };
            if *seen != Seen::Absent {
                return Err(A::Error::custom("an attribute twice"));
            }
            let mut misfit = false;
            map.next_value_seed(Attribute {
                builder,
                misfit: &mut misfit,
            })?;
            *seen = if misfit { Seen::Misfit } else { Seen::Fits };
        }
        Ok(())
    }
}

/// The name of an attribute.
struct Name<'a> {
    decoder: &'a mut Decoder,
    place: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an attribute")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.decoder.column(self.place, name))
    }
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{Array, AsArray, RecordBatch},
        datatypes::{Decimal128Type, Field, Int64Type, Schema},
    };

    use super::*;
    use crate::dynamodb::{kind::declared, table::Key};

    fn table() -> Table {
        Table {
            name: "t".to_owned(),
            key: Key {
                hash: "id".to_owned(),
                range: None,
            },
            indexes: Vec::new(),
            columns: columns(),
            items: 0,
            bytes: 0,
            units: None,
            consistent: false,
            lenient: false,
        }
    }

    fn columns() -> Vec<Column> {
        let text = "id bigint, t varchar, d decimal(5,2), l array(bigint), addr row(zip varchar, \"no\" bigint), m map(varchar, boolean), b varbinary";
        let mut columns: Vec<Column> = declared(text)
            .unwrap()
            .into_iter()
            .map(|(name, kind)| Column { name, kind })
            .collect();
        columns.push(Column {
            name: "any".to_owned(),
            kind: Kind::Json,
        });
        columns.push(Column {
            name: "whole".to_owned(),
            kind: Kind::Item,
        });
        columns
    }

    fn decoded(items: &str) -> (RecordBatch, Vec<Vec<Seen>>) {
        let columns = columns();
        let mut decoder = Decoder::new(&columns, &table());
        let answer = format!(
            r#"{{"Items":[{items}],"Count":1,"ConsumedCapacity":{{"CapacityUnits":0.5}},"LastEvaluatedKey":{{"id":{{"N":"1"}}}}}}"#
        );
        let page = Page::of(answer.as_bytes()).unwrap();
        assert!((page.units() - 0.5).abs() < 1e-9 && page.last.is_some());
        let seen = page
            .items
            .iter()
            .map(|item| decoder.append(item).unwrap().to_vec())
            .collect();
        let fields: Vec<Field> = columns
            .iter()
            .map(|column| Field::new(&column.name, column.kind.arrow_type(), true))
            .collect();
        let (arrays, _) = decoder.take().unwrap();
        (RecordBatch::try_new(Schema::new(fields).into(), arrays).unwrap(), seen)
    }

    #[test]
    fn items_of_other_orders_and_gaps_stand_in_their_columns() {
        let (batch, seen) = decoded(
            r#"{"id":{"N":"1"},"t":{"S":"a\"b"},"d":{"N":"1.5"},"extra":{"L":[{"S":"x"}]},"l":{"L":[{"N":"1"},{"NULL":true}]},
                "addr":{"M":{"no":{"N":"7"},"zip":{"S":"10115"},"new":{"S":"y"}}},"m":{"M":{"x":{"BOOL":true}}},"b":{"B":"AP8="},"any":{"N":"5"}},
               {"t":{"S":""},"id":{"N":"2"},"l":{"NS":["3","4"]},"addr":{"M":{}},"any":{"SS":["p"]}},
               {"l":{"L":[]},"id":{"N":"3"},"t":{"NULL":true},"addr":{"NULL":true}}"#,
        );
        assert!(seen.iter().flatten().all(|seen| *seen != Seen::Misfit));
        assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[1, 2, 3]);
        let texts = batch.column(1).as_string::<i32>();
        assert_eq!((texts.value(0), texts.value(1), texts.is_null(2)), ("a\"b", "", true));
        assert_eq!(batch.column(2).as_primitive::<Decimal128Type>().value(0), 150);
        let lists = batch.column(3).as_list::<i32>();
        assert_eq!(
            (lists.value_length(0), lists.value_length(1), lists.value_length(2)),
            (2, 2, 0)
        );
        assert!(lists.is_valid(2) && lists.value(0).is_null(1));
        let addresses = batch.column(4).as_struct();
        assert_eq!(addresses.column(0).as_string::<i32>().value(0), "10115");
        assert!(addresses.is_valid(1) && addresses.column(1).is_null(1) && addresses.is_null(2));
        assert_eq!(batch.column(5).as_map().value_length(0), 1);
        assert_eq!(batch.column(6).as_binary::<i32>().value(0), [0, 255]);
        let any = batch.column(7).as_string::<i32>();
        assert_eq!((any.value(0), any.value(1), any.is_null(2)), ("5", "[\"p\"]", true));
        // What has a column of its own may be hidden there, and is not told once more.
        let others = batch.column(8).as_string::<i32>();
        assert_eq!((others.value(0), others.value(2)), (r#"{"extra":["x"]}"#, "{}"));
        assert_eq!(seen[2][2], Seen::Absent);
    }

    #[test]
    fn what_does_not_fit_is_null_and_marked() {
        let (batch, seen) = decoded(
            r#"{"id":{"S":"1"},"t":{"N":"1"},"d":{"N":"1.555"},"l":{"L":[{"S":"x"}]},"addr":{"M":{"zip":{"N":"1"}}},"m":{"M":{"x":{"N":"1"}}},"b":{"S":"x"}},
               {"id":{"N":"4"}}"#,
        );
        assert_eq!(seen[0][..7], [Seen::Misfit; 7]);
        assert_eq!(seen[1][0], Seen::Fits);
        assert!(batch.column(0).is_null(0) && batch.column(0).is_valid(1));
    }

    #[test]
    fn broken_items_are_errors_that_quote_nothing() {
        let mut decoder = Decoder::new(&columns(), &table());
        for broken in [
            r#"{"id":{"N":"1"},"id":{"N":"2"}}"#,
            r#"{"t":{"S":"secret","N":"1"}}"#,
            r#"{"t":{"S":5}}"#,
            r#"{"t":{"Q":"secret"}}"#,
            r#"{"t":"secret"}"#,
        ] {
            let answer = format!(r#"{{"Items":[{broken}]}}"#);
            let page = Page::of(answer.as_bytes()).unwrap();
            let error = decoder.append(page.items[0]).unwrap_err();
            assert_eq!(error.kind(), crate::error::ConnectorErrorKind::Protocol);
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }
}
