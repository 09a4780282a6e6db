//! How is a value written as YAML? Short ones on one line, long ones in blocks; every text that could be misread is quoted.

use serde_json::Value;

/// Longest line of a flow value, in characters.
const WIDTH: usize = 110;

/// A map as a YAML document, members in their order.
#[must_use]
pub fn document(value: &Value) -> String {
    let mut text = String::new();
    let Value::Object(members) = value else { return text };
    for (key, value) in members {
        text.push_str(&scalar_text(key));
        text.push(':');
        // Sections are blocks, whatever their length.
        match value {
            Value::Object(_) | Value::Array(_) => block(&mut text, value, 1),
            _ => after_key(&mut text, value, 1, 0),
        }
    }
    text
}

/// Policies as the section of a YAML document: `(@id, text)`, each text as it is written.
#[must_use]
pub fn policies<'a>(statements: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = "policies:\n".to_owned();
    for (id, statement) in statements {
        text.push_str(&format!("  {}:{}\n", scalar_text(id), literal(statement)));
    }
    text
}

/// A text below a key of depth 1: its lines as they are, or quoted where YAML would change them.
fn literal(text: &str) -> String {
    let changed =
        |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    if text.is_empty() || text.ends_with('\n') || text.chars().any(changed) {
        return format!(" {}", serde_json::to_string(text).unwrap_or_default());
    }
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            if line.is_empty() {
                String::new()
            } else {
                format!("    {line}")
            }
        })
        .collect();
    format!(" |2-\n{}", lines.join("\n"))
}

/// What follows `key:`; `used` characters stand before it on the line.
fn after_key(text: &mut String, value: &Value, depth: usize, used: usize) {
    let line = flow(value);
    if used + line.chars().count() <= WIDTH || !is_nested(value) {
        text.push(' ');
        text.push_str(&line);
        text.push('\n');
    } else {
        block(text, value, depth);
    }
}

/// The parts of a map or list, each on lines of its own below the line that is open.
fn block(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if members.is_empty() => text.push_str(" {}\n"),
        Value::Array(items) if items.is_empty() => text.push_str(" []\n"),
        Value::Object(members) => {
            text.push('\n');
            for (key, value) in members {
                let key = scalar_text(key);
                text.push_str(&format!("{indent}{key}:"));
                after_key(text, value, depth + 1, indent.len() + key.chars().count() + 2);
            }
        }
        Value::Array(items) => {
            text.push('\n');
            for item in items {
                text.push_str(&format!("{indent}- {}\n", flow(item)));
            }
        }
        _ => text.push_str(&format!(" {}\n", flow(value))),
    }
}

fn is_nested(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_))
}

/// On one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar_text(key), flow(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) => scalar_text(text),
        other => other.to_string(),
    }
}

/// A text, quoted unless no reader can take it for something else.
fn scalar_text(text: &str) -> String {
    const RESERVED: &[&str] = &["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let letter = text
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    let plain = letter
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    if plain && !RESERVED.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        serde_json::to_string(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{document, policies};
    use crate::lake::{problem::Problems, yaml::read_yaml};

    #[test]
    fn policies_are_read_as_they_were() {
        let texts = [
            (
                "a.b",
                "@id(\"a.b\")\npermit(principal,\n\n\taction, // \u{e4}: #\n  resource);",
            ),
            ("on", "  // begins with spaces\npermit(principal, action, resource);"),
            ("odd \"id\"", "ends with a line\n"),
            ("control", "a\u{7}\r\nb\u{2028}"),
            ("empty", ""),
        ];
        let text = format!("lake: x\n{}", policies(texts));
        let mut problems = Problems::default();
        let read = read_yaml("x", &text, &mut problems);
        assert!(problems.is_empty() && read.whole, "{problems:?}\n{text}");
        let expected: serde_json::Map<_, _> = texts.iter().map(|(id, text)| ((*id).to_owned(), json!(text))).collect();
        assert_eq!(
            read.nodes[0].get("policies").unwrap().to_json(),
            json!(expected),
            "{text}"
        );
        assert!(text.contains("\n    permit(principal,\n"), "{text}");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let value = json!({
            "lake": "on",
            "a": {"x": {"list": ["1", 1, true, null, "", "a: b", "#", "ä\u{7}\n\"\\"], "empty": {}, "none": []}},
            "b": [{"very_long_key_of_a_map": "x".repeat(60), "another": "y".repeat(60)}],
            "c": {"long": {"one": "x".repeat(80), "two": {"three": ["y".repeat(80), "z".repeat(80)]}}, "0x1": 1.5, "e1": "1e3"},
        });
        let mut problems = Problems::default();
        let read = read_yaml("x", &document(&value), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(read.nodes.first().map(|node| node.to_json()), Some(value));
    }
}
