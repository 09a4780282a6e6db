//! Which key do keyed masks hash with? The newest version of the tenant's, opened with the server's master key.

use lakegate_catalog::{secret::Secret, snapshot::Snapshot};
use secrecy::ExposeSecret;

use crate::{
    functions::mask::MaskSecret,
    sealed::{self, KEY_BYTES, MasterKey, SealProblem, Sealed, SealedPlace},
};

/// Kind of the stored secret.
pub const MASK_KEY: &str = "mask-key";
/// The one tenant.
const TENANT: &str = "default";
/// The tenant's one mask key.
const ID: &str = "default";

/// Why there is no key, with the remedy; for the log.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoMaskKey {
    /// The server was started without one.
    #[error("the server has no master key: set `secrets.master_key`, or restore `master.key` in the data directory")]
    NoMaster,
    /// The store has none.
    #[error("the store holds no mask key: `lakegate mask-key rotate` makes one")]
    None,
    /// There is one, and it does not open.
    #[error("the mask key, version {version}, cannot be opened: {problem}")]
    Sealed { version: i64, problem: SealProblem },
}

/// The key of this moment, opened.
pub(crate) fn current(snapshot: &Snapshot, master: Option<&MasterKey>) -> Result<MaskSecret, NoMaskKey> {
    let secret = snapshot.mask_key.as_ref().ok_or(NoMaskKey::None)?;
    opened(secret, master)
}

/// Whether masks could hash with this version on a server with this master key.
#[must_use]
pub fn opens(secret: &Secret, master: Option<&MasterKey>) -> bool {
    opened(secret, master).is_ok()
}

fn opened(secret: &Secret, master: Option<&MasterKey>) -> Result<MaskSecret, NoMaskKey> {
    let master = master.ok_or(NoMaskKey::NoMaster)?;
    let failed = |problem| NoMaskKey::Sealed {
        version: secret.version,
        problem,
    };
    let sealed: Sealed = serde_json::from_str(&secret.sealed).map_err(|_| failed(SealProblem::Damaged))?;
    let opened = master.open(&place(secret.version), &sealed).map_err(failed)?;
    Ok(MaskSecret::new(*opened.expose_secret()))
}

/// Version of the key of this moment; 0: there is none.
pub(crate) fn version(snapshot: &Snapshot) -> i64 {
    snapshot.mask_key.as_ref().map_or(0, |secret| secret.version)
}

/// A new key, sealed, to be stored as the version after `before`.
///
/// # Errors
/// When there is no randomness.
pub fn fresh(master: &MasterKey, before: Option<&Secret>) -> Result<Secret, SealProblem> {
    given(master, before, sealed::random()?.expose_secret())
}

/// As [`fresh`], of bytes that are known already: for who needs the same hashes in two stores.
///
/// # Errors
/// When there is no randomness.
pub fn given(master: &MasterKey, before: Option<&Secret>, key: &[u8; KEY_BYTES]) -> Result<Secret, SealProblem> {
    let version = before.map_or(0, |secret| secret.version) + 1;
    let sealed = master.seal(&place(version), key)?;
    let sealed = serde_json::to_string(&sealed).map_err(|_| SealProblem::Failed("no JSON"))?;
    Ok(Secret {
        kind: MASK_KEY.to_owned(),
        id: ID.to_owned(),
        version,
        sealed,
        created_at: chrono::Utc::now(),
        principal: String::new(),
    })
}

/// The envelope of a version whose data key is wrapped by the key before this one, wrapped by this one; `None`: it is already.
///
/// # Errors
/// If it does not open.
pub fn rewrapped(master: &MasterKey, secret: &Secret) -> Result<Option<String>, NoMaskKey> {
    let failed = |problem| NoMaskKey::Sealed {
        version: secret.version,
        problem,
    };
    let sealed: Sealed = serde_json::from_str(&secret.sealed).map_err(|_| failed(SealProblem::Damaged))?;
    let again = master.rewrap(&place(secret.version), &sealed).map_err(failed)?;
    let text = again.map(|again| serde_json::to_string(&again));
    text.transpose().map_err(|_| failed(SealProblem::Failed("no JSON")))
}

fn place(version: i64) -> SealedPlace<'static> {
    SealedPlace {
        tenant: TENANT,
        kind: MASK_KEY,
        id: ID,
        version,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn master(digit: &str) -> MasterKey {
        MasterKey::of_hex(&digit.repeat(64)).unwrap()
    }

    fn holding(secret: Option<Secret>) -> Snapshot {
        Snapshot {
            mask_key: secret.map(Arc::new),
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_key_opens_for_its_master_and_its_version_only() {
        let first = fresh(&master("a"), None).unwrap();
        let second = fresh(&master("a"), Some(&first)).unwrap();
        assert_eq!((first.version, second.version), (1, 2));
        let opened = |secret: &Secret, digit: &str| current(&holding(Some(secret.clone())), Some(&master(digit)));
        assert_eq!(opened(&first, "a").unwrap(), opened(&first, "a").unwrap());
        assert_ne!(opened(&first, "a").unwrap(), opened(&second, "a").unwrap());
        assert!(matches!(opened(&first, "b"), Err(NoMaskKey::Sealed { version: 1, .. })));
        // An old version in the place of the new one.
        let back = Secret {
            sealed: first.sealed.clone(),
            ..second
        };
        assert!(matches!(opened(&back, "a"), Err(NoMaskKey::Sealed { version: 2, .. })));
        assert_eq!(current(&holding(Some(first)), None), Err(NoMaskKey::NoMaster));
        assert_eq!(current(&holding(None), Some(&master("a"))), Err(NoMaskKey::None));
    }
}
