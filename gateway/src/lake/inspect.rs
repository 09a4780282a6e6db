//! What must a source be asked while a lake is checked? Columns of files to infer, and tables of discovered catalogs.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use lakegate_catalog::{connection::Connection, object::Stored, relation::Table};

/// A column as a source has it.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundColumn {
    /// In the source's spelling.
    pub name: String,
    /// In Trino's spelling.
    pub data_type: String,
    pub nullable: bool,
}

/// A table as a source has it.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundTable {
    /// The source's own spelling.
    pub database: String,
    pub table: String,
    /// The source's own id, where it has one.
    pub source_id: Option<String>,
    pub columns: Vec<FoundColumn>,
    /// They follow from rows that were looked at.
    pub sampled: bool,
}

/// Why a source could not be asked; our words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InspectError {
    /// Lowercase sentence.
    pub message: String,
    /// It may answer later: not reachable, throttled, timed out.
    pub unreachable: bool,
}

/// Asks sources. Connections may be new: their id and version are no cache key.
#[async_trait]
pub trait Inspector: Debug + Send + Sync {
    /// Columns of the files of a table (without its partition columns).
    ///
    /// # Errors
    /// The files cannot be read, or there are none.
    async fn infer(
        &self,
        connection: &Stored<Connection>,
        database_location: Option<&str>,
        table: &Table,
    ) -> Result<Vec<FoundColumn>, InspectError>;

    /// A table of a discovered catalog by its name in lower case; `None`: the source answers and has no such table.
    ///
    /// # Errors
    /// The source cannot be asked.
    async fn describe(
        &self,
        connection: &Stored<Connection>,
        database: &str,
        table: &str,
    ) -> Result<Option<FoundTable>, InspectError>;
}

/// For callers without sources (tests, built-ins): nothing can be reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSources;

#[async_trait]
impl Inspector for NoSources {
    async fn infer(
        &self,
        _: &Stored<Connection>,
        _: Option<&str>,
        _: &Table,
    ) -> Result<Vec<FoundColumn>, InspectError> {
        Err(unreachable())
    }

    async fn describe(&self, _: &Stored<Connection>, _: &str, _: &str) -> Result<Option<FoundTable>, InspectError> {
        Err(unreachable())
    }
}

fn unreachable() -> InspectError {
    InspectError {
        message: "the source cannot be reached".to_owned(),
        unreachable: true,
    }
}

/// An inspector that may be shared.
pub type SharedInspector = Arc<dyn Inspector>;
