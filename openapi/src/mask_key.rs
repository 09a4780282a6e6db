//! What does a version of the mask key look like? Never like the key.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A version of the key that `hmac-sha-256` masks hash with. The key itself is shown to nobody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaskKey {
    /// 1 for the first one.
    pub version: i64,
    /// Masks hash with the newest version only.
    pub current: bool,
    /// Whether this server's master key opens it; if not, statements that need it are refused.
    pub usable: bool,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Name of who made it.
    pub principal: String,
}

/// What was done to the stored mask keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaskKeysRewrapped {
    /// Versions that another master key had wrapped.
    pub rewrapped: u64,
}
