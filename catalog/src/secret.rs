//! Which secrets does the store keep? Sealed ones, version by version: what opens them is nowhere near it.

use std::fmt;

use chrono::{DateTime, Utc};

/// One version of a secret.
#[derive(Clone, PartialEq)]
pub struct Secret {
    /// Such as `mask-key`.
    pub kind: String,
    pub id: String,
    /// 1 for the first one.
    pub version: i64,
    /// The sealed envelope, as whoever sealed it wrote it.
    pub sealed: String,
    pub created_at: DateTime<Utc>,
    /// Name of who made it.
    pub principal: String,
}

/// Leaves the envelope out: what is sealed is no text for logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} {} v{})", self.kind, self.id, self.version)
    }
}
