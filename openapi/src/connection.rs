//! What does a connection to a source look like?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A connection to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreateConnection {
    /// Unique, whatever the case.
    pub name: String,
    /// `dynamodb`, `files`, `postgres` or `sqlite`.
    pub connector: String,
    /// The connector's own options.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Value>,
    /// Member to secret reference (`env://NAME`, `file://path`), resolved by the server; never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credential: BTreeMap<String, String>,
    /// Who reads with which credential: the first that fits counts, and whom none fits does not read. Everybody reads with
    /// `credential` if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CallerCredential>,
}

/// With which credential some callers read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerCredential {
    /// `user:NAME`, `role:NAME` or `everyone`.
    #[serde(rename = "for")]
    pub who: String,
    /// As the connection's own, which it is if not given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credential: BTreeMap<String, String>,
}

/// A connection as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Immutable.
    pub id: String,
    /// Unique, whatever the case.
    pub name: String,
    /// `dynamodb`, `files`, `postgres` or `sqlite`.
    pub connector: String,
    /// The connector's own options.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Value>,
    /// Member to secret reference (`env://NAME`, `file://path`), resolved by the server; never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credential: BTreeMap<String, String>,
    /// Who reads with which credential, if not everybody with `credential`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CallerCredential>,
    /// Grows with every change; the `ETag`.
    pub version: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// The source answers and accepts the credential.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionTested {
    /// Always true: a failure is an error of its kind.
    pub ok: bool,
    pub latency_ms: u64,
}
