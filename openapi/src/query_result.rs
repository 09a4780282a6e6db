//! What does a result look like as JSON, and which part of it is asked for?

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A result as `application/json`. 64-bit integers and decimals are strings, binary is base64, NaN and infinities are
/// strings; dates and times are ISO 8601, intervals ISO durations; a row is an object, an array an array, a map an array
/// of `[key, value]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueryResult {
    pub columns: Vec<ResultColumn>,
    /// One array of values per row.
    pub rows: Vec<Vec<Value>>,
    /// Absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResultColumn {
    pub name: String,
    /// In Trino's spelling: `decimal(12,2)`, `row(a varchar)`.
    #[serde(rename = "type")]
    pub type_text: String,
    pub nullable: bool,
}

/// Which rows of a result.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FetchResults {
    /// Rows of this page; absent: all.
    #[serde(default)]
    pub limit: Option<u64>,
    /// `next_cursor` of the page before (header `Lakegate-Next-Cursor`).
    #[serde(default)]
    pub cursor: Option<String>,
}
