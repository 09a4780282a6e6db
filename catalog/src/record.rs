//! What happened to one query? Its record, from submission to its final state, and the usage row that goes with it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// States of a query. The last three are final.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum QueryState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl QueryState {
    /// Nothing follows this state.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// The word of the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// Why a query did not succeed, as its submitter sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryFailure {
    /// Stable code (`TABLE_NOT_FOUND`, …).
    pub code: String,
    pub message: String,
    #[serde(default)]
    pub retryable: bool,
    /// 1-based line and column in the statement.
    #[serde(default)]
    pub line: Option<u64>,
    #[serde(default)]
    pub column: Option<u64>,
}

/// Byte and row figures of a query. Bytes unless said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Stored bytes that the plan asked for (query-path.md §4): the truth, for the ledger and holders of `ReadStats`.
    pub scanned_bytes: u64,
    /// What the submitter may be shown (governance.md §6.4); equal to `scanned_bytes` where nothing was restricted.
    pub shown_scanned_bytes: u64,
    pub fetched_bytes: u64,
    pub requests: u64,
    pub connector_bytes: u64,
    pub billed_bytes: u64,
    /// Rows returned to the caller.
    pub rows: u64,
    pub peak_memory_bytes: u64,
    pub spilled_bytes: u64,
    /// `false`: finer counters than shown bytes and rows must be absent in what the submitter sees.
    pub detailed: bool,
    /// Bytes per connection (scanned + connector), by connection name.
    pub by_connection: BTreeMap<String, u64>,
}

/// Where the result of a finished query lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultLocation {
    /// Relative to the result store.
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    pub expires_at: DateTime<Utc>,
    /// Absent: not known, and so never the same again.
    #[serde(default)]
    pub decisions: Option<Decisions>,
}

/// What the rows of a result were decided by, to be decided again whenever they are fetched. Digests in hex.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Decisions {
    /// By table id: what the submitter saw of it.
    pub tables: BTreeMap<String, String>,
    /// By table id: the values of the mappings in its filters, for tables that have some.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mappings: BTreeMap<String, String>,
    /// By catalog id: by which rights its source was spoken to in its own language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub passages: BTreeMap<String, String>,
    /// What the submitter saw of names, where the statement tells names.
    #[serde(default)]
    pub names: Option<String>,
}

/// The user on whose behalf a query ran.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct OnBehalfOf {
    pub id: String,
    pub name: String,
}

/// One query, from submission to its final state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryRecord {
    /// UUID (version 7) text.
    pub id: String,
    /// User id and name of the submitter.
    pub principal_id: String,
    pub principal: String,
    pub workgroup: String,
    /// `rest`, `internal`, …
    pub door: String,
    /// `User-Agent` or application name.
    pub client: Option<String>,
    pub sql: String,
    pub catalog: Option<String>,
    pub database: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub purpose: Option<String>,
    /// Whom the submitter acted for; the query is the submitter's all the same.
    #[serde(default)]
    pub on_behalf_of: Option<OnBehalfOf>,
    pub state: QueryState,
    /// `SELECT`, `EXPLAIN`, `SHOW`, …; known after parsing.
    pub statement: Option<String>,
    pub submitted_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub failure: Option<QueryFailure>,
    pub usage: Usage,
    /// Price per TB in force (`"5.00 USD"`).
    pub price_per_tb: String,
    pub snapshot_version: Option<i64>,
    pub policy_version: Option<i64>,
    pub result: Option<ResultLocation>,
    /// Boot id of the process that runs it.
    pub node: String,
}

/// The final word on a query: written with its usage row in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryEnd {
    pub id: String,
    pub state: QueryState,
    pub ended_at: DateTime<Utc>,
    pub failure: Option<QueryFailure>,
    pub usage: Usage,
    pub result: Option<ResultLocation>,
}

/// A query leaves the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryStart {
    pub id: String,
    /// `SELECT`, `EXPLAIN`, `SHOW`, …
    pub statement: String,
    pub started_at: DateTime<Utc>,
    pub snapshot_version: i64,
    pub policy_version: i64,
}

/// Which queries to list, newest first by (submitted, id). All conditions hold together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryFilter {
    pub principal_id: Option<String>,
    pub state: Option<QueryState>,
    pub workgroup: Option<String>,
    /// Only queries before this (submitted, id), exclusive: the last one of the page before.
    pub before: Option<(DateTime<Utc>, String)>,
    /// 0 is none.
    pub limit: u32,
}

/// Which part of the ledger is summed: queries that ended in `from` ≤ t < `to`.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageFilter {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Only this principal.
    pub principal_id: Option<String>,
}

/// A sum over the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageSum {
    /// Day in UTC on which the queries ended, as `2026-01-31`.
    pub day: String,
    pub workgroup: String,
    pub principal_id: String,
    pub principal: String,
    /// Price per TB in force at submission.
    pub price_per_tb: String,
    pub queries: u64,
    pub scanned_bytes: u64,
    pub billed_bytes: u64,
}

/// What one query used: a row of the ledger. Written once, in the transaction of the final state.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageRow {
    pub query_id: String,
    pub principal_id: String,
    pub principal: String,
    pub workgroup: String,
    pub labels: BTreeMap<String, String>,
    pub state: QueryState,
    pub submitted_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    /// Price per TB in force at submission.
    pub price_per_tb: String,
    pub usage: Usage,
}
