//! Which file may be opened, and how? Read-only, below the local roots, with a statement that can always be stopped.

use std::{path::PathBuf, time::Duration};

use sqlx::{
    ConnectOptions, Connection as _,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::from_sqlx;
use crate::{
    connection::Connection,
    error::{ConnectorError, ConnectorErrorKind, Result},
};

/// Steps of SQLite's machine between two looks at the stop sign.
const STEPS: i32 = 4_000;

/// An open database. Dropping it stops its statement.
#[derive(Debug)]
pub(super) struct Database {
    pub connection: SqliteConnection,
    _stop: DropGuard,
}

impl Database {
    /// Opens the file of a connection.
    pub(super) async fn open(connection: &Connection) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path(connection).await?)
            .read_only(true)
            .create_if_missing(false)
            // Views of a foreign file must not call functions with side effects.
            .pragma("trusted_schema", "OFF")
            .pragma("query_only", "ON")
            .busy_timeout(Duration::from_secs(5))
            .statement_cache_capacity(0)
            .row_buffer_size(512)
            .disable_statement_logging();
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(from_sqlx)?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let mut handle = connection.lock_handle().await.map_err(from_sqlx)?;
        handle.set_progress_handler(STEPS, move || !stopped.is_cancelled());
        drop(handle);
        Ok(Self {
            connection,
            _stop: stop.drop_guard(),
        })
    }
}

/// The file, links resolved, if it lies below a local root.
async fn path(connection: &Connection) -> Result<PathBuf> {
    let given = connection.required_text("path")?;
    let path = match &connection.directory {
        Some(directory) => directory.join(given),
        None => PathBuf::from(given),
    };
    let path = tokio::fs::canonicalize(&path).await.map_err(|error| {
        ConnectorError::new(
            ConnectorErrorKind::NotFound,
            "the database file of the connection is not there",
        )
        .with_source(error)
    })?;
    for root in &connection.local_roots {
        // A root that is not there allows nothing.
        if let Ok(root) = tokio::fs::canonicalize(root).await
            && path.starts_with(&root)
        {
            return Ok(path);
        }
    }
    Err(ConnectorError::new(
        ConnectorErrorKind::AccessDenied,
        "the database file of the connection is outside the allowed local roots",
    ))
}
