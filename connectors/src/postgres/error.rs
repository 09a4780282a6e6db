//! What does a failure of the server or of the way to it mean to the caller?

use std::error::Error as StdError;

use tokio_postgres::{Error, error::SqlState};

use crate::error::{ConnectorError, ConnectorErrorKind};

/// Our words for a failure; the server's own text goes to the log where it cannot quote a value.
pub(super) fn from_postgres(error: Error) -> ConnectorError {
    let (kind, message) = match error.as_db_error() {
        Some(database) => of_state(database.code()),
        None if is_certificate(&error) => (
            ConnectorErrorKind::Unauthenticated,
            "the certificate of the source is not trusted",
        ),
        None => (ConnectorErrorKind::Unavailable, "the source cannot be reached"),
    };
    let failure = ConnectorError::new(kind, message);
    let failure = match error.code() {
        Some(state) => failure.with_status(state.code()),
        None => failure,
    };
    failure.with_source(cause(error))
}

/// For the log. Texts about data, and those of functions of the server's owner, quote values of rows.
fn cause(error: Error) -> Box<dyn StdError + Send + Sync> {
    let quoting = error.code().filter(|state| {
        let class = state.code().get(..2).unwrap_or_default();
        !matches!(
            class,
            "08" | "28" | "3D" | "3F" | "40" | "42" | "53" | "54" | "55" | "57" | "58" | "XX"
        )
    });
    match quoting {
        Some(state) => format!("the server answered with SQLSTATE {}", state.code()).into(),
        None => error.into(),
    }
}

/// By SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>), classes after single codes.
fn of_state(state: &SqlState) -> (ConnectorErrorKind, &'static str) {
    match state.code() {
        "28000" | "28P01" => (
            ConnectorErrorKind::Unauthenticated,
            "the source does not accept the credential",
        ),
        "42501" => (
            ConnectorErrorKind::AccessDenied,
            "the credential of the connection may not do this at the source",
        ),
        "3D000" => (
            ConnectorErrorKind::NotFound,
            "the database of the connection is not there",
        ),
        "3F000" | "42P01" | "42703" | "42804" | "42883" => {
            (ConnectorErrorKind::SchemaChanged, "the table is no longer as it was")
        }
        // Our own cancel requests are answered by the token, so this is `statement_timeout`.
        "57014" => (ConnectorErrorKind::Timeout, "the source did not answer in time"),
        "53300" | "57P01" | "57P02" | "57P03" => {
            (ConnectorErrorKind::Unavailable, "the source does not take requests now")
        }
        "40001" | "40P01" => (
            ConnectorErrorKind::Unavailable,
            "the source gave way to another transaction",
        ),
        code if code.starts_with("08") => (ConnectorErrorKind::Unavailable, "the source cannot be reached"),
        code if code.starts_with("54") => (
            ConnectorErrorKind::LimitExceeded,
            "the request is too large for the source",
        ),
        _ => (ConnectorErrorKind::SourceFailed, "the source failed"),
    }
}

/// Did the handshake fail at the certificate?
fn is_certificate(error: &Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return matches!(tls, rustls::Error::InvalidCertificate(_));
        }
        // An I/O error hides its cause from `source` and shows it by `get_ref`.
        next = match cause.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as _),
            None => cause.source(),
        };
    }
    false
}
