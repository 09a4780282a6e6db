//! How does a whole lake travel, in and out, and what did applying it change?

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A file of a lake: maps in YAML, or Cedar policies by its name (`*.cedar`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LakeFile {
    pub name: String,
    pub text: String,
}

/// A lake to apply. Instead of `files`, the merged maps of the files may stand here themselves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyLake {
    pub files: Vec<LakeFile>,
    /// Name of the lake, if no file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lake: Option<String>,
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Also delete what this lake applied before and no longer names.
    #[serde(default)]
    pub prune: bool,
    /// Digest of the gains that are approved; without it a change that lets anybody see or do more is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve_gains: Option<String>,
}

/// A lake to apply, as a form: any number of files, and the switches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApplyLakeForm {
    /// Files with their names (`*.yaml`, `*.yml`, `*.json`, `*.cedar`), which stand in the places of problems.
    #[schema(value_type = Vec<String>, format = Binary)]
    pub file: Vec<String>,
    /// Name of the lake, if no file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lake: Option<String>,
    /// `true`: only say what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// `true`: also delete what this lake applied before and no longer names.
    #[serde(default)]
    pub prune: bool,
    /// Digest of the gains that are approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve_gains: Option<String>,
}

/// What an apply did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LakeApplied {
    pub lake: String,
    /// Epoch from now on; of a dry run the one that it was computed on.
    pub version: i64,
    pub dry_run: bool,
    pub changes: Vec<LakeChange>,
    /// Columns that were read from files.
    pub inferred: Vec<InferredTable>,
    pub counts: LakeCounts,
    /// What is allowed and probably not meant.
    pub warnings: Vec<String>,
    /// Who gains or loses what; absent if nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effects: Option<LakeEffects>,
}

/// Who gains or loses what by a change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LakeEffects {
    /// Gains on objects that the caller may describe.
    pub gains: u64,
    pub losses: u64,
    /// Approves exactly these gains, under this version of the catalog; absent if nobody gains anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Gains first. Empty without `SimulateAs`.
    pub items: Vec<LakeEffect>,
}

/// One effect on some principals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LakeEffect {
    /// `gain` or `loss`.
    pub direction: String,
    /// `user:ana`, `role:x` (whoever has it), `everybody`; at most 50 of them.
    pub principals: Vec<String>,
    /// How many there are.
    pub principal_count: u64,
    /// `table:lake.sales.orders`.
    pub object: String,
    /// `rows`, `columns`, `name`, `source`, `privileges`, `grant-option`, `principal`, `not-compared`.
    pub part: String,
    /// Columns or privileges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    pub before: String,
    pub after: String,
    /// What it takes: `with mfa`; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// `false`: before and after could not be compared, so it counts as a gain.
    pub compared: bool,
    /// A statement that shows it, and for whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

/// One object, and what happens to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LakeChange {
    /// `table`, `data-filter`, …
    pub kind: String,
    pub name: String,
    /// `created`, `updated`, `deleted` or `unchanged`.
    pub change: String,
    /// Members of the entry that change.
    pub fields: Vec<String>,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LakeCounts {
    pub created: u64,
    pub updated: u64,
    pub deleted: u64,
    pub unchanged: u64,
}

/// What `columns: infer` found for a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InferredTable {
    pub table: String,
    pub columns: Vec<InferredColumn>,
}

/// A column that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InferredColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub type_text: String,
}

/// A lake as files; applying them changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LakeExported {
    pub lake: String,
    pub files: Vec<LakeFile>,
}

/// What to export.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportLake {
    /// Name of the lake; absent: the only one that was applied, else `local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lake: Option<String>,
    /// Only these kinds (`table`, `policy`, …), separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only entries of these names, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
