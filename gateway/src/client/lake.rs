//! How is a lake applied and exported over HTTP?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Client, Result};

/// A file of a lake: YAML maps, or Cedar policies by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LakeFile {
    pub name: String,
    pub text: String,
}

/// What to apply, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ApplyLake {
    pub files: Vec<LakeFile>,
    /// Only say what would change.
    pub dry_run: bool,
    /// Also delete what this lake applied before and no longer names.
    pub prune: bool,
}

/// What an apply did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LakeApplied {
    pub lake: String,
    pub version: i64,
    pub changes: Vec<LakeChange>,
    /// Columns that were read from files.
    #[serde(default)]
    pub inferred: Value,
    #[serde(default)]
    pub counts: LakeCounts,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What this version of the client does not know.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

/// One object, and what happens to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LakeChange {
    pub kind: String,
    pub name: String,
    /// `created`, `updated`, `deleted`, `unchanged`.
    pub change: String,
    #[serde(default)]
    pub fields: Vec<String>,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LakeCounts {
    pub created: u64,
    pub updated: u64,
    pub deleted: u64,
    pub unchanged: u64,
}

/// A lake as files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LakeExport {
    pub files: Vec<LakeFile>,
}

impl LakeChange {
    /// Does anything happen to it?
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.change != "unchanged"
    }
}

impl LakeApplied {
    /// Does anything differ?
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.changes.iter().any(LakeChange::is_change)
    }
}

impl Client {
    /// Applies a lake, or says what that would change.
    ///
    /// # Errors
    /// As all calls; a refusal may list problems.
    pub async fn apply_lake(&self, lake: &ApplyLake) -> Result<LakeApplied> {
        self.post(&["apply"], lake).await
    }

    /// The running lake in the format of its files.
    ///
    /// # Errors
    /// As all calls.
    pub async fn export_lake(&self, filters: &[(&str, String)]) -> Result<LakeExport> {
        self.get(&["export"], filters).await
    }
}
