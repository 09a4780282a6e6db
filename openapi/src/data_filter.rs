//! What does a row filter of a table look like?

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A data filter to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreateDataFilter {
    /// Unique in its table.
    pub name: String,
    /// SQL condition that a visible row satisfies.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The same in Cedar, instead of `where`: `when { … }`, perhaps `unless { … }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cedar: Option<String>,
    /// The columns that it opens; all if neither this nor `except` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// All columns but these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<Vec<String>>,
    /// Binds everybody, without a grant.
    #[serde(default)]
    pub restrictive: bool,
    /// `user:NAME`: with whose rights a mapping (`IN (SELECT …)`) is read; who published the filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
}

/// A data filter as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataFilter {
    /// Immutable.
    pub id: String,
    /// `catalog.database.table/filter`.
    pub name: String,
    /// SQL condition that a visible row satisfies.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The same in Cedar, instead of `where`: `when { … }`, perhaps `unless { … }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cedar: Option<String>,
    /// The columns that it opens; all if neither this nor `except` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// All columns but these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<Vec<String>>,
    /// Binds everybody, without a grant.
    #[serde(default)]
    pub restrictive: bool,
    /// `user:NAME`: with whose rights a mapping (`IN (SELECT …)`) is read; who published the filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Grows with every change; the `ETag`.
    pub version: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}
