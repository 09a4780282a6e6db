//! What are catalogs, databases, tables, columns, partitions and views? The containers and relations of the lake.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    governance::BoundColumn,
    id::ObjectId,
    name::TableName,
    object::{Kind, Noun},
};

/// Body of a catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// Id of its connection.
    pub connection: ObjectId,
    /// Unqualified names resolve here (database `default`).
    #[serde(default)]
    pub default: bool,
    /// Databases and tables are those of the source, found when they are used.
    #[serde(default)]
    pub discover: bool,
    #[serde(default)]
    pub comment: Option<String>,
    /// Tags set here (not inherited ones).
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Body of a database; its parent is a catalog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// Relative to the connection's root, or absolute.
    #[serde(default)]
    pub location: Option<String>,
    #[serde(default)]
    pub comment: Option<String>,
    /// Id of the owning role; `None`: the built-in role `admin`.
    #[serde(default)]
    pub owner: Option<ObjectId>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Made by discovery, not declared.
    #[serde(default)]
    pub discovered: bool,
    /// The source's own spelling, if discovered.
    #[serde(default)]
    pub remote_name: Option<String>,
}

/// How the files of a table are written.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableFormat {
    Avro,
    Csv,
    Ndjson,
    Orc,
    Parquet,
}

/// Where the partitions of a table come from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartitionMode {
    /// Not partitioned, or no mode given.
    #[default]
    None,
    /// `key=value` folders, listed once per query.
    Hive,
    /// Stored partitions, each with its own location.
    Declared,
    /// Counted out by rules in the options when the table is read.
    Projection,
}

/// What a file without a column that a policy reads means (governance.md §3 rule 6).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AbsentPolicyColumns {
    /// The statement is denied.
    #[default]
    Deny,
    /// The column is NULL.
    Null,
}

/// A column of a table. Its id survives renames and dies with a drop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub id: ObjectId,
    pub name: String,
    /// The source's own spelling where it differs from `name`.
    #[serde(default)]
    pub remote_name: Option<String>,
    /// Trino spelling: `bigint`, `decimal(12,2)`, `timestamp(6)`, `row(a varchar)`.
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(default = "yes")]
    pub nullable: bool,
    #[serde(default)]
    pub comment: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Value comes from the partition, not from the file. Partition columns stand last.
    #[serde(default)]
    pub partition: bool,
}

fn yes() -> bool {
    true
}

/// What discovery knows about a table of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemoteTable {
    /// The source's own spelling of database and table.
    pub database: String,
    pub table: String,
    /// The source's own id where it has one (PostgreSQL: oid): a re-created table is a new table.
    #[serde(default)]
    pub source_id: Option<String>,
    /// It vanished at the source; its id is never used again.
    #[serde(default)]
    pub retired: bool,
    /// Its columns follow from rows that the source looked at: they stay as they are once filters or masks stand on the table.
    #[serde(default)]
    pub sampled: bool,
}

/// Body of a table; its parent is a database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// `None` for discovered tables.
    #[serde(default)]
    pub format: Option<TableFormat>,
    /// Below the database's, or absolute.
    #[serde(default)]
    pub location: Option<String>,
    /// All columns, partition columns last.
    pub columns: Vec<Column>,
    /// `columns: infer` was declared.
    #[serde(default)]
    pub inferred: bool,
    #[serde(default)]
    pub partitions: PartitionMode,
    #[serde(default)]
    pub options: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub comment: Option<String>,
    #[serde(default)]
    pub owner: Option<ObjectId>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub absent_policy_columns: AbsentPolicyColumns,
    /// Set for tables of discovered catalogs.
    #[serde(default)]
    pub remote: Option<RemoteTable>,
}

impl Table {
    /// Its columns follow from rows that were looked at, whoever may see them.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.sampled)
    }

    /// It vanished at its source: it has no name any more, and its id is never used again.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.retired)
    }
}

/// Body of a stored partition; its parent is a table, its name `key=value/…` in partition column order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    /// One per partition column; `None` is NULL.
    pub values: Vec<Option<String>>,
    /// Below the table's, or absolute.
    pub location: String,
}

/// Whose rights a view's body uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ViewSecurity {
    Invoker,
    /// Id of the user.
    Definer(ObjectId),
}

/// Body of a view; its parent is a database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub sql: String,
    pub security: ViewSecurity,
    /// Fixed when the view is made.
    pub columns: Vec<Column>,
    /// Ids of the columns of the bases that each column is computed from, in the order of `columns`.
    #[serde(default)]
    pub lineage: Vec<Vec<ObjectId>>,
    /// Catalog and database that unqualified names of `sql` meant when the view was made.
    #[serde(default)]
    pub within: (String, String),
    /// What `sql` reads, by id: a renamed relation stays bound, a dropped one breaks the view.
    #[serde(default)]
    pub bases: Vec<ViewBase>,
    #[serde(default)]
    pub comment: Option<String>,
    #[serde(default)]
    pub owner: Option<ObjectId>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A relation that a view reads, as it was when the view was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewBase {
    /// The name in the view's text, completed.
    pub name: TableName,
    /// Of the table or view.
    pub id: ObjectId,
    /// All columns that `*` meant then.
    pub columns: Vec<BoundColumn>,
    /// Ids of those that the view reads: without one of them there is no view.
    pub uses: Vec<ObjectId>,
}

impl View {
    /// The view as a relation with these columns: what decides about tables decides about views.
    #[must_use]
    pub fn relation(&self) -> Table {
        Table {
            format: None,
            location: None,
            columns: self.columns.clone(),
            inferred: false,
            partitions: PartitionMode::None,
            options: BTreeMap::new(),
            comment: self.comment.clone(),
            owner: self.owner.clone(),
            tags: self.tags.clone(),
            absent_policy_columns: AbsentPolicyColumns::Deny,
            remote: None,
        }
    }
}

impl Noun for Catalog {
    const KIND: Kind = Kind::Catalog;
}
impl Noun for Database {
    const KIND: Kind = Kind::Database;
}
impl Noun for Table {
    const KIND: Kind = Kind::Table;
}
impl Noun for Partition {
    const KIND: Kind = Kind::Partition;
}
impl Noun for View {
    const KIND: Kind = Kind::View;
}
