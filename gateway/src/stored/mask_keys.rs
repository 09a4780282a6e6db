//! How does the mask key change? A new version at a time, sealed, audited, in one epoch.

use lakegate_catalog::{Store, StoreError, audit::AuditEvent, secret::Secret};
use lakegate_query::{
    error::ErrorCode,
    mask_key::{self, MASK_KEY, NoMaskKey},
    sealed::MasterKey,
};

use super::Desk;
use crate::error::{ApiError, Result};

impl Desk {
    /// Every version, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn mask_keys(&self) -> Result<Vec<Secret>> {
        let mut versions = self.app().store.secrets(MASK_KEY).await?;
        versions.reverse();
        Ok(versions)
    }

    /// Wraps the data keys of all versions by this server's master key; answers how many it was not before.
    ///
    /// # Errors
    /// `MASK_KEY_UNAVAILABLE` if one of them does not open: none is changed then. `STALE_VERSION` if somebody else did the same.
    pub async fn rewrap_mask_keys(&self) -> Result<usize> {
        let master = self.master()?;
        let mut changes = Vec::new();
        for secret in self.mask_keys().await? {
            let again = mask_key::rewrapped(master, &secret);
            let again = again.map_err(|error| ApiError::new(ErrorCode::MaskKeyUnavailable, told(&error)))?;
            changes.extend(again.map(|sealed| (secret, sealed)));
        }
        let mut event = self.change_event("rewrap", "mask-key:default");
        let versions: Vec<String> = changes.iter().map(|(secret, _)| secret.version.to_string()).collect();
        event.details.insert("versions".to_owned(), versions.join(", "));
        event.details.insert("master".to_owned(), master.id());
        if changes.is_empty() {
            self.audit(&[event]).await?;
        } else {
            self.app().store.reseal_secrets(&changes, event).await?;
        }
        Ok(changes.len())
    }

    fn master(&self) -> Result<&MasterKey> {
        self.app().master_key.as_deref().ok_or_else(|| {
            let message =
                "this server has no master key to seal a mask key with: set `secrets.master_key` and restart it";
            ApiError::new(ErrorCode::MaskKeyUnavailable, message)
        })
    }

    /// Makes a new version, and answers with it.
    ///
    /// # Errors
    /// `MASK_KEY_UNAVAILABLE` without a master key, `STALE_VERSION` if somebody else has just done the same.
    pub async fn rotate_mask_key(&self) -> Result<Secret> {
        let master = self.master()?;
        let before = self.mask_keys().await?.into_iter().next();
        let event = self.change_event("rotate", "mask-key:default");
        Ok(put(&self.app().store, master, before.as_ref(), event).await??)
    }
}

fn told(error: &NoMaskKey) -> String {
    format!("{error}; name the master key before it in `secrets.previous_master_key` and restart the server")
}

/// Seals and stores the version after `before`, by the principal of the event.
///
/// # Errors
/// Outside when nothing can be sealed, inside when it cannot be stored.
pub(crate) async fn put(
    store: &Store,
    master: &MasterKey,
    before: Option<&Secret>,
    mut event: AuditEvent,
) -> Result<Result<Secret, StoreError>> {
    let fresh = mask_key::fresh(master, before).map_err(|error| ApiError::internal(error.to_string()))?;
    let secret = Secret {
        principal: event.principal.clone(),
        ..fresh
    };
    event.details.insert("version".to_owned(), secret.version.to_string());
    Ok(store.put_secret(&secret, event).await.map(|_| secret))
}
