//! What of a request can be left out? A solver fills in everything; people should read only what matters.
//!
//! One part after the other is taken away or made ordinary, and stays so if the request still shows what it is to show.

use serde_json::{Value, json};

use crate::example::Parts;

/// What is ordinary, and not told.
pub const ORDINARY: &[(&str, &str)] = &[
    // sorted: start
    ("auth_age", "duration(\"1h\")"),
    ("client", "\"rest\""),
    ("ip", "ip(\"203.0.113.7\")"),
    ("mfa", "false"),
    ("now", "datetime(\"2026-01-01T12:00:00Z\")"),
    ("privilege", "\"Select\""),
    ("with_grant_option", "false"),
    ("workgroup", "Lakegate::Workgroup::\"primary\""),
    // sorted: end
];
/// Numbers that people like better than what a solver takes.
const SMALL: [i64; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100];
/// Rounds are few in practice: each but the last one makes the request smaller.
const ROUNDS: usize = 8;

/// As small as it gets.
pub fn simpler(mut parts: Parts, still: &dyn Fn(&Parts) -> bool) -> Parts {
    for _ in 0..ROUNDS {
        let before = parts.clone();
        names(&mut parts, still);
        context(&mut parts, still);
        entities(&mut parts, still);
        if parts == before {
            break;
        }
    }
    parts
}

fn attempt(parts: &mut Parts, still: &dyn Fn(&Parts) -> bool, change: impl FnOnce(&mut Parts)) -> bool {
    let mut changed = parts.clone();
    change(&mut changed);
    if changed == *parts || !still(&changed) {
        return false;
    }
    *parts = changed;
    true
}

/// The solver's own names for those who have none.
fn names(parts: &mut Parts, still: &dyn Fn(&Parts) -> bool) {
    for (name, uid) in [
        ("somebody", parts.principal.clone()),
        ("something", parts.resource.clone()),
    ] {
        let Some((kind, old)) = split(&uid) else { continue };
        if old == name {
            continue;
        }
        attempt(parts, still, |parts| {
            let new = format!("{kind}::\"{name}\"");
            let renamed = |text: &str| if text == uid { new.clone() } else { text.to_owned() };
            (parts.principal, parts.resource) = (renamed(&parts.principal), renamed(&parts.resource));
            parts.context.iter_mut().for_each(|(_, value)| *value = renamed(value));
            parts
                .entities
                .iter_mut()
                .for_each(|entity| rename(entity, kind, old, name));
        });
    }
}

/// `Lakegate::User` and `ana` of `Lakegate::User::"ana"`.
pub fn split(uid: &str) -> Option<(&str, &str)> {
    let (kind, rest) = uid.split_once("::\"")?;
    Some((kind, rest.strip_suffix('"')?))
}

fn rename(value: &mut Value, kind: &str, old: &str, new: &str) {
    match value {
        Value::Object(members) => {
            let is = |key: &str, text: &str| members.get(key).and_then(Value::as_str) == Some(text);
            if is("type", kind) && is("id", old) {
                members.insert("id".to_owned(), json!(new));
            } else {
                members
                    .iter_mut()
                    .for_each(|(_, member)| rename(member, kind, old, new));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, kind, old, new)),
        _ => {}
    }
}

fn context(parts: &mut Parts, still: &dyn Fn(&Parts) -> bool) {
    let keys: Vec<String> = parts.context.iter().map(|(key, _)| key.clone()).collect();
    for key in keys {
        if attempt(parts, still, |parts| parts.context.retain(|(other, _)| *other != key)) {
            continue;
        }
        let Some((_, ordinary)) = ORDINARY.iter().find(|(known, _)| *known == key) else {
            continue;
        };
        attempt(parts, still, |parts| {
            let place = parts.context.iter_mut().find(|(other, _)| *other == key);
            place.into_iter().for_each(|(_, value)| (*ordinary).clone_into(value));
        });
    }
}

fn entities(parts: &mut Parts, still: &dyn Fn(&Parts) -> bool) {
    for place in (0..parts.entities.len()).rev() {
        if !is_asked_about(parts, place)
            && attempt(parts, still, |parts| {
                parts.entities.remove(place);
            })
        {
            continue;
        }
        let keys = |parts: &Parts, part: &str| -> Vec<String> {
            let members = parts
                .entities
                .get(place)
                .and_then(|entity| entity.get(part))
                .and_then(Value::as_object);
            members.into_iter().flatten().map(|(key, _)| key.clone()).collect()
        };
        let count = parts
            .entities
            .get(place)
            .and_then(|entity| entity.get("parents")?.as_array())
            .map_or(0, Vec::len);
        for parent in (0..count).rev() {
            attempt(parts, still, |parts| {
                let parents = at(parts, place, "parents").and_then(Value::as_array_mut);
                parents.into_iter().for_each(|parents| _ = parents.remove(parent));
            });
        }
        for tag in keys(parts, "tags") {
            let gone = attempt(parts, still, |parts| {
                let tags = at(parts, place, "tags").and_then(Value::as_object_mut);
                tags.into_iter().for_each(|tags| _ = tags.remove(&tag));
            });
            if !gone {
                shorter(parts, still, place, &tag);
            }
        }
        for key in keys(parts, "attrs") {
            attribute(parts, still, place, &key);
        }
    }
}

/// Whether its attributes or tags are read: of an object that is not there every reading fails.
fn is_asked_about(parts: &Parts, place: usize) -> bool {
    let Some(entity) = parts.entities.get(place) else {
        return false;
    };
    let text = |pointer: &str| entity.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let is = |uid: &str| split(uid) == Some((text("/uid/type"), text("/uid/id")));
    is(&parts.principal) || is(&parts.resource) || text("/uid/type").ends_with("Bag")
}

fn attribute(parts: &mut Parts, still: &dyn Fn(&Parts) -> bool, place: usize, key: &str) {
    let read = |parts: &Parts| parts.entities.get(place)?.get("attrs")?.get(key).cloned();
    let Some(value) = read(parts) else { return };
    let small = SMALL.iter().filter(|_| value.is_i64()).map(|number| json!(number));
    let candidates = std::iter::once(ordinary(key, &value)).chain(small);
    for candidate in candidates.take_while(|candidate| *candidate != value) {
        let done = attempt(parts, still, |parts| {
            let place = at(parts, place, "attrs").and_then(|attrs| attrs.get_mut(key));
            place.into_iter().for_each(|place| candidate.clone_into(place));
        });
        if done {
            return;
        }
    }
}

/// A tag that holds a set, without what need not be in it.
fn shorter(parts: &mut Parts, still: &dyn Fn(&Parts) -> bool, place: usize, tag: &str) {
    let tagged = |parts: &Parts| {
        parts
            .entities
            .get(place)?
            .get("tags")?
            .get(tag)?
            .as_array()
            .map(Vec::len)
    };
    for item in (0..tagged(parts).unwrap_or_default()).rev() {
        attempt(parts, still, |parts| {
            let set = at(parts, place, "tags").and_then(|tags| tags.get_mut(tag)?.as_array_mut());
            set.into_iter().for_each(|set| _ = set.remove(item));
        });
    }
}

fn at<'p>(parts: &'p mut Parts, place: usize, part: &str) -> Option<&'p mut Value> {
    parts.entities.get_mut(place)?.get_mut(part)
}

/// An attribute that need not be told.
pub fn ordinary(key: &str, value: &Value) -> Value {
    match (key, value) {
        ("kind", _) => json!("human"),
        (_, Value::Bool(_)) => json!(false),
        (_, Value::Number(_)) => json!(0),
        (_, Value::String(_)) => json!(""),
        _ => value.clone(),
    }
}
