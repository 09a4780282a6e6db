//! Are the messages those of `connector.proto`? Field by field: name, number, type, and whether it repeats.

use std::collections::BTreeMap;

/// Message → fields as `label type name = number`.
type Messages = BTreeMap<String, Vec<String>>;

const PROTO: &str = include_str!("../../../proto/connector.proto");
const CODE: &str = concat!(include_str!("../message.rs"), include_str!("../message/running.rs"));

fn published() -> Messages {
    let mut found = Messages::new();
    let mut message = String::new();
    for line in PROTO.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some(name) = line.strip_prefix("message ") {
            message = name.trim_end_matches(" {").to_owned();
            found.insert(message.clone(), Vec::new());
        } else if let Some(field) = line.strip_suffix(';')
            && line.contains(" = ")
            && let Some(fields) = found.get_mut(&message)
        {
            fields.push(field.to_owned());
        }
    }
    found
}

fn written() -> Messages {
    let mut found = Messages::new();
    let (mut message, mut attribute) = (String::new(), String::new());
    for line in CODE.lines().map(str::trim) {
        let structure = line.strip_prefix("pub(super) struct ");
        if let Some(name) = structure.or_else(|| line.strip_prefix("pub(in crate::remote) struct ")) {
            message = name.trim_end_matches(" {").trim_end_matches(" {}").to_owned();
            found.insert(message.clone(), Vec::new());
        } else if let Some(inner) = line.strip_prefix("#[prost(") {
            attribute = inner.trim_end_matches(")]").to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("pub ").and_then(|line| line.split_once(": ")) {
            let parts: Vec<&str> = attribute.split(", ").collect();
            let tag = parts
                .iter()
                .find_map(|part| part.strip_prefix("tag = "))
                .expect("tag")
                .trim_matches('"');
            let inner = kind.trim_end_matches(',').trim_end_matches('>');
            let inner = inner.rsplit('<').next().expect("type");
            let kind = match parts[0] {
                "message" => inner,
                scalar => scalar.split(' ').next().expect("scalar"),
            };
            let label = match (parts[0], parts.get(1)) {
                (_, Some(&"repeated")) => "repeated ",
                ("message", _) => "",
                (_, Some(&"optional")) => "optional ",
                _ => "",
            };
            let name = name.trim_start_matches("r#");
            found
                .get_mut(&message)
                .expect("message")
                .push(format!("{label}{kind} {name} = {tag}"));
        }
    }
    found
}

#[test]
fn the_code_has_the_published_messages() {
    let published = published();
    assert!(published.len() > 30, "{} messages", published.len());
    assert_eq!(written(), published);
}
