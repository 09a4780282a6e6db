//! What does a catalog look like?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A catalog to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreateCatalog {
    /// Unique, whatever the case.
    pub name: String,
    /// Name of its connection.
    pub connection: String,
    /// Unqualified names resolve here.
    #[serde(default)]
    pub default: bool,
    /// Databases and tables are those of the source.
    #[serde(default)]
    pub discover: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Tag key to value, set here; inherited ones are under `…/tags`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// A catalog as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// Immutable.
    pub id: String,
    /// Unique, whatever the case.
    pub name: String,
    /// Name of its connection; absent for those who may only know of the catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Unqualified names resolve here.
    #[serde(default)]
    pub default: bool,
    /// Databases and tables are those of the source.
    #[serde(default)]
    pub discover: bool,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Tag key to value, set here; inherited ones are under `…/tags`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Grows with every change; the `ETag`.
    pub version: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}
