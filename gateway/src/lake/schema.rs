//! How do editors complete a lake file? The JSON Schema of the format, generated from its key tables.

use serde_json::{Map, Value, json};

use super::{
    format,
    shape::{Key, Shape},
};

/// The JSON Schema (draft 2020-12) of a lake file.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = record(format::LAKE);
    if let Value::Object(members) = &mut schema {
        members.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        members.insert("$id".to_owned(), json!("https://lakegate.dev/schema/lake.schema.json"));
        members.insert("title".to_owned(), json!("Lakegate lake as code"));
    }
    schema
}

fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Text | Shape::Type => json!({"type": "string", "minLength": 1}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Integer(low, high) => {
            let mut schema = Map::from_iter([("type".to_owned(), json!("integer"))]);
            if *low != i64::MIN {
                schema.insert("minimum".to_owned(), json!(low));
            }
            if *high != i64::MAX {
                schema.insert("maximum".to_owned(), json!(high));
            }
            Value::Object(schema)
        }
        Shape::Choice(now, _) => {
            // The word may stand unquoted.
            let null = now.contains(&"null").then_some(Value::Null);
            let words: Vec<Value> = now.iter().map(|word| json!(word)).chain(null).collect();
            json!({"enum": words})
        }
        Shape::Secret => json!({"type": "string", "pattern": "^(env|file)://.+"}),
        Shape::Time => json!({"type": "string", "format": "date-time"}),
        Shape::Scalar => json!({"type": ["string", "number", "boolean", "null"]}),
        Shape::List(item) => json!({"type": "array", "items": of(item)}),
        Shape::Map(value) => json!({"type": "object", "additionalProperties": of(value)}),
        Shape::Record(keys) => record(keys),
        Shape::Either(shapes) => {
            json!({"anyOf": shapes.iter().filter(|shape| !matches!(shape, Shape::Later(_))).map(of).collect::<Vec<_>>()})
        }
        Shape::Any => Value::Bool(true),
        // Nothing fits: the editor marks it, as apply would.
        Shape::Later(_) => Value::Bool(false),
    }
}

fn record(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if let (Value::Object(members), false) = (&mut schema, required.is_empty()) {
        members.insert("required".to_owned(), json!(required));
    }
    schema
}

fn property(key: &Key) -> Value {
    let doc = |text: &str| Value::String(text.to_owned());
    match of(&key.shape) {
        Value::Object(mut members) => {
            members.insert("description".to_owned(), doc(key.doc));
            Value::Object(members)
        }
        refused => refused,
    }
}

#[cfg(test)]
mod tests {
    use crate::golden;

    /// `openapi/lake.schema.json`; `UPDATE_GOLDEN=1` rewrites it.
    #[test]
    fn golden_lake_schema() {
        let text = serde_json::to_string_pretty(&super::json_schema()).unwrap();
        golden::check("openapi/lake.schema.json", &format!("{text}\n"));
    }
}
