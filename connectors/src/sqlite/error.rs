//! What does a failure of SQLite mean to the caller?

use sqlx::error::DatabaseError;

use crate::error::{ConnectorError, ConnectorErrorKind};

/// Our words for a failure of the library; its own text goes to the log.
pub(super) fn from_sqlx(error: sqlx::Error) -> ConnectorError {
    let (kind, message) = match &error {
        sqlx::Error::Database(database) => of_database(database.as_ref()),
        sqlx::Error::Io(_) => (ConnectorErrorKind::Unavailable, "the database file cannot be read"),
        _ => (ConnectorErrorKind::SourceFailed, "the database failed"),
    };
    let failure = ConnectorError::new(kind, message);
    let code = error.as_database_error().and_then(DatabaseError::code);
    let failure = match code {
        Some(code) => failure.with_status(code),
        None => failure,
    };
    failure.with_source(error)
}

/// By result code (<https://www.sqlite.org/rescode.html>); the low byte is the primary code.
fn of_database(error: &dyn DatabaseError) -> (ConnectorErrorKind, &'static str) {
    let code = error
        .code()
        .and_then(|code| code.parse::<u32>().ok())
        .map(|code| code & 0xff);
    let gone = |what: &str| error.message().starts_with(what);
    match code {
        Some(1) if gone("no such table") || gone("no such column") => {
            (ConnectorErrorKind::SchemaChanged, "the table is no longer as it was")
        }
        Some(3 | 23) => (ConnectorErrorKind::AccessDenied, "the database file may not be read"),
        Some(5 | 6) => (ConnectorErrorKind::Unavailable, "the database is locked by a writer"),
        Some(9) => (ConnectorErrorKind::Cancelled, "the call was cancelled"),
        Some(10 | 14) => (ConnectorErrorKind::Unavailable, "the database file cannot be opened"),
        Some(11 | 26) => (
            ConnectorErrorKind::SourceFailed,
            "the file is not a sound SQLite database",
        ),
        Some(18) => (
            ConnectorErrorKind::LimitExceeded,
            "a value is too large for the database",
        ),
        _ => (ConnectorErrorKind::SourceFailed, "the database failed"),
    }
}
