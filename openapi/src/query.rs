//! What does a query look like, before, while and after it runs?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::error::ErrorLocation;

/// A statement to run, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitQuery {
    /// One statement, at most 262,144 bytes.
    #[schema(example = "SELECT region, count(*) FROM lake.sales.orders GROUP BY region")]
    pub sql: String,
    /// Catalog of one- and two-part names; absent: the default catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    /// Database of one-part names; absent: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Who pays and how much may run; absent: `primary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workgroup: Option<String>,
    /// Values of the statement's `?`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Value>,
    /// `datafusion` (default); others are not supported yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
    /// Free texts that stay with the query and its usage.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The declared purpose, which policies may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Name of the user on whose behalf the caller acts (needs `Impersonate`): the query shows what both may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Tighter limits than the workgroup's.
    #[serde(default)]
    pub limits: QueryLimits,
}

/// Limits of one query. The tighter of these and the workgroup's holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryLimits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Where a query is. The last three are final.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum QueryState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// One query, from submission to its final state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Query {
    /// A UUID, the same in every door, log and ledger.
    pub id: String,
    pub state: QueryState,
    pub sql: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    pub workgroup: String,
    /// Name of the submitter.
    pub principal: String,
    /// `rest`, `internal`, …
    pub door: String,
    /// `User-Agent` of the submitter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Name of the user on whose behalf the submitter acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// `SELECT`, `EXPLAIN`, `SHOW`, …; known after parsing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    #[schema(format = DateTime)]
    pub submitted_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// Rows of the result.
    pub rows: u64,
    pub usage: QueryUsage,
    /// Why it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<QueryFailure>,
    /// Until when the result can be fetched; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub results_expire_at: Option<String>,
}

/// What a query read. Members that the caller may not learn are absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryUsage {
    /// Stored bytes that the plan asked for.
    pub scanned_bytes: u64,
    /// Bytes that crossed the wire from object stores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_bytes: Option<u64>,
    /// Bytes that connectors returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billed_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spilled_bytes: Option<u64>,
    /// Bytes by connection name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_connection: BTreeMap<String, u64>,
    /// Price per TB in force at submission (`5.00 USD`).
    pub price_per_tb: String,
}

/// Why a query did not succeed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryFailure {
    pub code: String,
    pub message: String,
    pub retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<ErrorLocation>,
}

/// A page of queries, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryList {
    pub items: Vec<Query>,
    /// Absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which queries to list.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQueries {
    /// Only queries in this state.
    #[serde(default)]
    pub state: Option<QueryState>,
    /// Only queries of this workgroup.
    #[serde(default)]
    pub workgroup: Option<String>,
    /// Page size, 1 to 1000; absent: 50.
    #[serde(default)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// How long to wait for a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FindQuery {
    /// Answer when the state changes, at the latest after this time (at most 60,000).
    #[serde(default)]
    pub wait_ms: Option<u64>,
}

/// Progress of a running query. Figures that the caller may not learn are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryProgress {
    pub rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    pub elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<u32>,
}
