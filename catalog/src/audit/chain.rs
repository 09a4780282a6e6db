//! How are audit events chained? `hash = BLAKE3(prev ‖ canonical JSON)`, the first `prev` being BLAKE3 of the chain's name.

use serde::Serialize;
use serde_json::Value;

/// Hex hash that stands before the first record of a chain: a chain cannot be passed off as another one.
#[must_use]
pub fn genesis(stream: &str) -> String {
    blake3::hash(stream.as_bytes()).to_hex().to_string()
}

/// Hex hash of a record: BLAKE3 over the 32 bytes of `prev` and the bytes of the canonical JSON. `None` if `prev` is not
/// a hash in hex.
#[must_use]
pub fn link(prev: &str, canonical: &str) -> Option<String> {
    let prev = blake3::Hash::from_hex(prev).ok()?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(prev.as_bytes()).update(canonical.as_bytes());
    Some(hasher.finalize().to_hex().to_string())
}

/// JSON without white space, keys sorted by their UTF-16 code units (RFC 8785; integers are written in full).
///
/// # Errors
/// If the value cannot be written as JSON.
pub fn canonical_json<T: Serialize>(value: &T) -> serde_json::Result<String> {
    let mut text = String::new();
    write(&serde_json::to_value(value)?, &mut text)?;
    Ok(text)
}

fn write(value: &Value, text: &mut String) -> serde_json::Result<()> {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                comma(at, text);
                write(item, text)?;
            }
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
            text.push('{');
            for (at, (key, member)) in members.into_iter().enumerate() {
                comma(at, text);
                text.push_str(&serde_json::to_string(key)?);
                text.push(':');
                write(member, text)?;
            }
            text.push('}');
        }
        scalar => text.push_str(&serde_json::to_string(scalar)?),
    }
    Ok(())
}

fn comma(at: usize, text: &mut String) {
    if at > 0 {
        text.push(',');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{canonical_json, genesis, link};

    #[test]
    fn keys_are_sorted_at_every_level_by_utf16() {
        let value = json!({"b": [1, {"z": null, "a": "\u{1}\n"}], "\u{10000}": 1, "\u{ffff}": 2, "a": true});
        let text = canonical_json(&value).expect("it is JSON");
        assert_eq!(
            text,
            "{\"a\":true,\"b\":[1,{\"a\":\"\\u0001\\n\",\"z\":null}],\"\u{10000}\":1,\"\u{ffff}\":2}"
        );
    }

    #[test]
    fn a_hash_depends_on_what_came_before() {
        assert_ne!(link(&genesis("a"), "{}"), link(&genesis("b"), "{}"));
        assert_eq!(link("not hex", "{}"), None);
    }
}
