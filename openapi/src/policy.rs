//! What does a policy look like, and what is wrong with one?

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A policy to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreatePolicy {
    /// One Cedar statement with names; its `@id` is the name.
    pub text: String,
}

/// A policy as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Immutable.
    pub id: String,
    /// Its `@id`.
    pub name: String,
    /// One Cedar statement with names; its `@id` is the name.
    pub text: String,
    /// It names an object that was dropped: another one of that name is not meant, and a permit permits nothing.
    pub dangling: bool,
    /// Grows with every change; the `ETag`.
    pub version: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// Cedar text to check; nothing is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidatePolicies {
    /// One or more Cedar statements with names. Those whose `@id` is stored stand for the stored ones.
    pub text: String,
    /// Check what is stored, too: policies, and the bodies of filters and masks against the tables as they are now.
    #[serde(default)]
    pub stored: bool,
}

/// What is wrong with Cedar text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyValidation {
    pub valid: bool,
    pub problems: Vec<PolicyProblem>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<PolicyProblem>,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyProblem {
    /// `@id` of the policy, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// 1-based.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// 1-based, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    pub message: String,
    pub remedy: String,
}
