//! What does an API key look like? Its secret is shown once, when the server makes it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An API key to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiKey {
    /// Unique, whatever the case.
    pub name: String,
    /// Name of the user that it proves; absent: the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Reference to the whole key (32 to 256 characters), resolved by the server; absent: the server makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// It is refused from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires: Option<String>,
}

/// An API key as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    /// Immutable.
    pub id: String,
    /// Unique, whatever the case.
    pub name: String,
    /// Name of the user that it proves.
    pub user: String,
    /// The reference that its secret was given by; absent: the server made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// It is refused from then on.
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

/// An API key that has just been made.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CreatedApiKey {
    #[serde(flatten)]
    pub stored: ApiKey,
    /// The key itself, for `Authorization: Bearer …`. Shown this once; absent if its secret was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Never prints the key.
impl std::fmt::Debug for CreatedApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedApiKey")
            .field("stored", &self.stored)
            .finish_non_exhaustive()
    }
}
