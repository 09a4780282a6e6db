//! Who did what, when, and what was decided? Append-only audit events, chained by BLAKE3.

pub mod chain;
pub mod checkpoint;
pub mod history;
pub mod signature;

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use self::checkpoint::Acknowledged;

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

/// Which events come first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AuditOrder {
    #[default]
    Newest,
    Oldest,
}

/// Which events to list.
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
    /// Only events after this position (exclusive).
    pub after: Option<i64>,
    pub order: AuditOrder,
    pub limit: u32,
}

/// What a walk over all chains and checkpoints found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditVerification {
    /// Chains walked.
    pub streams: u64,
    /// Records walked.
    pub records: u64,
    /// Checkpoints that hold.
    pub checkpoints: u64,
    /// Records after the last checkpoint: had others stood behind them, nothing would tell.
    pub unsigned: u64,
    /// Id of the key that signs now.
    pub key: Option<String>,
    /// Losses that were accepted.
    pub acknowledged: Vec<Acknowledged>,
    /// The first bad record; `None`: everything holds.
    pub fault: Option<AuditFault>,
}

/// What is bad.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditFault {
    pub part: AuditPart,
    /// Chain of a record; empty for other parts.
    pub stream: String,
    /// Number within the chain, or of the checkpoint or key.
    pub seq: i64,
    pub kind: AuditFaultKind,
    /// The checkpoint that proves it.
    pub checkpoint: Option<i64>,
}

/// A part of the audit trail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AuditPart {
    Record,
    Checkpoint,
    /// A checkpoint outside the store.
    Copy,
    Key,
}

/// How it is bad.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditFaultKind {
    /// Its text or an indexed column is not what was hashed.
    Edited,
    /// Not signed by a key that is believed.
    Forged,
    /// It is not there, though a later one (or the head) says that it was.
    Missing,
    /// It does not follow the one before it: moved, or another one was put in its place.
    Misplaced,
    /// The chain holds, but it is not the one that was signed: from here on it was written again.
    Rewritten,
    /// The chain ends before its head: a torn tail.
    TornTail,
}

impl AuditFault {
    /// A bad record.
    #[must_use]
    pub fn record(stream: &str, seq: i64, kind: AuditFaultKind) -> Self {
        Self {
            part: AuditPart::Record,
            stream: stream.to_owned(),
            seq,
            kind,
            checkpoint: None,
        }
    }

    /// A bad checkpoint or key.
    #[must_use]
    pub fn signed(part: AuditPart, seq: i64, kind: AuditFaultKind) -> Self {
        Self {
            part,
            ..Self::record("", seq, kind)
        }
    }

    /// The same, proved by a checkpoint.
    #[must_use]
    pub fn by(self, checkpoint: Option<i64>) -> Self {
        Self { checkpoint, ..self }
    }

    /// Records are gone at the end of their chain, as after a crash of the disk or an old backup: an operator may accept it.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        self.kind == AuditFaultKind::TornTail
    }
}

impl AuditFaultKind {
    /// The word in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Forged => "forged",
            Self::Missing => "missing",
            Self::Misplaced => "misplaced",
            Self::Rewritten => "rewritten",
            Self::TornTail => "torn-tail",
        }
    }
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            AuditPart::Record => write!(f, "audit record {} of chain `{}` ", self.seq, self.stream)?,
            AuditPart::Checkpoint => write!(f, "audit checkpoint {} ", self.seq)?,
            AuditPart::Copy => write!(f, "the copy of audit checkpoint {} ", self.seq)?,
            AuditPart::Key => write!(f, "audit key {} ", self.seq)?,
        }
        f.write_str(match self.kind {
            AuditFaultKind::Edited => "was edited",
            AuditFaultKind::Forged => "is not signed by a trusted key",
            AuditFaultKind::Missing => "is missing",
            AuditFaultKind::Misplaced => "does not follow the one before it",
            AuditFaultKind::Rewritten => "or one soon after it was replaced, and the chain written again",
            AuditFaultKind::TornTail => "is missing at the end of its chain",
        })?;
        match self.checkpoint {
            Some(number) => write!(f, " (checkpoint {number} has signed it)"),
            None => Ok(()),
        }
    }
}
