//! How is a request told to people? Who, what, on what, under which circumstances; only what is not ordinary.

use std::collections::BTreeSet;

use cedar_policy::EntityUid;
use serde_json::Value;

use crate::{
    example::{Parts, told},
    facts::Facts,
    simpler::{ORDINARY, ordinary, split},
};

/// Kinds of objects as lakes name them.
const KINDS: &[(&str, &str)] = &[
    // sorted: start
    ("ColumnMask", "mask"),
    ("DataFilter", "filter"),
    ("DataLocation", "location"),
    ("PolicyStore", "policy-store"),
    ("TagKey", "tag"),
    // sorted: end
];

/// Lines that say what is asked.
pub fn request(parts: &Parts, facts: &Facts) -> Vec<String> {
    let action = split(&parts.action).map_or(parts.action.as_str(), |(_, action)| action);
    let mut lines = vec![said(&parts.principal, &parts.entities, facts)];
    let mut shown = BTreeSet::from([parts.principal.clone()]);
    if action == "SelectRow" {
        lines.push(row(parts));
        shown.extend(
            parts
                .entities
                .iter()
                .filter_map(uid)
                .filter(|uid| uid.contains("Bag::")),
        );
    } else {
        lines.push(format!("{action} {}", said(&parts.resource, &parts.entities, facts)));
    }
    shown.insert(parts.resource.clone());
    let ordinary = |key: &str, value: &str| ORDINARY.contains(&(key, value));
    let circumstances = parts.context.iter().filter(|(key, value)| !ordinary(key, value));
    lines.extend(circumstances.map(|(key, value)| format!("where context.{key} = {}", plain(value))));
    for entity in &parts.entities {
        let Some(uid) = uid(entity).filter(|uid| !shown.contains(uid)) else {
            continue;
        };
        let facts = said(&uid, &parts.entities, facts);
        if facts.contains(", ") {
            lines.push(format!("where {facts}"));
        }
    }
    lines
}

/// Which policies decide it, and what the old ones said.
pub fn because(new: &[String], old: Option<&[String]>) -> Vec<String> {
    let mut lines = Vec::new();
    if let [_, ..] = told(new).as_slice() {
        lines.push(format!("by {}", told(new).join(", ")));
    }
    match old.map(told) {
        Some(reasons) if !reasons.is_empty() => lines.push(format!("which was forbidden by {}", reasons.join(", "))),
        Some(_) => lines.push("which nothing permitted".to_owned()),
        None => {}
    }
    lines
}

/// `user:somebody, in role:auditor, clearance = 3`
fn said(uid: &str, entities: &[Value], facts: &Facts) -> String {
    let mut parts = vec![plain(uid)];
    let Some(entity) = entities.iter().find(|entity| self::uid(entity).as_deref() == Some(uid)) else {
        return parts.remove(0);
    };
    let known = |parent: &str| {
        let uid = |text: &str| text.parse::<EntityUid>().ok();
        uid(parent)
            .zip(self::uid(entity).as_deref().and_then(uid))
            .is_some_and(|(outer, inner)| facts.says(&inner, &outer))
    };
    let parents = entity.get("parents").and_then(Value::as_array).into_iter().flatten();
    let parents = parents.filter_map(reference).filter(|parent| !known(parent));
    parts.extend(parents.map(|parent| format!("in {}", plain(&parent))));
    let members = |key: &str| entity.get(key).and_then(Value::as_object).into_iter().flatten();
    let attributes =
        members("attrs").filter(|(key, value)| ordinary(key, value) != **value && value.get("__entity").is_none());
    parts.extend(attributes.map(|(key, value)| format!("{key} = {}", value_text(value))));
    parts.extend(members("tags").map(|(key, value)| format!("tag {key} = {}", value_text(value))));
    parts.join(", ")
}

/// `a row with region = "DE", amount = 3; what is not named is NULL`
fn row(parts: &Parts) -> String {
    let bags = parts
        .entities
        .iter()
        .filter(|entity| uid(entity).is_some_and(|uid| uid.contains("Bag::")));
    let tags = bags.filter_map(|bag| bag.get("tags")?.as_object()).flatten();
    let values: Vec<String> = tags
        .map(|(column, value)| format!("{column} = {}", value_text(value)))
        .collect();
    match values.as_slice() {
        [] => "sees a row that is NULL in every column".to_owned(),
        values => format!("sees a row with {}, and NULL in every other column", values.join(", ")),
    }
}

fn uid(entity: &Value) -> Option<String> {
    reference(entity.get("uid")?)
}

fn reference(value: &Value) -> Option<String> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let (kind, id) = (text("type")?, text("id")?);
    let uid = EntityUid::from_type_name_and_id(kind.parse().ok()?, cedar_policy::EntityId::new(id));
    Some(uid.to_string())
}

/// `role:auditor` of `Lakegate::Role::"auditor"`.
pub fn plain(uid: &str) -> String {
    let Some((kind, name)) = split(uid).filter(|(kind, _)| kind.starts_with("Lakegate::")) else {
        return uid.to_owned();
    };
    let kind = kind.trim_start_matches("Lakegate::");
    let word = KINDS
        .iter()
        .find(|(known, _)| *known == kind)
        .map(|(_, word)| (*word).to_owned());
    format!("{}:{name}", word.unwrap_or_else(|| kind.to_lowercase()))
}

/// A value of Cedar's JSON as policies write it.
fn value_text(value: &Value) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if let (Some(function), Some(argument)) = (
        value.pointer("/__extn/fn").and_then(Value::as_str),
        value.pointer("/__extn/arg").and_then(Value::as_str),
    ) {
        return format!("{function}(\"{argument}\")");
    }
    if let Some(entity) = value.get("__entity").and_then(reference) {
        return plain(&entity);
    }
    if text("type").is_some() && text("id").is_some() {
        return reference(value).map(|uid| plain(&uid)).unwrap_or_default();
    }
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(value_text).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
