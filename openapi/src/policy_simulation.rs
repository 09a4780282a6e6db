//! How is it asked what somebody else could do, and how is that told?

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::policy_explanation::PolicyExplanation;

/// A request of somebody else: of an action on a resource, or of a statement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatePolicies {
    /// Whose request.
    pub principal: String,
    /// Roles that a token would bring, beside the stored ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// On whose behalf: the principal must be permitted to act for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// From where, when, and how proven.
    #[serde(default)]
    pub context: SimulatedContext,
    /// As for `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// As for `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// A query, instead of a resource: it is planned and not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// Catalog of unqualified names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<String>,
    /// Database of unqualified names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Policies to try: as if they were stored. Those whose `@id` is stored stand for the stored ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<String>,
    /// Ids of stored policies to leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

/// The facts of a request. What is absent is as for a request over REST with a key, from the caller's address, now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatedContext {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub now: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
    /// Time since the log-in; unknown is the longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_age_ms: Option<i64>,
    /// One of the principal's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workgroup: Option<String>,
    /// The front door: `rest`, `athena`, `flight`, `pgwire`, `iceberg` or `console`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// What would be decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySimulation {
    /// The facts that it was decided by.
    pub context: SimulatedContext,
    /// One for the resource, or one for each table that the statement names.
    pub decisions: Vec<PolicyExplanation>,
    /// Names in the statement that no table has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// How the statement would run: the plan that the principal would be shown by `EXPLAIN`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<String>,
    /// Or why it would not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<SimulatedRefusal>,
    /// It was decided by policies that are not stored.
    pub draft: bool,
}

/// The refusal that the principal would get.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatedRefusal {
    pub code: String,
    pub message: String,
}
