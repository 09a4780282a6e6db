//! How is a version of the mask key shown? Without the key.

use lakegate_catalog::secret::Secret;
use lakegate_openapi::mask_key as wire;
use lakegate_query::{mask_key, sealed::MasterKey};

use super::time;

/// A version; `newest` is the version that masks hash with.
#[must_use]
pub fn mask_key(secret: Secret, newest: i64, master: Option<&MasterKey>) -> wire::MaskKey {
    wire::MaskKey {
        version: secret.version,
        current: secret.version == newest,
        usable: mask_key::opens(&secret, master),
        created_at: time(secret.created_at),
        principal: secret.principal,
    }
}
