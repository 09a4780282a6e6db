//! What does the schema of an Avro file say? Names are resolved as the specification has it (1.12, "Names"): by the namespace
//! that encloses them. Recursive types are refused.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use serde_json::Value;

use crate::error::{ConnectorError, Result};

/// Types in a schema, those behind names counted wherever they stand.
const MAX_TYPES: usize = 10_000;

/// Levels of types in types.
const MAX_DEPTH: usize = 64;

/// One type.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    /// As it is stored, and what it means.
    Int(DataType),
    Long(DataType),
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    /// Unscaled; `None`: the length is stored.
    Decimal(Option<usize>, u8, i8),
    Enum(Vec<String>),
    Record(Vec<(String, Node)>),
    Array(Box<Node>),
    Map(Box<Node>),
    /// NULL at this branch, or the other one.
    Optional(usize, Box<Node>),
    /// Anything else of several types: read as JSON.
    Union(Vec<Node>),
}

/// The columns of a file.
///
/// # Errors
/// `CORRUPT_FILE` for what is no schema; `NOT_SUPPORTED` for a top level that is no record, and for recursive types.
pub(super) fn columns(text: &[u8]) -> Result<Vec<(String, Node)>> {
    let json: Value = serde_json::from_slice(text).map_err(|error| bad("it is no JSON").with_source(error))?;
    let mut parser = Parser::default();
    match parser.node(&json, "", 0)? {
        Node::Record(columns) => Ok(columns),
        _ => Err(ConnectorError::unsupported("an Avro file whose rows are no records")),
    }
}

fn bad(why: &str) -> ConnectorError {
    ConnectorError::corrupt_file("").with_detail(format!("bad schema of Avro: {why}"))
}

#[derive(Default)]
struct Parser {
    /// Definitions by full name, and the namespace in which each stands.
    named: HashMap<String, (Value, String)>,
    /// Full names of the definitions that are read now.
    open: Vec<String>,
    types: usize,
}

impl Parser {
    fn node(&mut self, json: &Value, namespace: &str, depth: usize) -> Result<Node> {
        self.types += 1;
        if self.types > MAX_TYPES || depth > MAX_DEPTH {
            return Err(ConnectorError::unsupported("an Avro schema of this size"));
        }
        match json {
            Value::String(name) => self.reference(name, namespace, depth),
            Value::Array(branches) => self.union(branches, namespace, depth),
            Value::Object(_) => match json.get("type") {
                Some(Value::String(kind)) => self.complex(json, kind, namespace, depth),
                Some(inner @ (Value::Object(_) | Value::Array(_))) => self.node(inner, namespace, depth + 1),
                _ => Err(bad("a type has no `type`")),
            },
            _ => Err(bad("a type is neither name, list nor object")),
        }
    }

    fn reference(&mut self, name: &str, namespace: &str, depth: usize) -> Result<Node> {
        if let Some(node) = primitive(name, &Value::Null) {
            return Ok(node);
        }
        let full = full_name(name, namespace);
        let found = self.named.get(&full).or_else(|| self.named.get(name)).cloned();
        let Some((json, namespace)) = found else {
            return Err(bad(&format!("`{full}` is not defined")));
        };
        self.node(&json, &namespace, depth + 1)
    }

    fn union(&mut self, branches: &[Value], namespace: &str, depth: usize) -> Result<Node> {
        let nodes = branches.iter().map(|branch| self.node(branch, namespace, depth + 1));
        let mut nodes = nodes.collect::<Result<Vec<Node>>>()?;
        match nodes.as_slice() {
            [] => Err(bad("a union has no branches")),
            [Node::Null, _] => Ok(Node::Optional(0, Box::new(nodes.remove(1)))),
            [_, Node::Null] => Ok(Node::Optional(1, Box::new(nodes.remove(0)))),
            _ => Ok(Node::Union(nodes)),
        }
    }

    fn complex(&mut self, json: &Value, kind: &str, namespace: &str, depth: usize) -> Result<Node> {
        match kind {
            "array" | "map" => {
                let part = if kind == "array" { "items" } else { "values" };
                let inner = json
                    .get(part)
                    .ok_or_else(|| bad(&format!("`{kind}` has no `{part}`")))?;
                let inner = Box::new(self.node(inner, namespace, depth + 1)?);
                Ok(if kind == "array" {
                    Node::Array(inner)
                } else {
                    Node::Map(inner)
                })
            }
            "record" | "error" | "enum" | "fixed" => self.definition(json, kind, namespace, depth),
            _ => match primitive(kind, json) {
                Some(node) => Ok(node),
                None => self.reference(kind, namespace, depth),
            },
        }
    }

    fn definition(&mut self, json: &Value, kind: &str, namespace: &str, depth: usize) -> Result<Node> {
        let text = |key: &str| json.get(key).and_then(Value::as_str);
        let name = text("name").ok_or_else(|| bad("a named type has no name"))?;
        let own = text("namespace").unwrap_or(namespace);
        let full = full_name(name, own);
        let within = full.rsplit_once('.').map_or("", |(space, _)| space).to_owned();
        if self.open.contains(&full) {
            return Err(ConnectorError::unsupported(format!("the recursive Avro type `{full}`")));
        }
        self.named.insert(full.clone(), (json.clone(), namespace.to_owned()));
        match kind {
            "enum" => {
                let symbols = json.get("symbols").and_then(Value::as_array);
                let symbols = symbols.ok_or_else(|| bad("an enum has no symbols"))?;
                let words = symbols.iter().filter_map(Value::as_str).map(str::to_owned);
                Ok(Node::Enum(words.collect()))
            }
            "fixed" => {
                let size = json.get("size").and_then(Value::as_u64);
                let size = size.and_then(|size| usize::try_from(size).ok());
                fixed(json, size.ok_or_else(|| bad("a fixed type has no size"))?)
            }
            _ => {
                self.open.push(full);
                let columns = self.fields(json, &within, depth)?;
                self.open.pop();
                Ok(Node::Record(columns))
            }
        }
    }

    fn fields(&mut self, json: &Value, namespace: &str, depth: usize) -> Result<Vec<(String, Node)>> {
        let fields = json.get("fields").and_then(Value::as_array);
        let fields = fields.ok_or_else(|| bad("a record has no fields"))?;
        let field = |field: &Value| {
            let name = field.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| bad("a field has no name"))?.to_owned();
            let inner = field.get("type").ok_or_else(|| bad("a field has no type"))?;
            Ok((name, self.node(inner, namespace, depth + 1)?))
        };
        fields.iter().map(field).collect()
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

fn primitive(kind: &str, json: &Value) -> Option<Node> {
    let logical = json.get("logicalType").and_then(Value::as_str).unwrap_or_default();
    let utc = || Some("UTC".into());
    Some(match (kind, logical) {
        ("null", _) => Node::Null,
        ("boolean", _) => Node::Boolean,
        ("int", "date") => Node::Int(DataType::Date32),
        ("int", "time-millis") => Node::Int(DataType::Time32(TimeUnit::Millisecond)),
        ("int", _) => Node::Int(DataType::Int32),
        ("long", "time-micros") => Node::Long(DataType::Time64(TimeUnit::Microsecond)),
        ("long", "timestamp-millis") => Node::Long(DataType::Timestamp(TimeUnit::Millisecond, utc())),
        ("long", "timestamp-micros") => Node::Long(DataType::Timestamp(TimeUnit::Microsecond, utc())),
        ("long", "timestamp-nanos") => Node::Long(DataType::Timestamp(TimeUnit::Nanosecond, utc())),
        ("long", "local-timestamp-millis") => Node::Long(DataType::Timestamp(TimeUnit::Millisecond, None)),
        ("long", "local-timestamp-micros") => Node::Long(DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("long", "local-timestamp-nanos") => Node::Long(DataType::Timestamp(TimeUnit::Nanosecond, None)),
        ("long", _) => Node::Long(DataType::Int64),
        ("float", _) => Node::Float,
        ("double", _) => Node::Double,
        ("bytes", "decimal") => decimal(json, None).unwrap_or(Node::Bytes),
        ("bytes", _) => Node::Bytes,
        ("string", _) => Node::Text,
        _ => return None,
    })
}

fn fixed(json: &Value, size: usize) -> Result<Node> {
    if size == 0 || size > 1 << 24 {
        return Err(bad("a fixed type has no usual size"));
    }
    let is_decimal = json.get("logicalType").and_then(Value::as_str) == Some("decimal");
    let number = is_decimal.then(|| decimal(json, Some(size))).flatten();
    Ok(number.unwrap_or(Node::Fixed(size)))
}

/// A decimal that is none (specification: "the logical type is ignored") is its bytes.
fn decimal(json: &Value, size: Option<usize>) -> Option<Node> {
    let precision = u8::try_from(json.get("precision")?.as_u64()?).ok()?;
    let scale = json.get("scale").map_or(Some(0), Value::as_u64)?;
    let scale = i8::try_from(scale).ok()?;
    let fits = (1..=76).contains(&precision) && scale.unsigned_abs() <= precision;
    fits.then_some(Node::Decimal(size, precision, scale))
}

impl Node {
    /// The type that its values are read as.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::Int(data_type) | Self::Long(data_type) => data_type.clone(),
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Bytes | Self::Fixed(_) => DataType::Binary,
            Self::Text | Self::Enum(_) | Self::Union(_) => DataType::Utf8,
            Self::Decimal(_, precision, scale) if *precision <= 38 => DataType::Decimal128(*precision, *scale),
            Self::Decimal(_, precision, scale) => DataType::Decimal256(*precision, *scale),
            Self::Record(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|(name, node)| Field::new(name, node.data_type(), true))
                    .collect::<Fields>(),
            ),
            Self::Array(item) => DataType::new_list(item.data_type(), true),
            Self::Map(value) => DataType::Map(std::sync::Arc::new(entries(value)), false),
            Self::Optional(_, inner) => inner.data_type(),
        }
    }

    /// Does no value of it have a byte?
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Record(fields) => fields.iter().all(|(_, node)| node.is_empty()),
            _ => false,
        }
    }
}

/// Key and value of a map.
pub(super) fn entries(value: &Node) -> Field {
    let members = vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", value.data_type(), true),
    ];
    Field::new("entries", DataType::Struct(members.into()), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, DataType)>> {
        let columns = columns(text.as_bytes())?;
        Ok(columns
            .into_iter()
            .map(|(name, node)| (name, node.data_type()))
            .collect())
    }

    /// engine-gaps §6: a type used a second time by its short name inside a namespace.
    #[test]
    fn names_are_those_of_the_enclosing_namespace() {
        let text = r#"{"type":"record","name":"x.y.R","fields":[
            {"name":"a","type":{"type":"fixed","name":"H","size":3}},
            {"name":"b","type":["null","H"]},
            {"name":"c","type":{"type":"record","name":"S","namespace":"z","fields":[
                {"name":"d","type":{"type":"enum","name":"E","symbols":["p","q"]}},
                {"name":"e","type":"E"},{"name":"f","type":"x.y.H"}]}},
            {"name":"g","type":{"type":"array","items":"z.S"}}]}"#;
        let columns = read(text).expect("columns");
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "g"]);
        assert_eq!((&columns[0].1, &columns[1].1), (&DataType::Binary, &DataType::Binary));
        assert_eq!(columns[3].1, DataType::new_list(columns[2].1.clone(), true));
    }

    #[test]
    fn what_is_no_table_is_refused_by_name() {
        let recursive = r#"{"type":"record","name":"n.L","fields":[{"name":"next","type":["null","L"]}]}"#;
        let error = read(recursive).expect_err("recursive");
        assert!(
            error.code() == "NOT_SUPPORTED" && error.to_string().contains("n.L"),
            "{error}"
        );
        for text in [
            "\"long\"",
            "[\"null\",\"long\"]",
            "{\"type\":\"array\",\"items\":\"int\"}",
        ] {
            assert_eq!(read(text).expect_err(text).code(), "NOT_SUPPORTED");
        }
        for text in [
            "",
            "{}",
            "5",
            "{\"type\":\"record\",\"name\":\"r\"}",
            "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"nix\"}]}",
        ] {
            assert_eq!(read(text).expect_err(text).code(), "CORRUPT_FILE");
        }
        // Twice as many types with every level: refused before they are counted out.
        let mut inner = "\"int\"".to_owned();
        for level in 0..40 {
            inner = format!(
                "{{\"type\":\"record\",\"name\":\"r{level}\",\"fields\":[{{\"name\":\"a\",\"type\":{inner}}},{{\"name\":\"b\",\"type\":\"{}\"}}]}}",
                if level == 0 {
                    "int".to_owned()
                } else {
                    format!("r{}", level - 1)
                }
            );
        }
        assert_eq!(read(&inner).expect_err("too many").code(), "NOT_SUPPORTED");
    }
}
