//! How do the shapes of the domain become those of the wire? One file per noun; the types of `openapi` begin here.

// sorted: start
pub mod api_key;
pub mod audit_event;
pub mod entry;
pub mod epoch;
pub mod event;
pub mod explanation;
pub mod identity;
pub mod lake;
pub mod mask_key;
pub mod ocsf;
pub mod policy;
pub mod query;
pub mod relation;
pub mod result;
pub mod usage;
pub mod view;
// sorted: end

use chrono::{DateTime, SecondsFormat, Utc};

/// RFC 3339 in UTC, with microseconds.
#[must_use]
pub fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
