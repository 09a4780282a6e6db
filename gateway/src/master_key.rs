//! Which key opens the stored secrets? The operator's, by reference; else one of our own, in the data directory.
//!
//! Without one the server starts: what needs a stored secret is denied, and the log says why.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use lakegate_catalog::{Store, StoreError};
use lakegate_query::{
    audit::bootstrap_event,
    mask_key::{self, MASK_KEY},
    sealed::{self, MasterKey},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::{Config, environment::Environment},
    error::chain,
    server::StartError,
    stored::mask_keys,
};

/// In the data directory.
const FILE: &str = "master.key";

/// Where the master key lies, so that no connection is given it as its secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyPlace {
    /// Name of an environment variable.
    Variable(String),
    File(PathBuf),
}

impl KeyPlace {
    /// Where a configured reference leads; without one, to a file.
    #[must_use]
    pub fn of(reference: Option<&str>, file: PathBuf) -> Self {
        match reference.and_then(|text| text.split_once("://")) {
            Some(("env", name)) => Self::Variable(name.to_owned()),
            Some((_, path)) => Self::File(PathBuf::from(path)),
            None => Self::File(file),
        }
    }
}

/// Where this server's master key lies, or would lie.
#[must_use]
pub fn place(config: &Config) -> KeyPlace {
    KeyPlace::of(config.secrets.master_key.as_deref(), config.data.join(FILE))
}

/// Where the one before it lies: as configured, and where one lies that a server without configuration made.
#[must_use]
pub fn previous_places(config: &Config) -> Vec<KeyPlace> {
    let configured = config.secrets.previous_master_key.as_deref();
    let configured = configured.map(|reference| KeyPlace::of(Some(reference), PathBuf::new()));
    configured
        .into_iter()
        .chain([KeyPlace::File(config.data.join(FILE))])
        .collect()
}

/// Finds the master key, or makes the one in the data directory where nothing was ever sealed. `None` is told to the log.
///
/// # Errors
/// The store cannot be read.
pub async fn load(
    config: &Config,
    environment: &Environment,
    store: &Store,
) -> Result<Option<Arc<MasterKey>>, StoreError> {
    let own = config.secrets.master_key.is_none();
    let may_make = own && store.secrets(MASK_KEY).await?.is_empty();
    let previous = previous(config, environment);
    Ok(match key(&place(config), environment, may_make) {
        Ok(key) => Some(Arc::new(match previous {
            Some(previous) => key.after(previous),
            None => key,
        })),
        Err(problem) => {
            tracing::error!(
                problem,
                "there is no master key: statements that show values under `hmac-sha-256` are refused; \
                 set `secrets.master_key` to the key that the store's secrets were sealed with, and restart"
            );
            None
        }
    })
}

/// The key before it, where one is configured. What it sealed does not open without it, and the rest does.
fn previous(config: &Config, environment: &Environment) -> Option<MasterKey> {
    let reference = config.secrets.previous_master_key.as_deref()?;
    let found = key(&KeyPlace::of(Some(reference), PathBuf::new()), environment, false);
    let told = |problem: &String| tracing::error!(problem, "`secrets.previous_master_key` cannot be used");
    found.inspect_err(told).ok()
}

fn key(place: &KeyPlace, environment: &Environment, may_make: bool) -> Result<MasterKey, String> {
    let text = match place {
        KeyPlace::Variable(name) => environment
            .get(name)
            .map(|text| SecretString::from(text.to_owned()))
            .ok_or_else(|| format!("the environment variable `{name}` is not set"))?,
        KeyPlace::File(path) => {
            read(path, may_make).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?
        }
    };
    MasterKey::of_hex(text.expose_secret()).map_err(|error| error.to_string())
}

fn read(path: &Path, may_make: bool) -> io::Result<SecretString> {
    match fs::read_to_string(path) {
        Ok(text) => {
            if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
                tracing::warn!(path = %path.display(), "others than the server's user may read the master key: chmod 600");
            }
            Ok(text.into())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => make(path),
        Err(error) => Err(error),
    }
}

fn make(path: &Path) -> io::Result<SecretString> {
    let key = sealed::random().map_err(io::Error::other)?;
    let text = SecretString::from(hex::encode(key.expose_secret()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.expose_secret().as_bytes())?;
    file.sync_all()?;
    Ok(text)
}

/// Stores the first mask key, unless there is one or nothing can be sealed.
///
/// # Errors
/// The store cannot be written.
pub async fn ensure_mask_key(store: &Store, master: Option<&MasterKey>) -> Result<(), StartError> {
    let failed = |error: StoreError| StartError(format!("the mask key cannot be stored: {}", chain(&error)));
    let snapshot = store.snapshot().await.map_err(failed)?;
    match (master, &snapshot.mask_key) {
        (None, _) => Ok(()),
        (Some(master), Some(known)) => {
            if !mask_key::opens(known, Some(master)) {
                tracing::error!(
                    version = known.version,
                    "the mask key does not open with this server's master key: statements that show values under \
                     `hmac-sha-256` are refused"
                );
            }
            Ok(())
        }
        (Some(master), None) => {
            let event = bootstrap_event("create", "mask-key:default", &snapshot);
            let put = mask_keys::put(store, master, None, event).await;
            match put.map_err(|error| StartError(format!("the mask key cannot be made: {error:?}")))? {
                // Another server of the store was faster.
                Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
                Err(error) => Err(failed(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_for_us_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        assert_eq!(read(&path, false).unwrap_err().kind(), io::ErrorKind::NotFound);
        let made = read(&path, true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path, true).unwrap().expose_secret(), made.expose_secret());
        let key = MasterKey::of_hex(made.expose_secret()).unwrap();
        assert_eq!(
            key.id(),
            MasterKey::of_hex(&format!("{}\n", made.expose_secret())).unwrap().id()
        );
    }
}
