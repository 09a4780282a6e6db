//! Who am I to Lakegate?

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The caller, as the credential proved it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// Immutable id of the user.
    pub id: String,
    pub name: String,
    /// `human`, `service` or `agent`.
    pub kind: String,
    /// `api-key` or `oidc`.
    pub method: String,
    /// Names of the roles held, direct and by membership, sorted.
    pub roles: Vec<String>,
    /// The credential proves a second factor.
    pub mfa: bool,
    /// Time since the log-in; absent: unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_age_ms: Option<i64>,
}
