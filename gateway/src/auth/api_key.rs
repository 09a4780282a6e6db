//! Is this an API key of ours? Looked up by its HMAC, so that neither the store nor a timing tells what a key is.
//!
//! A created key is `lgk_<id>_<secret>_<crc>`; a key whose secret was given is that secret as a whole.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use lakegate_catalog::{Store, identity::Key, snapshot::Snapshot};
use sha2::Sha256;

use super::{Proof, Reason};
use crate::error::ApiError;

/// Name of the store's setting that holds the pepper.
const PEPPER: &str = "pepper";
const PREFIX: &str = "lgk_";

/// A key as it is shown once.
#[derive(Clone)]
pub struct CreatedKey {
    /// The part between the first underscores: not secret.
    pub id: String,
    /// The whole key.
    pub text: String,
}

/// Never prints the key.
impl std::fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The server's pepper: made at the first start, the same for all processes of one store.
///
/// # Errors
/// If there is no randomness or no store.
pub async fn pepper(store: &Store) -> Result<Vec<u8>, ApiError> {
    if let Some(pepper) = store.setting(PEPPER).await? {
        return Ok(pepper);
    }
    Ok(store.put_setting_if_absent(PEPPER, &random::<32>()?).await?)
}

/// Makes a key.
///
/// # Errors
/// If there is no randomness.
pub fn create() -> Result<CreatedKey, ApiError> {
    let (id, secret) = (hex::encode(random::<6>()?), hex::encode(random::<32>()?));
    let body = format!("{PREFIX}{id}_{secret}");
    let text = format!("{body}_{:08x}", crc32(body.as_bytes()));
    Ok(CreatedKey { id, text })
}

/// What is stored of a key: the hex HMAC-SHA-256 of the whole key.
#[must_use]
pub fn hmac_hex(pepper: &[u8], key: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(pepper) else {
        return String::new();
    };
    mac.update(key.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// Finds the user of a key.
pub(super) fn prove(pepper: &[u8], snapshot: &Snapshot, token: &str) -> Result<Proof, Reason> {
    if token.starts_with(PREFIX) && !has_valid_crc(token) {
        return Err(Reason::Malformed);
    }
    let hmac = hmac_hex(pepper, token);
    let key = snapshot.key_by_hmac(&hmac).ok_or(Reason::UnknownKey)?;
    if is_expired(&key.body, Utc::now()) {
        return Err(Reason::ExpiredKey);
    }
    let user = snapshot.user(&key.body.user).ok_or(Reason::UnknownUser)?;
    Ok(Proof {
        user: Arc::clone(user),
        key: Some(key.id.clone()),
        method: "api-key",
        mfa: false,
        auth_age_ms: None,
        extra_roles: Vec::new(),
        ends: None,
    })
}

fn is_expired(key: &Key, now: DateTime<Utc>) -> bool {
    key.expires.is_some_and(|expires| expires <= now)
}

fn has_valid_crc(token: &str) -> bool {
    token
        .rsplit_once('_')
        .is_some_and(|(body, crc)| crc == format!("{:08x}", crc32(body.as_bytes())))
}

fn random<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::internal(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// CRC-32 as in zip (reflected 0x04C11DB7), so that a typing mistake is known without a look-up.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn created_keys_have_the_documented_form() {
        let key = create().unwrap();
        let parts: Vec<&str> = key.text.split('_').collect();
        assert_eq!(
            (parts.len(), parts[0], parts[1], parts[2].len()),
            (4, "lgk", key.id.as_str(), 64)
        );
        assert!(has_valid_crc(&key.text));
        assert!(!has_valid_crc(&format!("{}0", key.text)));
        assert_ne!(create().unwrap().text, key.text);
        assert!(!format!("{key:?}").contains(parts[2]));
    }

    #[test]
    fn hmacs_depend_on_the_pepper() {
        assert_ne!(hmac_hex(b"a", "key"), hmac_hex(b"b", "key"));
        assert_eq!(hmac_hex(b"a", "key").len(), 64);
    }
}
