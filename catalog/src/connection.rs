//! What is a connection? A configured instance of a connector: options, and references to its credentials.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::ObjectId,
    object::{Kind, Noun},
};

/// Body of a connection. Secrets are references (`env://NAME`, `file://path`), never values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// `dynamodb`, `files`, `postgres` or `sqlite`.
    pub connector: String,
    /// As given, relative roots included.
    #[serde(default)]
    pub options: BTreeMap<String, serde_json::Value>,
    /// Member name → secret reference. What is described is described with it, for everybody.
    #[serde(default)]
    pub credential: BTreeMap<String, String>,
    /// Who reads with which credential; the first that fits counts. Empty: everybody reads with `credential`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CallerCredential>,
    /// Absolute directory that relative paths of the options belong to (the directory of the lake file).
    #[serde(default)]
    pub directory: Option<String>,
    /// The operator applied it with `serve --apply`: local paths below `directory` are allowed.
    #[serde(default)]
    pub operator: bool,
}

impl Connection {
    /// All references to secrets in it.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        let others = self.credentials.iter().flat_map(|other| other.credential.values());
        self.credential.values().chain(others).map(String::as_str)
    }
}

/// With which credential some callers read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallerCredential {
    #[serde(rename = "for")]
    pub who: CredentialOf,
    /// Member name → secret reference; empty: the connection's own.
    #[serde(default)]
    pub credential: BTreeMap<String, String>,
}

/// Whose credential is it?
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialOf {
    User(ObjectId),
    /// Whoever has the role, directly or through others.
    Role(ObjectId),
    Everyone,
}

impl Noun for Connection {
    const KIND: Kind = Kind::Connection;
}
