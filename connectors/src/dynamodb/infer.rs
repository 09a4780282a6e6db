//! Which columns has a table whose columns nobody declared? Those of a sample, merged so that every value of it fits.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{kind::Kind, number::Width, table::Column};

/// Columns of one table, at most: the most frequent attributes.
const MAX_COLUMNS: usize = 1_000;
/// A map with more keys than these, few of which are in most of its values, holds data in its keys.
const STRUCT_KEYS: usize = 64;
/// Digits of a decimal.
const DIGITS: u32 = 38;

/// What the values of an attribute have in common.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    /// Nothing is known.
    Nothing,
    Text,
    Number(Width),
    Boolean,
    Binary,
    List(Box<Shape>),
    Map {
        fields: BTreeMap<String, (usize, Shape)>,
        values: usize,
    },
    Mixed,
}

/// What a sample shows.
#[derive(Debug, Default)]
pub(super) struct Sample {
    items: usize,
    attributes: BTreeMap<String, (usize, Shape)>,
}

/// What was found, and what of it has no column.
#[derive(Debug)]
pub(super) struct Inferred {
    pub columns: Vec<Column>,
    /// Attributes that differ from another one in case alone, or are too many.
    pub left_out: Vec<String>,
}

impl Sample {
    /// Adds an item of DynamoDB's JSON.
    pub(super) fn add(&mut self, item: &Map<String, Value>) {
        self.items += 1;
        for (name, attribute) in item {
            let (seen, shape) = self.attributes.entry(name.clone()).or_insert((0, Shape::Nothing));
            *seen += 1;
            let known = std::mem::replace(shape, Shape::Nothing);
            *shape = known.merge(Shape::of(attribute));
        }
    }

    /// The columns: `keys` first, then by name. Keys have the types that the table says.
    pub(super) fn columns(self, keys: &[(String, Kind)]) -> Inferred {
        let mut left_out = Vec::new();
        let mut columns: Vec<Column> = keys
            .iter()
            .map(|(name, kind)| {
                let found = self.attributes.get(name).and_then(|(_, shape)| shape.kind());
                // An empty table tells nothing of its numbers.
                let kind = found
                    .filter(|found| found.remote_type() == kind.remote_type())
                    .unwrap_or_else(|| kind.clone());
                Column {
                    name: name.clone(),
                    kind,
                }
            })
            .collect();
        let mut others: Vec<(&String, usize, Kind)> = self
            .attributes
            .iter()
            .filter(|(name, _)| !keys.iter().any(|(key, _)| key == *name))
            .filter_map(|(name, (seen, shape))| Some((name, *seen, shape.kind()?)))
            .collect();
        others.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(right.0)));
        let mut taken: std::collections::HashSet<String> = keys.iter().map(|(name, _)| name.to_lowercase()).collect();
        let mut found = Vec::new();
        for (name, _, kind) in others {
            let free = columns.len() + found.len() < MAX_COLUMNS && taken.insert(name.to_lowercase());
            if free {
                found.push(Column {
                    name: name.clone(),
                    kind,
                });
            } else {
                left_out.push(name.clone());
            }
        }
        found.sort_by(|left, right| left.name.cmp(&right.name));
        columns.extend(found);
        Inferred { columns, left_out }
    }
}

impl Shape {
    fn of(attribute: &Value) -> Self {
        let Some((tag, value)) = attribute.as_object().and_then(|object| object.iter().next()) else {
            return Self::Mixed;
        };
        let list = |of: fn(&Value) -> Self| {
            let elements = value.as_array().into_iter().flatten().map(of);
            Self::List(Box::new(elements.fold(Self::Nothing, Self::merge)))
        };
        match tag.as_str() {
            "NULL" => Self::Nothing,
            "S" => Self::Text,
            "N" => Self::number(value),
            "BOOL" => Self::Boolean,
            "B" => Self::Binary,
            "L" => list(Self::of),
            "SS" => list(|_| Self::Text),
            "NS" => list(Self::number),
            "BS" => list(|_| Self::Binary),
            "M" => {
                let members = value.as_object().into_iter().flatten();
                Self::Map {
                    fields: members
                        .map(|(name, member)| (name.clone(), (1, Self::of(member))))
                        .collect(),
                    values: 1,
                }
            }
            _ => Self::Mixed,
        }
    }

    fn number(value: &Value) -> Self {
        value.as_str().and_then(Width::of).map_or(Self::Mixed, Self::Number)
    }

    fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, shape) | (shape, Self::Nothing) => shape,
            (Self::Number(left), Self::Number(right)) => Self::Number(Width {
                whole: left.whole.max(right.whole),
                fraction: left.fraction.max(right.fraction),
            }),
            (Self::List(left), Self::List(right)) => Self::List(Box::new(left.merge(*right))),
            (
                Self::Map { mut fields, values },
                Self::Map {
                    fields: more,
                    values: count,
                },
            ) => {
                for (name, (seen, shape)) in more {
                    let (known, old) = fields.remove(&name).unwrap_or((0, Self::Nothing));
                    fields.insert(name, (known + seen, old.merge(shape)));
                }
                Self::Map {
                    fields,
                    values: values + count,
                }
            }
            (left, right) if left == right => left,
            _ => Self::Mixed,
        }
    }

    /// `None`: only NULL was seen.
    fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Nothing => return None,
            Self::Text => Kind::Text,
            Self::Boolean => Kind::Boolean,
            Self::Binary => Kind::Binary,
            Self::Mixed => Kind::Json,
            // All integers of 18 digits are within 64 bits.
            Self::Number(Width { whole, fraction: 0 }) if *whole <= 18 => Kind::Integer,
            Self::Number(Width { whole, fraction }) if whole + fraction <= DIGITS => {
                Kind::Decimal(38, i8::try_from(*fraction).unwrap_or(0))
            }
            Self::Number(_) => Kind::NumberText,
            Self::List(element) => Kind::List(Box::new(element.kind().unwrap_or(Kind::Json))),
            Self::Map { fields, values } => Self::map(fields, *values),
        })
    }

    fn map(fields: &BTreeMap<String, (usize, Self)>, values: usize) -> Kind {
        let seen: usize = fields.values().map(|(seen, _)| seen).sum();
        let scattered = fields.len() > STRUCT_KEYS && seen * 4 < fields.len() * values;
        let mut names = std::collections::HashSet::new();
        let distinct = fields.keys().all(|name| names.insert(name.to_lowercase()));
        let known = fields
            .iter()
            .filter_map(|(name, (_, shape))| Some((name.clone(), shape.kind()?)));
        let known: Vec<(String, Kind)> = known.collect();
        if scattered || !distinct || known.is_empty() {
            let value = fields
                .values()
                .fold(Self::Nothing, |all, (_, shape)| all.merge(shape.clone()));
            return Kind::Map(Box::new(value.kind().unwrap_or(Kind::Json)));
        }
        Kind::Struct(known)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn inferred(items: &[Value]) -> Vec<(String, Kind)> {
        let mut sample = Sample::default();
        for item in items {
            sample.add(item.as_object().unwrap());
        }
        let found = sample.columns(&[("id".to_owned(), Kind::Integer)]);
        found
            .columns
            .into_iter()
            .map(|column| (column.name, column.kind))
            .collect()
    }

    fn one(values: &[Value]) -> Kind {
        let items: Vec<Value> = values
            .iter()
            .map(|value| json!({"id": {"N": "1"}, "x": value}))
            .collect();
        inferred(&items).pop().map(|(_, kind)| kind).unwrap()
    }

    #[test]
    fn shapes_are_merged_so_that_all_fits() {
        let (n, s) = (|text: &str| json!({"N": text}), |text: &str| json!({"S": text}));
        assert_eq!(one(&[n("1"), n("-20")]), Kind::Integer);
        assert_eq!(one(&[n("1"), n("2.125")]), Kind::Decimal(38, 3));
        assert_eq!(one(&[n("12345678901234567890")]), Kind::Decimal(38, 0));
        assert_eq!(one(&[n("1E+40")]), Kind::NumberText);
        assert_eq!(one(&[n("1E+30"), n("1E-10")]), Kind::NumberText);
        assert_eq!(one(&[s("a"), json!({"NULL": true})]), Kind::Text);
        assert_eq!(one(&[s("a"), n("1")]), Kind::Json);
        assert_eq!(
            one(&[json!({"SS": ["a"]}), json!({"L": [s("b")]})]),
            Kind::List(Box::new(Kind::Text))
        );
        assert_eq!(one(&[json!({"L": []})]), Kind::List(Box::new(Kind::Json)));
        assert_eq!(one(&[json!({"L": [s("b"), n("1")]})]), Kind::List(Box::new(Kind::Json)));
        let map = one(&[json!({"M": {"a": n("1")}}), json!({"M": {"b": s("x"), "a": n("2.5")}})]);
        assert_eq!(
            map,
            Kind::Struct(vec![
                ("a".to_owned(), Kind::Decimal(38, 1)),
                ("b".to_owned(), Kind::Text)
            ])
        );
        assert_eq!(one(&[json!({"M": {}})]), Kind::Map(Box::new(Kind::Json)));
        assert_eq!(
            one(&[json!({"M": {"a": n("1"), "A": n("2")}})]),
            Kind::Map(Box::new(Kind::Integer))
        );
    }

    #[test]
    fn keys_that_look_like_data_make_a_map() {
        let values: Vec<Value> = (0..100)
            .map(|day| json!({"M": {format!("day-{day}"): {"N": "1"}}}))
            .collect();
        assert_eq!(one(&values), Kind::Map(Box::new(Kind::Integer)));
    }

    #[test]
    fn keys_stand_first_and_names_that_differ_in_case_once() {
        let mut sample = Sample::default();
        for item in [
            json!({"b": {"S": ""}, "id": {"N": "1"}, "Note": {"S": ""}}),
            json!({"id": {"N": "2"}, "note": {"S": ""}, "a": {"NULL": true}, "Note": {"S": ""}}),
        ] {
            sample.add(item.as_object().unwrap());
        }
        let found = sample.columns(&[("id".to_owned(), Kind::Integer), ("at".to_owned(), Kind::Text)]);
        let names: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "at", "Note", "b"]);
        assert_eq!(found.left_out, ["note"]);
    }
}
