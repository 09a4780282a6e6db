//! What does a lake say about a view?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Canonical, owner};
use crate::lake::entry::unquoted;

/// Entry of a view; its filters and masks are entries of their own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ViewEntry {
    pub sql: String,
    pub security: SecurityEntry,
    /// Columns that have tags or a comment; the rest follows from `sql`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ViewColumnEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// `security:` of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SecurityEntry {
    Word(InvokerWord),
    Definer {
        /// `user:NAME`.
        definer: String,
    },
}

/// The word `invoker`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum InvokerWord {
    #[serde(rename = "invoker")]
    Invoker,
}

impl Default for SecurityEntry {
    fn default() -> Self {
        Self::Word(InvokerWord::Invoker)
    }
}

/// What is said about a column of a view.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ViewColumnEntry {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Canonical for ViewEntry {
    fn canonical(&mut self) {
        owner(&mut self.owner);
        if let SecurityEntry::Definer { definer } = &mut self.security
            && let Some(user) = definer.strip_prefix("user:")
        {
            *definer = format!("user:{}", unquoted(user)).to_lowercase();
        }
        for column in &mut self.columns {
            column.name = column.name.to_lowercase();
        }
        self.columns
            .retain(|column| column.comment.is_some() || !column.tags.is_empty());
        self.columns.sort_by(|left, right| left.name.cmp(&right.name));
    }
}
