//! Which grant is asked for, and which ones are wanted?

use chrono::DateTime;
use lakegate_catalog::name::TableName;
use lakegate_openapi::{grant as wire, list::MergePatch};
use serde_json::{Map, Value, json};

use crate::{
    error::{ApiError, Result},
    lake::EntryView,
    stored::GrantWish,
};

/// Members that a patch may have.
const CHANGEABLE: [&str; 2] = ["expires", "with_grant_option"];

/// The grant of a body: one privilege on one object.
///
/// # Errors
/// `INVALID_REQUEST`.
pub fn wish(body: Map<String, Value>) -> Result<GrantWish> {
    let entry = Value::Object(body);
    let text = |member: &str| {
        let value = entry.get(member).and_then(Value::as_str).map(str::to_owned);
        value.ok_or_else(|| ApiError::invalid(format!("`{member}` is missing, or not a text")))
    };
    let privilege = match entry.get("privileges").and_then(Value::as_array).map(Vec::as_slice) {
        Some([Value::String(privilege)]) => privilege.to_lowercase(),
        _ => {
            return Err(ApiError::invalid(
                "`privileges` must be a list of one privilege; several go through `/v1/apply`",
            ));
        }
    };
    let expires = entry.get("expires").and_then(Value::as_str);
    Ok(GrantWish {
        to: text("to")?,
        privilege,
        resource: text("resource")?,
        with_grant_option: entry.get("with_grant_option") == Some(&json!(true)),
        expires_ms: expires
            .and_then(|text| DateTime::parse_from_rfc3339(text).ok())
            .map(|time| time.timestamp_millis()),
        entry,
    })
}

/// What may change of a grant.
///
/// # Errors
/// `INVALID_REQUEST` for everything else.
pub fn patch(patch: MergePatch) -> Result<Value> {
    if let Some(member) = patch.0.keys().find(|member| !CHANGEABLE.contains(&member.as_str())) {
        return Err(ApiError::invalid(format!(
            "`{member}` of a grant does not change: revoke it, and make another one"
        )));
    }
    Ok(Value::Object(patch.0))
}

/// Is a grant one on the table or view itself, or on something below it: a column, a filter, a mask?
#[must_use]
pub fn is_on_table(table: &TableName, view: &EntryView) -> bool {
    let name = table.to_string();
    let Some((kind, resource)) = resource(view) else {
        return false;
    };
    match (kind, resource.strip_prefix(&name)) {
        ("table" | "view", Some(rest)) => rest.is_empty(),
        ("column" | "mask", Some(rest)) => rest.starts_with('.'),
        ("filter", Some(rest)) => rest.starts_with('/'),
        _ => false,
    }
}

/// Is a grant one on this object itself?
#[must_use]
pub fn is_on(kind: &str, name: &str, view: &EntryView) -> bool {
    resource(view) == Some((kind, name))
}

fn resource(view: &EntryView) -> Option<(&str, &str)> {
    view.body.get("resource").and_then(Value::as_str)?.split_once(':')
}

/// Does a grant fit the filters of a list?
#[must_use]
pub fn is_wanted(parameters: &wire::ListGrants, view: &EntryView) -> bool {
    let fits = |member: &str, wanted: &Option<String>| {
        let text = view.body.get(member).and_then(Value::as_str).unwrap_or_default();
        wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(text))
    };
    fits("to", &parameters.to) && fits("resource", &parameters.resource)
}
