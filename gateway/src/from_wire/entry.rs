//! What entry does a body stand for? Its members are those of lake files, and are checked there.

use lakegate_catalog::name::quoted;
use lakegate_openapi::list::MergePatch;
use serde_json::{Map, Value};

use crate::error::{ApiError, Result};

/// The name in a body, and the entry without it.
///
/// # Errors
/// `INVALID_REQUEST` if there is no name.
pub fn named(body: Map<String, Value>) -> Result<(String, Value)> {
    let mut entry = body;
    match entry.shift_remove("name") {
        Some(Value::String(name)) if !name.is_empty() => Ok((name, Value::Object(entry))),
        Some(_) => Err(ApiError::invalid("`name` must be a text that is not empty")),
        None => Err(ApiError::invalid("`name` is missing")),
    }
}

/// As [`named`], for what lies below something: a name without separators of dotted names.
///
/// # Errors
/// `INVALID_REQUEST` if there is no name, or if it holds a slash or a quote.
pub fn named_member(body: Map<String, Value>) -> Result<(String, Value)> {
    let (name, entry) = named(body)?;
    if name.contains(['/', '"']) {
        return Err(ApiError::invalid("`name` must not hold `/` or `\"`"));
    }
    Ok((name, entry))
}

/// As [`named`], for a part of a dotted name; the answer is quoted if it must be.
///
/// # Errors
/// `INVALID_REQUEST` if there is no name.
pub fn named_part(body: Map<String, Value>) -> Result<(String, Value)> {
    let (name, entry) = named(body)?;
    Ok((quoted(&name.to_lowercase()), entry))
}

/// A merge patch as a value.
#[must_use]
pub fn patch(patch: MergePatch) -> Value {
    Value::Object(patch.0)
}
