//! What does a table look like, and its columns and partitions?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A table to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreateTable {
    /// Unique in its database.
    pub name: String,
    /// `parquet`, `avro`, `orc`, `csv` or `ndjson`; absent for tables of a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Below the database's, or absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The columns, or the word `infer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<TableColumns>,
    /// Columns whose values come from the partition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitioned_by: Vec<TableColumn>,
    /// `hive`, `declared`, `projection`, or a list of partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Value>,
    /// Options of the format.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Value>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// `role:NAME`; absent: `role:admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Tag key to value, set here; inherited ones are under `…/tags`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// `deny` if absent, or `null`: what a file without a column of a policy means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_policy_columns: Option<String>,
}

/// A table as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Immutable.
    pub id: String,
    /// `catalog.database.table`.
    pub name: String,
    /// `parquet`, `avro`, `orc`, `csv` or `ndjson`; absent for tables of a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Below the database's, or absolute; absent for those who may not read the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The visible columns, in order.
    pub columns: Vec<TableColumn>,
    /// The visible columns whose values come from the partition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitioned_by: Vec<TableColumn>,
    /// `hive`, `declared` or `projection`; declared ones are under `…/partitions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<String>,
    /// Options of the format.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Value>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// `role:NAME`; absent: `role:admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Tag key to value, set here; inherited ones are under `…/tags`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// `deny` if absent, or `null`: what a file without a column of a policy means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_policy_columns: Option<String>,
    /// The columns were read from the files.
    #[serde(default)]
    pub inferred: bool,
    /// A table of a source, found and not declared.
    #[serde(default)]
    pub discovered: bool,
    /// Grows with every change; the `ETag`.
    pub version: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// Columns of a new table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum TableColumns {
    /// `infer`: read them from the files.
    Infer(String),
    List(Vec<TableColumn>),
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TableColumn {
    pub name: String,
    /// In Trino's spelling: `decimal(12,2)`, `row(a varchar)`.
    #[serde(rename = "type")]
    pub type_text: String,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    #[schema(default = true)]
    pub nullable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Its value comes from the partition.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partition: bool,
}

/// A declared partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePartition {
    /// Partition column to value; null is NULL.
    pub values: BTreeMap<String, Option<String>>,
    /// Below the table's, or absolute.
    pub location: String,
}

/// A declared partition as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    pub id: String,
    /// `key=value/…` in the order of the partition columns.
    pub name: String,
    pub values: BTreeMap<String, Option<String>>,
    pub location: String,
    pub version: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

fn yes() -> bool {
    true
}

fn is_true(flag: &bool) -> bool {
    *flag
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
