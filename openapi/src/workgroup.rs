//! What does a workgroup look like?

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A workgroup to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreateWorkgroup {
    /// Unique, whatever the case.
    pub name: String,
    /// Statements that run at once; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Statements that wait; 200 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<u32>,
    /// Cut-off, at least 10,000,000; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_scanned_bytes_per_query: Option<u64>,
    /// Such as `5.00 USD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_tb: Option<String>,
    /// Refuses new statements.
    #[serde(default)]
    pub disabled: bool,
}

/// A workgroup as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Workgroup {
    /// Immutable.
    pub id: String,
    /// Unique, whatever the case.
    pub name: String,
    /// Statements that run at once; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Statements that wait; 200 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<u32>,
    /// Cut-off, at least 10,000,000; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_scanned_bytes_per_query: Option<u64>,
    /// Such as `5.00 USD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_tb: Option<String>,
    /// Refuses new statements.
    #[serde(default)]
    pub disabled: bool,
    /// Grows with every change; the `ETag`.
    pub version: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}
