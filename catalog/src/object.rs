//! What do all stored objects have in common? Id, name, parent, version, owning lake and times around a typed body.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::id::ObjectId;

/// Lake name of what was made through the API and not by `apply`.
pub const LOCAL_LAKE: &str = "local";
/// Lake name of built-ins: never exported, never pruned.
pub const BUILTIN_LAKE: &str = "builtin";

/// The kinds of stored objects. Each has one table with the same columns in the store.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Connection,
    Catalog,
    Database,
    Table,
    View,
    Partition,
    Tag,
    DataFilter,
    ColumnMask,
    Policy,
    Role,
    User,
    Grant,
    Workgroup,
    Key,
}

impl Kind {
    /// Every kind, parents before children.
    pub const ALL: [Self; 15] = [
        Self::Connection,
        Self::Catalog,
        Self::Database,
        Self::Table,
        Self::View,
        Self::Partition,
        Self::Tag,
        Self::DataFilter,
        Self::ColumnMask,
        Self::Policy,
        Self::Role,
        Self::User,
        Self::Grant,
        Self::Workgroup,
        Self::Key,
    ];

    /// Kebab-case word, as in messages, REST bodies and the export.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Catalog => "catalog",
            Self::Database => "database",
            Self::Table => "table",
            Self::View => "view",
            Self::Partition => "partition",
            Self::Tag => "tag",
            Self::DataFilter => "data-filter",
            Self::ColumnMask => "column-mask",
            Self::Policy => "policy",
            Self::Role => "role",
            Self::User => "user",
            Self::Grant => "grant",
            Self::Workgroup => "workgroup",
            Self::Key => "key",
        }
    }

    /// Cedar entity type without its namespace; `None` if the kind is no entity.
    #[must_use]
    pub fn entity_type(self) -> Option<&'static str> {
        match self {
            Self::Connection => Some("Connection"),
            Self::Catalog => Some("Catalog"),
            Self::Database => Some("Database"),
            Self::Table => Some("Table"),
            Self::View => Some("View"),
            Self::Tag => Some("TagKey"),
            Self::DataFilter => Some("DataFilter"),
            Self::ColumnMask => Some("ColumnMask"),
            Self::Role => Some("Role"),
            Self::User => Some("User"),
            Self::Workgroup => Some("Workgroup"),
            Self::Partition | Self::Policy | Self::Grant | Self::Key => None,
        }
    }

    /// Name of the store's table.
    #[must_use]
    pub fn store_table(self) -> &'static str {
        match self {
            Self::Connection => "connections",
            Self::Catalog => "catalogs",
            Self::Database => "databases",
            Self::Table => "tables",
            Self::View => "views",
            Self::Partition => "partitions",
            Self::Tag => "tags",
            Self::DataFilter => "data_filters",
            Self::ColumnMask => "column_masks",
            Self::Policy => "policies",
            Self::Role => "roles",
            Self::User => "users",
            Self::Grant => "grants",
            Self::Workgroup => "workgroups",
            Self::Key => "api_keys",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A body that can be stored: the part of an object that differs from kind to kind.
pub trait Noun: fmt::Debug + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Which kind this body belongs to.
    const KIND: Kind;
}

/// A stored object. `name` is unique below `parent` within its kind (compared in lower case).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored<B> {
    pub id: ObjectId,
    /// Catalog → connection-less top level: `None`; database → catalog; table, view → database; partition, data filter →
    /// table (or view); column mask → **column id**; all other kinds: `None`.
    pub parent: Option<ObjectId>,
    pub name: String,
    /// 1 at creation, plus one with every change; the `ETag` of REST.
    pub version: i64,
    /// Which lake applied it; [`LOCAL_LAKE`] for the API, [`BUILTIN_LAKE`] for built-ins.
    pub lake: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub body: B,
}
