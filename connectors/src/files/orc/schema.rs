//! What types do the columns of an ORC file have? The tree of its footer, checked.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

use super::messages::{Attribute, Type};
use crate::error::{ConnectorError, Result};

/// Levels of types in types.
const MAX_DEPTH: usize = 64;

/// One type of the tree.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its number in the footer.
    pub(super) column: u32,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Boolean,
    /// Of one byte.
    Byte,
    /// 16, 32 or 64 bits, days, or microseconds.
    Integer(DataType),
    Float,
    Double,
    Text,
    Binary,
    /// As the clock on the writer's wall showed it.
    Timestamp,
    Instant,
    Decimal(u8, i8),
    List(Box<Node>),
    Map(Box<Node>, Box<Node>),
    Struct(Vec<(String, Node)>),
    /// Not read: the columns beside it are.
    Unread(&'static str),
}

/// The columns of a file.
///
/// # Errors
/// `NOT_SUPPORTED` for a root that is no struct and for files of transactional tables; `CORRUPT_FILE`.
pub(super) fn columns(types: &[Type]) -> Result<Vec<(String, Node)>> {
    let Kind::Struct(columns) = node(types, 0, 0)?.kind else {
        return Err(ConnectorError::unsupported("an ORC file whose rows are no structs"));
    };
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    if names.starts_with(&[
        "operation",
        "originalTransaction",
        "bucket",
        "rowId",
        "currentTransaction",
    ]) {
        return Err(ConnectorError::unsupported(
            "a file of a transactional (ACID) table of Hive",
        ));
    }
    Ok(columns)
}

fn bad(why: &str) -> ConnectorError {
    ConnectorError::corrupt_file("").with_detail(why)
}

fn node(types: &[Type], column: u32, depth: usize) -> Result<Node> {
    let place = usize::try_from(column).unwrap_or(usize::MAX);
    let found = types.get(place).ok_or_else(|| bad("a type is missing"))?;
    if depth > MAX_DEPTH || found.subtypes.iter().any(|child| *child <= column) {
        return Err(bad("its types are no tree"));
    }
    let child = |at: usize| {
        let child = found.subtypes.get(at).ok_or_else(|| bad("a type is missing"))?;
        node(types, *child, depth + 1)
    };
    let kind = match found.kind {
        0 => Kind::Boolean,
        1 => Kind::Byte,
        2 => Kind::Integer(DataType::Int16),
        3 => Kind::Integer(DataType::Int32),
        // How Spark writes moments without a zone: as microseconds since 1970.
        4 if found.attributes.iter().any(is_moment) => Kind::Integer(DataType::Timestamp(TimeUnit::Microsecond, None)),
        4 => Kind::Integer(DataType::Int64),
        5 => Kind::Float,
        6 => Kind::Double,
        7 | 16 | 17 => Kind::Text,
        8 => Kind::Binary,
        9 => Kind::Timestamp,
        18 => Kind::Instant,
        10 => Kind::List(Box::new(child(0)?)),
        11 => Kind::Map(Box::new(child(0)?), Box::new(child(1)?)),
        12 => {
            if found.names.len() != found.subtypes.len() {
                return Err(bad("a struct does not name its members"));
            }
            let members = found.names.iter().enumerate();
            Kind::Struct(
                members
                    .map(|(at, name)| Ok((name.clone(), child(at)?)))
                    .collect::<Result<_>>()?,
            )
        }
        13 => Kind::Unread("uniontype"),
        14 => decimal(found),
        15 => Kind::Integer(DataType::Date32),
        _ => Kind::Unread("a type that is not known"),
    };
    Ok(Node { column, kind })
}

fn is_moment(attribute: &Attribute) -> bool {
    (attribute.key.as_str(), attribute.value.as_str()) == ("spark.sql.catalyst.type", "timestamp_ntz")
}

/// The first writers knew neither precision nor scale of a decimal.
fn decimal(found: &Type) -> Kind {
    let (precision, scale) = match found.precision {
        0 => (38, 18),
        _ => (found.precision, found.scale),
    };
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision), Ok(scale)) if precision <= 38 && scale.unsigned_abs() <= precision => {
            Kind::Decimal(precision, scale)
        }
        _ => Kind::Unread("a decimal of more than 38 digits"),
    }
}

impl Node {
    /// The type that its values are read as; what is not read is NULL, and refused before it is looked at.
    pub(super) fn data_type(&self) -> DataType {
        match &self.kind {
            Kind::Boolean => DataType::Boolean,
            Kind::Byte => DataType::Int8,
            Kind::Integer(data_type) => data_type.clone(),
            Kind::Float => DataType::Float32,
            Kind::Double => DataType::Float64,
            Kind::Text => DataType::Utf8,
            Kind::Binary => DataType::Binary,
            Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Kind::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Kind::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            Kind::List(item) => DataType::new_list(item.data_type(), true),
            Kind::Map(key, value) => DataType::Map(Arc::new(entries(key, value)), false),
            Kind::Struct(members) => DataType::Struct(
                members
                    .iter()
                    .map(|(name, node)| Field::new(name, node.data_type(), true))
                    .collect::<Fields>(),
            ),
            Kind::Unread(_) => DataType::Null,
        }
    }

    /// What in it is not read.
    pub(super) fn unread(&self) -> Option<&'static str> {
        match &self.kind {
            Kind::Unread(what) => Some(what),
            Kind::List(item) => item.unread(),
            Kind::Map(key, value) => key.unread().or_else(|| value.unread()),
            Kind::Struct(members) => members.iter().find_map(|(_, node)| node.unread()),
            _ => None,
        }
    }

    /// It and all types in it.
    pub(super) fn each(&self, to: &mut dyn FnMut(u32)) {
        to(self.column);
        match &self.kind {
            Kind::List(item) => item.each(to),
            Kind::Map(key, value) => {
                key.each(to);
                value.each(to);
            }
            Kind::Struct(members) => members.iter().for_each(|(_, node)| node.each(to)),
            _ => {}
        }
    }
}

/// Key and value of a map.
pub(super) fn entries(key: &Node, value: &Node) -> Field {
    let members = vec![
        Field::new("key", key.data_type(), false),
        Field::new("value", value.data_type(), true),
    ];
    Field::new("entries", DataType::Struct(members.into()), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: u32, subtypes: &[u32]) -> Type {
        Type {
            kind,
            subtypes: subtypes.to_vec(),
            names: if kind == 12 {
                subtypes.iter().map(|child| format!("c{child}")).collect()
            } else {
                vec![]
            },
            ..Type::default()
        }
    }

    #[test]
    fn only_trees_below_a_struct_are_read() {
        let good = [of(12, &[1, 3]), of(10, &[2]), of(3, &[]), of(14, &[])];
        let columns = columns(&good).expect("columns");
        let types: Vec<DataType> = columns.iter().map(|(_, node)| node.data_type()).collect();
        // engine-gaps §7: decimals without precision.
        assert_eq!(
            types,
            [DataType::new_list(DataType::Int32, true), DataType::Decimal128(38, 18)]
        );
        for (types, code) in [
            (vec![of(4, &[])], "NOT_SUPPORTED"),
            (vec![], "CORRUPT_FILE"),
            (vec![of(12, &[0])], "CORRUPT_FILE"),
            (vec![of(12, &[1]), of(10, &[1])], "CORRUPT_FILE"),
            (vec![of(12, &[9])], "CORRUPT_FILE"),
            (vec![of(12, &[1]), of(10, &[])], "CORRUPT_FILE"),
        ] {
            assert_eq!(super::columns(&types).expect_err("refused").code(), code, "{types:?}");
        }
        let union = [of(12, &[1, 2]), of(13, &[]), of(4, &[])];
        let columns = super::columns(&union).expect("columns");
        assert_eq!(
            (columns[0].1.unread(), columns[1].1.unread()),
            (Some("uniontype"), None)
        );
    }
}
