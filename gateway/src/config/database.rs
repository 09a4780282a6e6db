//! Where is the metadata store?

use std::{fmt, path::Path};

use super::settings::Settings;

/// Section `database`.
#[derive(Clone, PartialEq)]
pub struct Database {
    /// `sqlite:///path/file.db` or `postgres://…`; default: SQLite in the data directory.
    pub url: String,
    pub max_connections: u32,
}

/// Never prints the address: it may hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

impl Database {
    pub(super) fn read(settings: &mut Settings, data: &Path) -> Self {
        let embedded = || format!("sqlite://{}", data.join("lakegate.db").display());
        let max_connections = settings.number("database.max_connections", 16, 1..=1000);
        Self {
            url: settings.secret("database.url").unwrap_or_else(embedded),
            max_connections: u32::try_from(max_connections).unwrap_or(u32::MAX),
        }
    }

    /// The store belongs to this process alone and is migrated by it.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.url.starts_with("sqlite://")
    }
}
