//! What else decides that no policy says? Who is in which role, what users are, how tables are tagged and whose they are. The solver
//! asks about every user and every tag, so a change of one of them is none that it could see: it is named instead.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    finding::{Finding, Kind},
    lake::{Lake, canonical},
};

/// Sections of a lake, what an entry is called, and the members of it that policies read.
const SECTIONS: &[(&str, &str, &[&str])] = &[
    // sorted: start
    ("catalogs", "catalog", &["connection", "tags"]),
    ("connections", "connection", &["connector", "tags"]),
    ("databases", "database", &["tags"]),
    ("roles", "role", &["member_of"]),
    ("tables", "table", &["columns", "owner", "partitioned_by", "tags"]),
    (
        "users",
        "user",
        &["attributes", "clearance", "kind", "roles", "subjects"],
    ),
    ("views", "view", &["columns", "owner", "security", "sql", "tags"]),
    // sorted: end
];

/// What entries say, by kind and name.
pub type Standing = BTreeMap<(String, String), Map<String, Value>>;

/// What a document says.
pub fn read(map: &Value) -> Standing {
    let mut found = Standing::new();
    for (section, kind, members) in SECTIONS {
        for (name, entry) in map.get(section).and_then(Value::as_object).into_iter().flatten() {
            let said = members
                .iter()
                .filter_map(|member| Some(((*member).to_owned(), told(member, entry.get(member)?)?)));
            found.insert(((*kind).to_owned(), canonical(name)), said.collect());
        }
    }
    found
}

/// A member, if it says anything but what is so without it: of columns their tags.
fn told(member: &str, value: &Value) -> Option<Value> {
    let usual = [
        json!(null),
        json!([]),
        json!({}),
        json!(0),
        json!("human"),
        json!("invoker"),
        json!("role:admin"),
    ];
    if !matches!(member, "columns" | "partitioned_by") {
        return (!usual.contains(value)).then(|| value.clone());
    }
    let columns = value.as_array().into_iter().flatten();
    let tagged = columns.filter_map(|column| {
        Some((
            column.get("name")?.as_str()?.to_lowercase(),
            column.get("tags")?.clone(),
        ))
    });
    let tagged: Map<String, Value> = tagged.filter(|(_, tags)| !usual.contains(tags)).collect();
    (!tagged.is_empty()).then_some(Value::Object(tagged))
}

/// What changed of entries that both lakes have, and who is new.
pub fn changed(new: &Lake, old: &Lake) -> Vec<Finding> {
    let knows_users = old.standing.keys().any(|(kind, _)| kind == "user");
    let mut found = Vec::new();
    for (key, said) in &new.standing {
        let (kind, name) = key;
        let what = match old.standing.get(key) {
            Some(before) => differing(said, before),
            None if kind == "user" && knows_users => vec!["new".to_owned()],
            None => Vec::new(),
        };
        if !what.is_empty() {
            found.push(Finding::new(Kind::Opaque, format!("{kind} {name}")).because(what.join(", ")));
        }
    }
    found
}

fn differing(new: &Map<String, Value>, old: &Map<String, Value>) -> Vec<String> {
    let mut members: Vec<&String> = new.keys().chain(old.keys()).collect();
    members.sort();
    members.dedup();
    let more = |member: &&String| match (new.get(*member), old.get(*member)) {
        (now, before) if now == before => false,
        // Who leaves a role gains nothing; another name for a role is none of its members.
        (None, Some(_)) => !matches!(member.as_str(), "member_of" | "roles" | "subjects"),
        (Some(Value::Array(now)), before) if matches!(member.as_str(), "member_of" | "roles" | "subjects") => {
            let before = before.and_then(Value::as_array);
            now.iter().any(|one| !before.is_some_and(|before| before.contains(one)))
        }
        _ => true,
    };
    members
        .into_iter()
        .filter(more)
        .map(|member| format!("other {member}"))
        .collect()
}
