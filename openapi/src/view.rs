//! What does a view look like?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::table::TableColumn;

/// A view to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreateView {
    /// Unique in its database, among tables too.
    pub name: String,
    /// One query; names without a catalog belong to the view's own database. What it means is settled now.
    pub sql: String,
    /// `invoker` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<ViewSecurity>,
    /// Columns that have tags or a comment of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ViewColumn>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// `role:NAME`; absent: `role:admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Tag key to value, set here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Whose rights a view reads with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ViewSecurity {
    /// `invoker`: those of its reader.
    Invoker(String),
    /// Those of a user, who must hold `select` with grant option on everything that the view reads.
    Definer {
        /// `user:NAME`.
        definer: String,
    },
}

/// What is said about a column of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewColumn {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// A view as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// Immutable.
    pub id: String,
    /// `catalog.database.view`.
    pub name: String,
    /// Absent for those who may not describe the view and everything that it reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// Absent for those who may not describe the view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<ViewSecurity>,
    /// The visible columns, in order.
    pub columns: Vec<TableColumn>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// `role:NAME`; absent: `role:admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Tag key to value, set here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Why nobody can read it; only for those who may alter it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
    /// Grows with every change; the `ETag`.
    pub version: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}
