//! Which connectors are built in? One line each.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    connector::Connector,
    dynamodb::DynamoDbConnector,
    error::{ConnectorError, Result},
    files::FilesConnector,
    postgres::PostgresConnector,
    remote::routed::Routed,
    sqlite::SqliteConnector,
};

/// The connectors of this process, by kind; each reaches its like in other processes, too.
#[derive(Debug)]
pub struct Registry(BTreeMap<&'static str, Arc<dyn Connector>>);

impl Registry {
    /// All built-in connectors.
    #[must_use]
    pub fn built_in() -> Self {
        let connectors: Vec<Arc<dyn Connector>> = vec![
            // sorted: start
            Arc::new(DynamoDbConnector::new()),
            Arc::new(FilesConnector::new()),
            Arc::new(PostgresConnector::new()),
            Arc::new(SqliteConnector::new()),
            // sorted: end
        ];
        Self(
            connectors
                .into_iter()
                .map(|connector| {
                    (
                        connector.spec().kind,
                        Arc::new(Routed::over(connector)) as Arc<dyn Connector>,
                    )
                })
                .collect(),
        )
    }

    /// The connector of a kind.
    ///
    /// # Errors
    /// `NOT_SUPPORTED` if this version has none.
    pub fn connector(&self, kind: &str) -> Result<&Arc<dyn Connector>> {
        self.0
            .get(kind)
            .ok_or_else(|| ConnectorError::unsupported(format!("connector `{kind}` is not supported")))
    }

    /// The kinds, sorted.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::built_in()
    }
}
