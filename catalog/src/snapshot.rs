//! What did the catalog hold at one moment? An immutable, indexed picture with its version.

mod entity;
mod field;
mod index;
mod lineage;
mod lookup;
mod relate;
mod tags;

use std::{collections::HashMap, sync::Arc};

use crate::{
    connection::Connection,
    governance::{ColumnMask, DataFilter, Policy, TagKey},
    id::ObjectId,
    identity::{Grant, Key, Role, User, Workgroup},
    object::Stored,
    relation::{Catalog, Column, Database, Partition, Table, View},
    secret::Secret,
};

pub use self::{relate::ADMIN_ROLE, tags::Tags};

/// Everything stored, as of one version. Built by one batched read; shared by reference; never changes.
/// (Partitions are many: they are read per table by `Store::partitions`.)
///
/// The vectors are sorted by lower-case name, then id. [`Snapshot::indexed`] makes the look-up tables.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The epoch: one number for catalog and policies, incremented in the transaction of every change.
    pub version: i64,
    pub connections: Vec<Arc<Stored<Connection>>>,
    pub catalogs: Vec<Arc<Stored<Catalog>>>,
    pub databases: Vec<Arc<Stored<Database>>>,
    /// Retired tables of discovered catalogs included.
    pub tables: Vec<Arc<Stored<Table>>>,
    pub views: Vec<Arc<Stored<View>>>,
    pub tags: Vec<Arc<Stored<TagKey>>>,
    pub data_filters: Vec<Arc<Stored<DataFilter>>>,
    pub column_masks: Vec<Arc<Stored<ColumnMask>>>,
    pub policies: Vec<Arc<Stored<Policy>>>,
    pub roles: Vec<Arc<Stored<Role>>>,
    pub users: Vec<Arc<Stored<User>>>,
    pub grants: Vec<Arc<Stored<Grant>>>,
    pub workgroups: Vec<Arc<Stored<Workgroup>>>,
    pub keys: Vec<Arc<Stored<Key>>>,
    /// The newest version of the tenant's mask key, sealed.
    pub mask_key: Option<Arc<Secret>>,
    pub index: SnapshotIndex,
}

/// Look-up tables of a snapshot; positions in its vectors. Names are in lower case.
#[derive(Debug, Default)]
pub struct SnapshotIndex {
    pub catalog_by_name: HashMap<String, usize>,
    pub catalog_by_id: HashMap<ObjectId, usize>,
    /// Position of the default catalog.
    pub default_catalog: Option<usize>,
    /// (catalog id, lower-case name).
    pub database_by_name: HashMap<(ObjectId, String), usize>,
    pub database_by_id: HashMap<ObjectId, usize>,
    pub databases_by_catalog: HashMap<ObjectId, Vec<usize>>,
    /// (database id, lower-case name); retired tables are absent.
    pub table_by_name: HashMap<(ObjectId, String), usize>,
    pub table_by_id: HashMap<ObjectId, usize>,
    /// Retired tables are absent.
    pub tables_by_database: HashMap<ObjectId, Vec<usize>>,
    pub view_by_name: HashMap<(ObjectId, String), usize>,
    pub view_by_id: HashMap<ObjectId, usize>,
    pub views_by_database: HashMap<ObjectId, Vec<usize>>,
    /// Columns of tables and views.
    pub column_by_id: HashMap<ObjectId, ColumnSlot>,
    pub connection_by_id: HashMap<ObjectId, usize>,
    pub connection_by_name: HashMap<String, usize>,
    /// Table (or view) id → filters.
    pub filters_by_table: HashMap<ObjectId, Vec<usize>>,
    pub filter_by_id: HashMap<ObjectId, usize>,
    /// Column id → masks, in the order of their ranks.
    pub masks_by_column: HashMap<ObjectId, Vec<usize>>,
    pub mask_by_id: HashMap<ObjectId, usize>,
    pub tag_by_id: HashMap<ObjectId, usize>,
    pub tag_by_name: HashMap<String, usize>,
    pub policy_by_id: HashMap<ObjectId, usize>,
    pub policy_by_name: HashMap<String, usize>,
    pub role_by_id: HashMap<ObjectId, usize>,
    pub role_by_name: HashMap<String, usize>,
    pub user_by_id: HashMap<ObjectId, usize>,
    pub user_by_name: HashMap<String, usize>,
    /// `issuer~subject` → user.
    pub user_by_subject: HashMap<String, usize>,
    pub grant_by_id: HashMap<ObjectId, usize>,
    pub key_by_id: HashMap<ObjectId, usize>,
    pub key_by_name: HashMap<String, usize>,
    /// Hex HMAC → key.
    pub key_by_hmac: HashMap<String, usize>,
    pub workgroup_by_id: HashMap<ObjectId, usize>,
    pub workgroup_by_name: HashMap<String, usize>,
}

/// Where a column stands: position of its relation and its own position in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ColumnSlot {
    /// A column of a table.
    Table(usize, usize),
    /// A column of a view.
    View(usize, usize),
}

/// A table, or a view in the shape of one, with the path that leads to it.
#[derive(Clone, Debug)]
pub struct TablePath {
    pub catalog: Arc<Stored<Catalog>>,
    pub database: Arc<Stored<Database>>,
    /// Id, name, version and columns; of a view, there is no more to it.
    pub table: Arc<Stored<Table>>,
    /// That of the catalog.
    pub connection: Arc<Stored<Connection>>,
    /// Set if the relation is a view.
    pub view: Option<Arc<Stored<View>>>,
}

impl TablePath {
    /// `Table` or `View`: the Cedar entity type of the relation.
    #[must_use]
    pub fn entity_type(&self) -> &'static str {
        if self.view.is_some() { "View" } else { "Table" }
    }
}

/// A view with the path that leads to it.
#[derive(Clone, Debug)]
pub struct ViewPath {
    pub catalog: Arc<Stored<Catalog>>,
    pub database: Arc<Stored<Database>>,
    pub view: Arc<Stored<View>>,
}

/// Partitions of one table, sorted by name.
pub type Partitions = Vec<Arc<Stored<Partition>>>;

/// A column with its table, found by the column's id.
#[derive(Clone, Debug)]
pub struct ColumnPath {
    pub table: Arc<Stored<Table>>,
    pub column: Column,
}
