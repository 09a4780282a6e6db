//! Was this request answered before? Keys of clients with the answers that they got.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What makes an idempotency key unique.
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
pub struct IdempotencyScope {
    pub principal_id: String,
    /// Method and route template (`POST /v1/queries`).
    pub route: String,
    pub key: String,
}

/// A request and the answer that it got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdempotentAnswer {
    pub scope: IdempotencyScope,
    /// Hash of the request body: another body under the same key is a mistake of the client.
    pub body_hash: String,
    /// HTTP status.
    pub status: u16,
    pub response: Vec<u8>,
    pub created_at: DateTime<Utc>,
}

/// What a reservation found.
#[derive(Clone, Debug, PartialEq)]
pub enum Reservation {
    /// The key was free and is ours now: `complete` or `release` it.
    Reserved,
    /// Another request with this key is being worked on (or died) since then.
    Pending { body_hash: String, since: DateTime<Utc> },
    /// It has an answer.
    Answered(IdempotentAnswer),
}
