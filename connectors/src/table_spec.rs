//! What does a source say about one of its tables?

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use crate::{capability::Capabilities, scan::ColumnId, split::Handle};

/// Name of a database (schema) or table as the source spells it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
pub struct RemoteName {
    /// Database or schema; `None` where the name is that of a database itself.
    pub database: Option<String>,
    pub name: String,
}

impl RemoteName {
    /// Name of a database.
    #[must_use]
    pub fn database(name: impl Into<String>) -> Self {
        Self {
            database: None,
            name: name.into(),
        }
    }

    /// Name of a table.
    #[must_use]
    pub fn table(database: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            database: Some(database.into()),
            name: name.into(),
        }
    }
}

/// A table as the source has it now.
#[derive(Clone, Debug)]
pub struct TableSpec {
    pub name: RemoteName,
    /// Arrow fields, in the order and spelling of the source.
    pub schema: SchemaRef,
    /// One per field of `schema`.
    pub columns: Vec<ColumnSpec>,
    pub keys: Vec<KeySpec>,
    pub indexes: Vec<IndexSpec>,
    /// For `ScanSpec`'s `Relation::Table`.
    pub handle: Handle,
    /// Narrowed for this table.
    pub capabilities: Capabilities,
    /// Never exact.
    pub statistics: Statistics,
    pub version: Option<SourceVersion>,
    /// Names and types of its columns follow from rows that were looked at, whoever may see them.
    pub sampled: bool,
}

/// A column beyond its Arrow field.
#[derive(Clone, Debug)]
pub struct ColumnSpec {
    pub id: ColumnId,
    /// Type as the source writes it, e.g. `numeric(12,2)`.
    pub remote_type: String,
    pub collation: Option<String>,
    pub nullable: bool,
    /// Why the column cannot be read, if it cannot (it is left out of no listing, but refused when used).
    pub unsupported: Option<String>,
    pub comment: Option<String>,
}

/// A primary or unique key.
#[derive(Clone, Debug)]
pub struct KeySpec {
    pub primary: bool,
    pub columns: Vec<ColumnId>,
}

/// An index that makes filters on its leading columns cheap.
#[derive(Clone, Debug)]
pub struct IndexSpec {
    pub name: String,
    pub columns: Vec<ColumnId>,
    pub unique: bool,
}

/// Estimates; never exact.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
pub struct Statistics {
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
}

/// Version of the source's object: etag, snapshot id.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SourceVersion(pub String);
