//! What does an audit event look like, and which are asked for?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One event of the audit. Never holds literals, values or secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditEvent {
    #[schema(format = DateTime)]
    pub time: String,
    /// `authentication`, `query.attempt`, `query.outcome`, `change`, `read`.
    pub kind: String,
    /// Name of the principal; empty where unknown.
    pub principal: String,
    pub principal_id: String,
    /// `api-key`, `oidc`, `internal`.
    pub method: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub door: String,
    pub action: String,
    /// `kind:name`.
    pub resource: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// `allow` or `deny`.
    pub decision: String,
    /// `ok`, or an error code.
    pub outcome: String,
    /// Ids of the policies and grants that decided.
    pub policies: Vec<String>,
    pub filters: Vec<String>,
    /// Restrictive filters that applied.
    pub restrictive: Vec<String>,
    /// Column to mask.
    pub masks: BTreeMap<String, String>,
    /// Columns that were hidden.
    pub hidden: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_version: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Names of changed fields, states, and the like.
    pub details: BTreeMap<String, String>,
    /// The chain that the event belongs to, and its number in it.
    pub stream: String,
    pub seq: i64,
    /// Hashes of the event before and of this one, in hex.
    pub prev: String,
    pub hash: String,
}

/// Which events come first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditOrder {
    #[default]
    Newest,
    Oldest,
}

/// How events are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditFormat {
    /// A page of events as they are stored.
    #[default]
    Json,
    /// JSON lines in the Open Cybersecurity Schema Framework; the next cursor is the header `Lakegate-Next-Cursor`.
    Ocsf,
}

/// Which events to list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAuditEvents {
    /// Only those of this query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
    /// Only those of this principal, by name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// `kind:name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// `allow` or `deny`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Not before this time (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Before this time (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// `newest` (the default) or `oldest` first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub order: Option<AuditOrder>,
    /// `json` (the default) or `ocsf`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub format: Option<AuditFormat>,
    /// Page size, 1 to 1000; absent: 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
