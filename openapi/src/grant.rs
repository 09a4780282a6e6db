//! What does a grant look like?

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A grant to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreateGrant {
    /// `user:NAME` or `role:NAME`.
    pub to: String,
    /// One Cedar action in kebab-case, or `all`.
    pub privileges: Vec<String>,
    /// `kind:name`.
    pub resource: String,
    /// The receiver may pass it on.
    #[serde(default)]
    pub with_grant_option: bool,
    /// It permits nothing from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires: Option<String>,
}

/// A grant as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Immutable.
    pub id: String,
    /// For people: who may do what to what.
    pub name: String,
    /// `user:NAME` or `role:NAME`.
    pub to: String,
    /// One Cedar action in kebab-case, or `all`.
    pub privileges: Vec<String>,
    /// `kind:name`.
    pub resource: String,
    /// The receiver may pass it on.
    #[serde(default)]
    pub with_grant_option: bool,
    /// It permits nothing from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires: Option<String>,
    /// Grows with every change; the `ETag`.
    pub version: i64,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// Which grants to list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListGrants {
    /// Only those of this receiver, as `user:NAME` or `role:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Only those on this object, as `kind:name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Page size, 1 to 1000; absent: 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
