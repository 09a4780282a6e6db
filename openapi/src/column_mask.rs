//! What does a mask of a column look like?

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A column mask to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreateColumnMask {
    /// Unique in its column.
    pub name: String,
    /// Name after Iceberg's ReadRestrictions, such as `show-last-4`, or ours: `hmac-sha-256`, `keep(4, right)`, `bucket(100)`,
    /// `constant('n/a')`.
    pub func: String,
    /// Of the permitted masks the lowest rank applies; unique per column.
    pub rank: i64,
    /// Columns with one domain hash alike; absent: the column is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

/// A column mask as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnMask {
    /// Immutable.
    pub id: String,
    /// `catalog.database.table.column/mask`.
    pub name: String,
    /// Name after Iceberg's ReadRestrictions, such as `show-last-4`.
    pub func: String,
    /// Of the permitted masks the lowest rank applies; unique per column.
    pub rank: i64,
    /// Columns with one domain hash alike; absent: the column is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Grows with every change; the `ETag`.
    pub version: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}
