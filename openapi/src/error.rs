//! What does every refusal look like? One envelope.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lake::LakeEffects;

/// The body of every answer with a status of 400 or more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Error {
    /// Stable code (`TABLE_NOT_FOUND`); all are listed in `docs/errors.md`.
    #[schema(example = "TABLE_NOT_FOUND")]
    pub code: String,
    /// One sentence for people. Not stable.
    pub message: String,
    /// The query that failed, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
    /// Also in the header `Lakegate-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The same request may succeed later.
    pub retryable: bool,
    /// Where in the statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<ErrorLocation>,
}

/// The envelope with everything that is wrong with what was sent; `problems` is absent where the message says it all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    #[serde(flatten)]
    pub error: Error,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// With `GAINS_NEED_APPROVAL`: who would gain or lose what, and the digest that approves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effects: Option<LakeEffects>,
}

/// One thing that is wrong with a lake or an entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    pub code: String,
    /// Name of the file; `request` for a body.
    pub file: String,
    /// 1-based; absent where the input has no lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    pub message: String,
    /// May be empty where the message says it.
    pub remedy: String,
}

/// A place in a statement, 1-based.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorLocation {
    pub line: u64,
    pub column: u64,
}
