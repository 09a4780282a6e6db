//! How is it told why a request is allowed or denied?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is to be explained.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainPolicies {
    /// Whose request; the caller's own if absent. Somebody else's needs `SimulateAs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// `Select` if absent. As in policies (`SelectFiltered`) or in grants (`select-filtered`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// On whose behalf; the one who asks must be permitted to act for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// `kind:name` as in grants (`table:lake.sales.orders`, `column:lake.sales.orders.email`); without a kind a table, or a
    /// column where there are more than three parts.
    pub resource: String,
}

/// A decision and its reasons. What the caller may not know of is left out as if it were not there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyExplanation {
    pub principal: String,
    /// Both must be permitted; rows and cells are those that both see. The reasons are the principal's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// All roles of the principal, by name.
    pub roles: Vec<String>,
    pub action: String,
    /// `kind:name`
    pub resource: String,
    /// `allow` or `deny`. `Select` on a table is allowed if anything of it may be read.
    pub decision: String,
    /// What determined the decision: the permits of an allowed, the forbids of a denied request. A denial without any is one
    /// that nothing permits.
    pub reasons: Vec<PolicyReason>,
    /// Permits whose scope matches and whose condition does not hold. Empty if the request is allowed.
    pub near_misses: Vec<PolicyReason>,
    /// What follows for rows and columns; for `Select` on a table, view or column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<RelationExplanation>,
    /// Policies that cannot be evaluated: they deny. Told to holders of `SimulateAs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// Version of the policies. Told to holders of `SimulateAs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<i64>,
    /// The part of the user on whose behalf it is. Told to holders of `SimulateAs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub theirs: Option<Box<PolicyExplanation>>,
}

/// A policy or grant with a part in a decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyReason {
    /// `@id` of the policy, id of the grant.
    pub id: String,
    /// `permit`, `forbid` or `grant`.
    pub kind: String,
    /// The policy's `@doc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// What the grant says: `select on database:lake.sales to role:staff`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// What is not as it must be. Told to holders of `SimulateAs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedCondition>,
    /// When the grant ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub ended: Option<String>,
}

/// The first part of a condition that is not as it must be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailedCondition {
    /// `when` or `unless`: the clause that it stands in.
    pub clause: String,
    /// The words of the policy.
    pub text: String,
    /// `false`, `true`, or `error` if it cannot be evaluated.
    pub outcome: String,
    /// What the part reads, and what that is, as Cedar writes it.
    pub values: BTreeMap<String, String>,
}

/// What may be seen of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RelationExplanation {
    /// `all`, `some` (row filters apply) or `none`.
    pub rows: String,
    /// The table's row filters. Told to holders of `SimulateAs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<FilterExplanation>,
    /// Columns, and fields of struct columns, in their order.
    pub columns: Vec<ColumnExplanation>,
}

/// A row filter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterExplanation {
    pub name: String,
    /// A restrictive one hides rows unless it may be bypassed; another one shows rows if it is granted.
    pub restrictive: bool,
    /// It has a part in the decision: it shows rows, or hides them.
    pub applies: bool,
    /// Its condition.
    pub condition: String,
    /// What it looks up, if it applies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mappings: Vec<MappingExplanation>,
    pub reasons: Vec<PolicyReason>,
    pub near_misses: Vec<PolicyReason>,
}

/// A mapping of a row filter: values of another table, read once for the statement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingExplanation {
    /// The table that it is read from.
    pub table: String,
    /// Whom it is read for.
    pub principal: String,
    /// With whose rights: those of the filter's publisher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_as: Option<String>,
    /// `read`; `error`: the publisher may not read it, or something that its condition reads is absent, so that the filter is
    /// true on no row; `unavailable`: it cannot be read, so that statements are refused; `withheld`: it was not read, because it is
    /// read for those only who may see all of the table themselves.
    pub state: String,
    /// How many values it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The first hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// A column, or a field of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnExplanation {
    /// Dotted path within the table.
    pub name: String,
    /// `clear` on every visible row, `partly` clear (elsewhere masked, or NULL), `masked`, `null` (two masks of one rank),
    /// or `hidden`.
    pub state: String,
    /// The function of the mask that applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<String>,
    /// What determined it: the permits or forbids of the column, and the permits of the mask.
    pub reasons: Vec<PolicyReason>,
    pub near_misses: Vec<PolicyReason>,
    /// Every mask that could apply. Told to holders of `SimulateAs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<MaskExplanation>,
}

/// A mask.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaskExplanation {
    pub name: String,
    pub func: String,
    pub rank: i64,
    pub permitted: bool,
    pub reasons: Vec<PolicyReason>,
    pub near_misses: Vec<PolicyReason>,
}
