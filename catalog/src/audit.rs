//! Who did what, when, and what was decided? Append-only audit events, chained by BLAKE3.

pub mod chain;

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// An event before it is chained. Never holds literals, values or secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    pub time: DateTime<Utc>,
    /// `authentication`, `query.attempt`, `query.outcome`, `change`, `read`.
    pub kind: String,
    /// Name and id of the principal; empty where unknown (failed authentication).
    pub principal: String,
    pub principal_id: String,
    /// `api-key`, `oidc`, `internal`.
    pub method: String,
    pub address: Option<String>,
    pub door: String,
    pub action: String,
    /// `kind:name`.
    pub resource: String,
    /// Object id of the resource where it has one.
    pub resource_id: Option<String>,
    /// `allow` or `deny`.
    pub decision: String,
    /// `ok` or an error code.
    pub outcome: String,
    /// Determining policy and grant ids.
    pub policies: Vec<String>,
    pub filters: Vec<String>,
    pub restrictive: Vec<String>,
    /// Column name → mask name.
    pub masks: BTreeMap<String, String>,
    pub hidden: Vec<String>,
    pub snapshot_version: Option<i64>,
    pub policy_version: Option<i64>,
    pub query_id: Option<String>,
    pub trace_id: Option<String>,
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    /// Names of changed fields, states, and the like.
    pub details: BTreeMap<String, String>,
}

/// A stored event with its place in the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Grows over the whole table: the order of lists and the cursor.
    pub position: i64,
    /// Chain (one per boot) and number within it.
    pub stream: String,
    pub seq: i64,
    pub event: AuditEvent,
    /// Hex.
    pub prev: String,
    pub hash: String,
}

/// Which events to list, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditFilter {
    pub query_id: Option<String>,
    /// Name or id.
    pub principal: Option<String>,
    pub action: Option<String>,
    pub resource: Option<String>,
    pub decision: Option<String>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    /// Only events before this position (exclusive).
    pub before: Option<i64>,
    pub limit: u32,
}

/// What a walk over all chains found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditVerification {
    /// Chains walked.
    pub streams: u64,
    /// Records walked.
    pub records: u64,
    /// The first bad record; `None`: everything holds.
    pub fault: Option<AuditFault>,
}

/// A bad record.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditFault {
    pub stream: String,
    /// Number within the chain.
    pub seq: i64,
    pub kind: AuditFaultKind,
}

/// How a record is bad.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AuditFaultKind {
    /// Its text or an indexed column is not what was hashed.
    Edited,
    /// It is not there, though a later record (or the head) says that it was.
    Missing,
    /// It does not follow the record before it: moved, or another one was put in its place.
    Misplaced,
    /// The chain ends before its head: a torn tail.
    TornTail,
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            AuditFaultKind::Edited => "was edited",
            AuditFaultKind::Missing => "is missing",
            AuditFaultKind::Misplaced => "does not follow the one before it",
            AuditFaultKind::TornTail => "is missing at the end of its chain",
        };
        write!(f, "audit record {} of chain `{}` {what}", self.seq, self.stream)
    }
}
