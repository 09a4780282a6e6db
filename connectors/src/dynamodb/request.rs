//! What is asked in one piece of a scan? The bodies of Scan, Query and BatchGetItem.

use serde_json::{Map, Value, json};

use super::{
    expression::Terms,
    keys::{KeyValue, Sort},
    kind::Kind,
    literal,
    table::{Key, Table},
};

/// Keys of one BatchGetItem.
pub(super) const BATCH: usize = 100;

/// One piece.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// A segment of so many.
    Segment(usize, usize),
    /// A value of the hash attribute.
    Query(KeyValue),
    /// Full keys, no two alike.
    Get(Vec<KeyValue>),
}

impl Work {
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Segment(..) => "Scan",
            Self::Query(_) => "Query",
            Self::Get(_) => "BatchGetItem",
        }
    }
}

/// What all pieces of a scan have in common.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub table: String,
    pub index: Option<String>,
    pub key: Key,
    /// Kinds of the key's attributes.
    pub hash_kind: Kind,
    pub range_kind: Option<Kind>,
    pub terms: Terms,
    pub projection: Option<String>,
    pub filter: Option<String>,
    pub consistent: bool,
    /// Items that a page evaluates, at most.
    pub page: Option<u64>,
}

impl Template {
    /// The body of a piece, where it goes on after `last`; `None`: a key cannot be written.
    pub(super) fn body(&self, work: &Work, last: Option<&Value>) -> Option<Value> {
        let mut body = Map::new();
        body.insert("ReturnConsumedCapacity".to_owned(), "INDEXES".into());
        let mut terms = self.terms.clone();
        match work {
            Work::Get(keys) => {
                let keys = keys.iter().map(|key| self.key_of(key)).collect::<Option<Vec<_>>>()?;
                let mut request = Map::new();
                request.insert("Keys".to_owned(), Value::Array(keys));
                request.insert("ConsistentRead".to_owned(), self.consistent.into());
                if let Some(projection) = &self.projection {
                    request.insert("ProjectionExpression".to_owned(), projection.as_str().into());
                    terms.write(&mut request);
                }
                body.insert("RequestItems".to_owned(), json!({self.table.as_str(): request}));
                return Some(Value::Object(body));
            }
            Work::Segment(segment, segments) => {
                if *segments > 1 {
                    body.insert("Segment".to_owned(), (*segment).into());
                    body.insert("TotalSegments".to_owned(), (*segments).into());
                }
            }
            Work::Query(key) => {
                let condition = self.condition(key, &mut terms)?;
                body.insert("KeyConditionExpression".to_owned(), condition.into());
            }
        }
        body.insert("TableName".to_owned(), self.table.as_str().into());
        let optional = [
            ("IndexName", self.index.as_deref()),
            ("ProjectionExpression", self.projection.as_deref()),
            ("FilterExpression", self.filter.as_deref()),
        ];
        for (name, text) in optional {
            if let Some(text) = text {
                body.insert(name.to_owned(), text.into());
            }
        }
        if self.consistent {
            body.insert("ConsistentRead".to_owned(), true.into());
        }
        if let Some(page) = self.page {
            body.insert("Limit".to_owned(), page.into());
        }
        if let Some(last) = last {
            body.insert("ExclusiveStartKey".to_owned(), last.clone());
        }
        terms.write(&mut body);
        Some(Value::Object(body))
    }

    fn key_of(&self, key: &KeyValue) -> Option<Value> {
        let mut attributes = Map::new();
        attributes.insert(self.key.hash.clone(), literal::attribute(&self.hash_kind, &key.hash)?);
        if let (Some(range), Some(kind)) = (&self.key.range, &self.range_kind) {
            let Sort::Is(value) = &key.sort else { return None };
            attributes.insert(range.clone(), literal::attribute(kind, value)?);
        }
        Some(Value::Object(attributes))
    }

    fn condition(&self, key: &KeyValue, terms: &mut Terms) -> Option<String> {
        let hash = terms.name(&self.key.hash);
        let value = terms.value(literal::attribute(&self.hash_kind, &key.hash)?);
        let mut text = format!("{hash} = {value}");
        if key.sort == Sort::Any {
            return Some(text);
        }
        let range = terms.name(self.key.range.as_ref()?);
        let kind = self.range_kind.as_ref()?;
        let mut place = |value: &datafusion::common::ScalarValue| Some(terms.value(literal::attribute(kind, value)?));
        let sort = match &key.sort {
            Sort::Any => return Some(text),
            Sort::Is(value) => format!("{range} = {}", place(value)?),
            Sort::From(value, true) => format!("{range} >= {}", place(value)?),
            Sort::From(value, false) => format!("{range} > {}", place(value)?),
            Sort::To(value, true) => format!("{range} <= {}", place(value)?),
            Sort::To(value, false) => format!("{range} < {}", place(value)?),
            Sort::Between(low, high) => format!("{range} BETWEEN {} AND {}", place(low)?, place(high)?),
            Sort::Prefix(prefix) if *kind == Kind::Text => {
                format!("begins_with({range}, {})", place(&prefix.as_str().into())?)
            }
            Sort::Prefix(_) => return None,
        };
        text.push_str(" AND ");
        text.push_str(&sort);
        Some(text)
    }

    /// The same without any literal, for people.
    pub(super) fn shown(&self, operation: &str, key: Option<&Sort>) -> String {
        let names = |text: &str| {
            let mut out = String::new();
            let mut rest = text;
            while let Some(at) = rest.find([':']) {
                out.push_str(rest.get(..at).unwrap_or_default());
                let tail = rest.get(at + 1..).unwrap_or_default();
                rest = tail.trim_start_matches(|c: char| c.is_ascii_digit());
                out.push('?');
            }
            out + rest
        };
        let mut text = operation.to_owned();
        if let Some(sort) = key {
            let range = self.key.range.as_deref().unwrap_or_default();
            text.push_str(&format!(" {} = ?", self.key.hash));
            match sort {
                Sort::Any => {}
                Sort::Is(_) => text.push_str(&format!(" AND {range} = ?")),
                Sort::From(..) | Sort::To(..) | Sort::Between(..) | Sort::Prefix(_) => {
                    text.push_str(&format!(" AND {range} in a range"));
                }
            }
        }
        if let Some(filter) = &self.filter {
            text.push_str(&format!(" FILTER {}", names(&self.terms.named(filter))));
        }
        text
    }
}

/// Kind of a key's attribute.
pub(super) fn kind_of(table: &Table, attribute: &str) -> Option<Kind> {
    table
        .columns
        .iter()
        .find(|column| column.name == attribute)
        .map(|column| column.kind.clone())
}
