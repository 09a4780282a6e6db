//! How are values written into cells, so that both databases order and compare them alike? Text, 64-bit integers, bytes.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row, any::AnyRow};

use crate::{
    error::{Result, StoreError},
    id::ObjectId,
    record::QueryState,
};

/// The time, as exact as the store keeps it.
pub(super) fn now() -> DateTime<Utc> {
    let now = Utc::now();
    DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
}

/// RFC 3339 in UTC with six decimals: text order is time order.
pub(super) fn time_text(time: &DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The inverse of [`time_text`].
pub(super) fn parse_time(text: &str) -> Result<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.with_timezone(&Utc))
        .map_err(|_| StoreError::corrupt(format!("`{text}` is not a time")))
}

/// JSON text of a body.
pub(super) fn json_text<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid {
        what: format!("a body: {error}"),
    })
}

/// The inverse of [`json_text`]; `what` names the record.
pub(super) fn parse_json<T: DeserializeOwned>(text: &str, what: impl FnOnce() -> String) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(format!("{}: {error}", what())))
}

/// No parent is the empty text: NULL would not be unique.
pub(super) fn parent_text(parent: Option<&ObjectId>) -> &str {
    parent.map_or("", ObjectId::as_str)
}

/// The inverse of [`parent_text`].
pub(super) fn parse_parent(text: String) -> Option<ObjectId> {
    (!text.is_empty()).then(|| ObjectId::from_stored(text))
}

/// Counts beyond 2^63 do not occur; if one did, the largest number says so.
pub(super) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The state of this word.
pub(super) fn parse_state(word: &str) -> Result<QueryState> {
    use QueryState::{Cancelled, Failed, Queued, Running, Succeeded};
    [Queued, Running, Succeeded, Failed, Cancelled]
        .into_iter()
        .find(|state| state.word() == word)
        .ok_or_else(|| StoreError::corrupt(format!("`{word}` is not a state of a query")))
}

/// A time that may be absent.
pub(super) fn optional_time(row: &AnyRow, column: usize) -> Result<Option<DateTime<Utc>>> {
    row.try_get::<Option<String>, _>(column)?
        .as_deref()
        .map(parse_time)
        .transpose()
}
