//! What can go wrong with the store? One variant per decision that a caller can make.

use std::fmt;

use crate::object::Kind;

/// Results of the store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A failure of the store. `Display` never prints its source; walk `Error::source` for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The change was computed on something that has moved since: read again and decide again.
    #[error("{what} is at version {found}, not {expected}")]
    Conflict {
        /// The object (``table `orders` ``) or `the catalog`.
        what: String,
        /// Version that the caller named.
        expected: i64,
        /// Version in the store.
        found: i64,
    },
    /// The name (or id) is taken below its parent.
    #[error("{kind} `{name}` exists already")]
    AlreadyExists {
        /// Kind of the object that exists.
        kind: Kind,
        /// Its name as the caller gave it.
        name: String,
    },
    /// The object, or one that it refers to, does not exist.
    #[error("{kind} `{id}` does not exist")]
    NotFound {
        /// Kind of what is missing.
        kind: Kind,
        /// Its id.
        id: String,
    },
    /// A delete would leave orphans.
    #[error("{kind} `{name}` is still used by {}", used_by(.children))]
    HasChildren {
        /// Kind of what was to be deleted.
        kind: Kind,
        /// Its name.
        name: String,
        /// `kind name` of (some of) those that use it.
        children: Vec<String>,
    },
    /// The idempotency key has an answer, or is being worked on by another request: look it up and replay it.
    #[error("idempotency key `{key}` has been used")]
    KeyUsed {
        /// The key as the caller gave it.
        key: String,
    },
    /// No query has this id.
    #[error("query `{id}` does not exist")]
    QueryNotFound {
        /// Id of the query.
        id: String,
    },
    /// The query is not in a state from which it can start.
    #[error("query `{id}` is not waiting to start")]
    QueryNotQueued {
        /// Id of the query.
        id: String,
    },
    /// The change set contradicts itself.
    #[error("the change is not valid: {what}")]
    Invalid {
        /// What is wrong.
        what: String,
    },
    /// The store's address cannot be used.
    #[error("the store cannot be opened: {what}")]
    Address {
        /// What is wrong with it. Holds no password.
        what: String,
    },
    /// The schema is older than this binary: run `lakegate migrate`.
    #[error("the store's schema is at version {found}, this binary needs {needed}")]
    SchemaBehind {
        /// Version in the store; 0: empty.
        found: i64,
        /// Version of this binary.
        needed: i64,
    },
    /// The schema was made by a newer binary that shuts out this one.
    #[error("the store's schema (version {found}) needs lakegate {min_binary} or newer")]
    SchemaTooNew {
        /// Version in the store.
        found: i64,
        /// Oldest binary that may use it.
        min_binary: String,
    },
    /// What is stored cannot be what was written.
    #[error("the store is damaged: {what}")]
    Corrupt {
        /// Which record, and how.
        what: String,
    },
    /// The database cannot answer now: try again later.
    #[error("the store is not available")]
    Unavailable(#[source] StoreCause),
    /// The database refused a statement: a mistake of ours or of its administrator.
    #[error("the store refused a statement")]
    Failed(#[source] StoreCause),
}

/// What the database driver said. Opaque: for the log only.
pub struct StoreCause(sqlx::Error);

impl fmt::Debug for StoreCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for StoreCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for StoreCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if passes(&error) {
            Self::Unavailable(StoreCause(error))
        } else {
            Self::Failed(StoreCause(error))
        }
    }
}

impl StoreError {
    /// A stored text that does not parse.
    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }

    /// The same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Did a unique constraint stop the statement?
pub(crate) fn is_unique_violation(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(cause) if cause.is_unique_violation())
}

/// Does the error pass by itself (connection lost, server busy, disk full)?
fn passes(error: &sqlx::Error) -> bool {
    use sqlx::Error;
    match error {
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => true,
        Error::Database(cause) => cause.code().is_some_and(|code| code_passes(&code)),
        _ => false,
    }
}

/// SQLSTATE classes 08 (connection), 40 (rollback), 53 (resources), 57 (operator) and 55P03; SQLite's primary codes
/// BUSY 5, LOCKED 6, NOMEM 7, READONLY 8, IOERR 10, FULL 13, CANTOPEN 14.
fn code_passes(code: &str) -> bool {
    if code.len() == 5 && code.chars().all(|c| c.is_ascii_alphanumeric()) {
        return ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class)) || code == "55P03";
    }
    code.parse::<u32>()
        .is_ok_and(|extended| matches!(extended & 0xff, 5 | 6 | 7 | 8 | 10 | 13 | 14))
}

fn used_by(children: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = children.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if children.len() > SHOWN {
        text.push_str(&format!(" and {} more", children.len() - SHOWN));
    }
    text
}
