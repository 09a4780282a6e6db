//! What is a connection? A configured instance of a connector: options, and references to its credential.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::object::{Kind, Noun};

/// Body of a connection. Secrets are references (`env://NAME`, `file://path`), never values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// `files`, `postgres` or `sqlite`.
    pub connector: String,
    /// As given, relative roots included.
    #[serde(default)]
    pub options: BTreeMap<String, serde_json::Value>,
    /// Member name → secret reference.
    #[serde(default)]
    pub credential: BTreeMap<String, String>,
    /// Absolute directory that relative paths of the options belong to (the directory of the lake file).
    #[serde(default)]
    pub directory: Option<String>,
    /// The operator applied it with `serve --apply`: local paths below `directory` are allowed.
    #[serde(default)]
    pub operator: bool,
}

impl Noun for Connection {
    const KIND: Kind = Kind::Connection;
}
