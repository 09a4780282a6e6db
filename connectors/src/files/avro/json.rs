//! How is a value of Avro shown as JSON? Unions of several types have no type of their own; their values keep everything.

use super::{
    column::{MAX_EMPTY_ITEMS, unscaled},
    cursor::{Bad, Cursor},
    schema::Node,
};

/// Writes one value: numbers with all digits, bytes in hexadecimal, days and moments as the numbers that are stored.
pub(super) fn write(json: &mut String, node: &Node, from: &mut Cursor<'_>) -> Result<(), Bad> {
    match node {
        Node::Null => json.push_str("null"),
        Node::Boolean => json.push_str(if from.boolean()? { "true" } else { "false" }),
        Node::Int(_) => json.push_str(&from.int()?.to_string()),
        Node::Long(_) => json.push_str(&from.long()?.to_string()),
        Node::Float => number(json, f64::from(f32::from_le_bytes(from.array()?))),
        Node::Double => number(json, f64::from_le_bytes(from.array()?)),
        Node::Bytes => quoted(json, &hex::encode(from.bytes()?)),
        Node::Fixed(size) => quoted(json, &hex::encode(from.take(*size)?)),
        Node::Text => quoted(json, from.text()?),
        Node::Decimal(size, _, scale) => {
            let number = unscaled(from, *size)?.to_string();
            quoted(json, &format!("{number}e-{scale}"));
        }
        Node::Enum(words) => quoted(json, words.get(from.index()?).ok_or("an enum has no such symbol")?),
        Node::Optional(null, inner) => match from.index()? {
            branch if branch == *null => json.push_str("null"),
            0 | 1 => write(json, inner, from)?,
            _ => return Err("a union has no such branch"),
        },
        Node::Union(branches) => {
            let branch = branches.get(from.index()?).ok_or("a union has no such branch")?;
            write(json, branch, from)?;
        }
        Node::Record(fields) => {
            json.push('{');
            for (place, (name, node)) in fields.iter().enumerate() {
                comma(json, place);
                quoted(json, name);
                json.push(':');
                write(json, node, from)?;
            }
            json.push('}');
        }
        Node::Array(item) => items(json, item, from, false)?,
        Node::Map(value) => items(json, value, from, true)?,
    }
    Ok(())
}

fn items(json: &mut String, node: &Node, from: &mut Cursor<'_>, keys: bool) -> Result<(), Bad> {
    json.push(if keys { '{' } else { '[' });
    let mut place = 0;
    loop {
        let count = from.items()?;
        if count == 0 {
            break;
        }
        if node.is_empty() && !keys && count > MAX_EMPTY_ITEMS {
            return Err("a list has too many empty items");
        }
        for _ in 0..count {
            comma(json, place);
            place += 1;
            if keys {
                quoted(json, from.text()?);
                json.push(':');
            }
            write(json, node, from)?;
        }
    }
    json.push(if keys { '}' } else { ']' });
    Ok(())
}

fn comma(json: &mut String, place: usize) {
    if place > 0 {
        json.push(',');
    }
}

/// JSON has no word for infinity and for what is no number.
fn number(json: &mut String, value: f64) {
    if value.is_finite() {
        json.push_str(&serde_json::Value::from(value).to_string());
    } else {
        quoted(json, &value.to_string());
    }
}

fn quoted(json: &mut String, text: &str) {
    json.push_str(&serde_json::Value::from(text).to_string());
}
