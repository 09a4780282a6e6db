//! Which versions of the catalog were there, what would another one change, and how does one come back?

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::lake::LakeEffects;

/// One version of the catalog: one change of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Epoch {
    pub epoch: i64,
    #[schema(format = DateTime)]
    pub changed_at: String,
    /// Name of who changed it.
    pub principal: String,
    pub changes: Vec<EpochChange>,
}

/// Objects of one kind that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EpochChange {
    /// `policy`, `data-filter`, …
    pub kind: String,
    /// `stored` (made or changed) or `deleted`.
    pub change: String,
    pub objects: i64,
    /// The first of them; of policies, filters and masks only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Which two epochs to compare.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CompareEpochs {
    /// Absent: the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Absent: the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
    /// Also decide the queries of so many days again, 1 to 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

/// What changes for whom from one epoch to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EpochsCompared {
    pub from: i64,
    pub to: i64,
    /// Without a digest: nothing is published.
    pub effects: LakeEffects,
    /// Asked for with `days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries: Option<PastQueries>,
}

/// Queries of the past that the other epoch would decide otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PastQueries {
    /// Attempts to read a table that were decided again.
    pub decided: u64,
    /// `false`: there were more than are looked at; the newest were.
    pub complete: bool,
    pub changed: Vec<PastQuery>,
}

/// Attempts of one user on one table that would be decided otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PastQuery {
    pub principal: String,
    /// `table:lake.sales.orders`.
    pub resource: String,
    pub attempts: u64,
    /// `wider`, `narrower` or `different`.
    pub change: String,
    /// `rows: filter eu → all`.
    pub differences: Vec<String>,
    /// The newest of them.
    pub query_id: String,
}

/// What governed at an epoch is to be published again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackLake {
    pub epoch: i64,
    /// Only say what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Digest of the gains that are approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve_gains: Option<String>,
}
