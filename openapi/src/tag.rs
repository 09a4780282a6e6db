//! What do tag keys look like, and the tags of an object?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tag key to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreateTagKey {
    /// Unique, whatever the case.
    pub name: String,
    /// Allowed values; any if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// `values` go from least to most restrictive.
    #[serde(default)]
    pub ordered: bool,
}

/// A tag key as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagKey {
    /// Immutable.
    pub id: String,
    /// Unique, whatever the case.
    pub name: String,
    /// Allowed values; any if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// `values` go from least to most restrictive.
    #[serde(default)]
    pub ordered: bool,
    /// Grows with every change; the `ETag`.
    pub version: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// Tags of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectTags {
    /// Set on the object itself.
    pub own: BTreeMap<String, String>,
    /// What holds: the nearest value of catalog, database, table and column.
    pub effective: BTreeMap<String, String>,
}

/// Tags to set on an object in place of those that it has itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTags {
    pub own: BTreeMap<String, String>,
}
