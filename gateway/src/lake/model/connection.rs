//! What does a lake say about a connection?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Canonical;
use crate::lake::entry::unquoted;

/// Stands for all callers in an entry of `credentials`.
pub const EVERYONE: &str = "everyone";

/// Entry of a connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionEntry {
    pub connector: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub credential: BTreeMap<String, String>,
    /// In the order in which they are tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CallerCredentialEntry>,
}

/// An entry of a connection's `credentials`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallerCredentialEntry {
    /// `user:NAME`, `role:NAME` or `everyone`.
    #[serde(rename = "for")]
    pub who: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub credential: BTreeMap<String, String>,
}

impl ConnectionEntry {
    /// All references to secrets in it.
    pub(crate) fn references(&self) -> impl Iterator<Item = &str> {
        let others = self.credentials.iter().flat_map(|other| other.credential.values());
        self.credential.values().chain(others).map(String::as_str)
    }
}

impl Canonical for ConnectionEntry {
    fn canonical(&mut self) {
        self.options.retain(|_, value| !value.is_null());
        for other in &mut self.credentials {
            let who = match other.who.split_once(':') {
                Some((kind, name)) => format!("{kind}:{}", unquoted(name)),
                None => other.who.clone(),
            };
            other.who = who.to_lowercase();
        }
    }
}
