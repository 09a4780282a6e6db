//! What is a connection while a query runs? Options and resolved credential of one configured source.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::Value;

use crate::{
    credential::Credential,
    error::{ConnectorError, ConnectorErrorKind, Result},
};

/// A configured instance of a connector, its secrets resolved. The catalog stores references only.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Immutable id.
    pub id: String,
    /// Grows with every change; part of every cache key.
    pub version: u64,
    /// Kind of its connector, e.g. `files`.
    pub kind: String,
    pub options: BTreeMap<String, Value>,
    pub credential: Credential,
    /// Directory that relative paths of the options belong to.
    pub directory: Option<PathBuf>,
    /// Directories below which local paths must lie; none: no local path at all.
    pub local_roots: Vec<PathBuf>,
}

impl Connection {
    /// Is it the same source, reached in the same way with the same rights?
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.id, self.version, &self.kind, &self.options) == (&other.id, other.version, &other.kind, &other.options)
            && self.credential.is_same(&other.credential)
            && (&self.directory, &self.local_roots) == (&other.directory, &other.local_roots)
    }

    /// The text option `name`, if given.
    ///
    /// # Errors
    /// `SOURCE_INVALID_REQUEST` if it is not text.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.options.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(name, "text")),
        }
    }

    /// The text option `name`.
    ///
    /// # Errors
    /// `SOURCE_INVALID_REQUEST` if it is missing or not text.
    pub fn required_text(&self, name: &str) -> Result<&str> {
        self.text(name)?.ok_or_else(|| {
            ConnectorError::new(
                ConnectorErrorKind::InvalidRequest,
                format!("option `{name}` of the connection is missing"),
            )
        })
    }

    /// The boolean option `name`, if given.
    ///
    /// # Errors
    /// `SOURCE_INVALID_REQUEST` if it is not a boolean.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.options.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(wrong_type(name, "true or false")),
        }
    }

    /// The whole number in option `name`, if given.
    ///
    /// # Errors
    /// `SOURCE_INVALID_REQUEST` if it is not a whole number ≥ 0.
    pub fn number(&self, name: &str) -> Result<Option<u64>> {
        match self.options.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| wrong_type(name, "a whole number")),
        }
    }
}

fn wrong_type(name: &str, expected: &str) -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::InvalidRequest,
        format!("option `{name}` of the connection must be {expected}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_option_or_secret_is_another_connection() {
        let one = Connection {
            id: "c".to_owned(),
            credential: Credential::from_plain([("user", "ana"), ("password", "x")]),
            ..Connection::default()
        };
        assert!(one.is_same(&one.clone()));
        type Change = fn(&mut Connection);
        let changes: [Change; 6] = [
            |other| other.id = "d".to_owned(),
            |other| other.version = 1,
            |other| drop(other.options.insert("host".to_owned(), Value::Null)),
            |other| other.credential = Credential::from_plain([("user", "ana"), ("password", "y")]),
            |other| other.credential = Credential::from_plain([("user", "ana")]),
            |other| other.directory = Some(PathBuf::new()),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut other = one.clone();
            change(&mut other);
            assert!(!one.is_same(&other) && !other.is_same(&one), "{at}");
        }
    }
}
