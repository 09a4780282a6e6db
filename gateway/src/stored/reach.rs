//! Which source stands behind a connection, and does it answer?

use std::sync::Arc;

use lakegate_catalog::{
    connection::Connection,
    id::ObjectId,
    object::{Kind, Stored},
};
use lakegate_query::{connection::Connections, discover::Reached, error::ErrorCode, signal::Signals};
use serde_json::Value;

use super::{Desk, desk::missing};
use crate::error::{ApiError, Result};

impl Desk {
    /// The connection that the entry of a catalog names.
    ///
    /// # Errors
    /// `NOT_FOUND` if it is missing or hidden.
    pub fn connection_of(&self, entry: &Value) -> Result<Arc<Stored<Connection>>> {
        let name = entry
            .get("connection")
            .and_then(Value::as_str)
            .ok_or_else(|| ApiError::invalid("`connection` is missing"))?;
        let found = self
            .snapshot()
            .find_connection(name)
            .filter(|connection| self.reads(Kind::Connection, &connection.id));
        found.cloned().ok_or_else(|| missing(Kind::Connection, name))
    }

    /// Asks a source whether it is there and accepts the credential, which is resolved anew.
    ///
    /// # Errors
    /// What is wrong, in our words: `SOURCE_UNAVAILABLE`, `SOURCE_ACCESS_DENIED`, `SOURCE_FAILED`.
    pub async fn reach(&self, id: &ObjectId) -> Result<()> {
        let stored = self
            .snapshot()
            .connection(id)
            .ok_or_else(|| missing(Kind::Connection, id.as_str()))?;
        let kind = &stored.body.connector;
        let connector = self.app().registry.connector(kind).map_err(|_| {
            ApiError::new(
                ErrorCode::NotSupported,
                format!("connector `{kind}` is not supported in this version"),
            )
        })?;
        let connections = Connections::new(
            Arc::clone(&self.app().secrets),
            self.app().config.sources.local_roots.clone(),
        );
        let reached = Reached {
            name: stored.name.clone(),
            // A test is no traffic of a catalog.
            catalog: String::new(),
            signals: Signals::default(),
            connector: Arc::clone(connector),
            connection: connections.open(stored)?,
        };
        self.app().queries.discovery().ping(&reached).await?;
        Ok(())
    }
}
