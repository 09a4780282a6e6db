//! How does a stored connection become one that a connector can use? Its secret references are resolved, for a minute.

use std::{
    collections::HashMap,
    fmt::Debug,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use lakegate_catalog::{connection::Connection as StoredConnection, object::Stored};
use lakegate_connectors::{connection::Connection, credential::Credential};
use secrecy::SecretString;

use crate::{
    error::{ErrorCode, QueryError, Result},
    figures::CacheCount,
    identity::SourceIdentity,
};

/// Secrets are read again after this time, so that a rotated one is picked up without a restart.
const FRESH: Duration = Duration::from_secs(60);

/// Resolves secret references (`env://NAME`, `file://path`). The gateway implements it.
pub trait SecretSource: Debug + Send + Sync {
    /// The secret behind `reference`; relative files belong to `directory`.
    ///
    /// # Errors
    /// A sentence that names the reference, never the secret.
    fn resolve(&self, reference: &str, directory: Option<&Path>) -> Result<String, String>;
}

/// Id and version.
type Key = (String, i64);

/// Usable connections, cached by id and version.
#[derive(Debug)]
pub struct Connections {
    secrets: Arc<dyn SecretSource>,
    local_roots: Vec<PathBuf>,
    cache: Mutex<HashMap<Key, (Instant, Arc<Connection>)>>,
    count: CacheCount,
}

impl Connections {
    /// Local paths must lie below `local_roots`, or below the directory of a lake file that the operator applied.
    #[must_use]
    pub fn new(secrets: Arc<dyn SecretSource>, local_roots: Vec<PathBuf>) -> Self {
        Self {
            secrets,
            local_roots,
            cache: Mutex::default(),
            count: CacheCount::default(),
        }
    }

    pub(crate) fn requests(&self) -> (u64, u64) {
        self.count.get()
    }

    /// The usable form of a stored connection, with its own credential.
    ///
    /// # Errors
    /// `SOURCE_ACCESS_DENIED` when a secret cannot be resolved.
    pub fn open(&self, stored: &Stored<StoredConnection>) -> Result<Arc<Connection>> {
        self.open_as(stored, SourceIdentity::Connection)
    }

    /// The usable form of a stored connection, with the credential of an identity.
    ///
    /// # Errors
    /// As [`Connections::open`].
    pub fn open_as(&self, stored: &Stored<StoredConnection>, identity: SourceIdentity) -> Result<Arc<Connection>> {
        let key = (id_of(stored, identity), stored.version);
        if let Ok(cache) = self.cache.lock()
            && let Some((since, connection)) = cache.get(&key)
            && since.elapsed() < FRESH
        {
            self.count.hit();
            return Ok(Arc::clone(connection));
        }
        self.count.missed();
        let connection = Arc::new(self.build(stored, identity)?);
        if let Ok(mut cache) = self.cache.lock() {
            cache.retain(|(id, version), (since, _)| (*id != key.0 || *version == key.1) && since.elapsed() < FRESH);
            cache.insert(key, (Instant::now(), Arc::clone(&connection)));
        }
        Ok(connection)
    }

    fn build(&self, stored: &Stored<StoredConnection>, identity: SourceIdentity) -> Result<Connection> {
        let body = &stored.body;
        let directory = body.directory.as_ref().map(PathBuf::from);
        let mut members = Vec::new();
        let other = identity.place().and_then(|place| body.credentials.get(place));
        for (member, reference) in other.map_or(&body.credential, |other| &other.credential) {
            let secret = self
                .secrets
                .resolve(reference, directory.as_deref())
                .map_err(|problem| {
                    QueryError::new(
                        ErrorCode::SourceDenied,
                        format!("the credential of connection `{}` cannot be resolved", stored.name),
                    )
                    .because(problem)
                })?;
            members.push((member.clone(), SecretString::from(secret)));
        }
        let mut local_roots = self.local_roots.clone();
        if body.operator {
            local_roots.extend(operator_root(body, directory.as_deref()));
        }
        Ok(Connection {
            id: id_of(stored, identity),
            version: u64::try_from(stored.version).unwrap_or_default(),
            kind: body.connector.clone(),
            options: body.options.clone(),
            credential: Credential::new(members),
            directory,
            local_roots,
        })
    }
}

/// INVARIANT: connections that differ in their credential differ in their id, which is part of the key of whatever is kept of a
/// source: descriptions, pools, clients, stores and footers.
fn id_of(stored: &Stored<StoredConnection>, identity: SourceIdentity) -> String {
    match identity {
        SourceIdentity::Connection => stored.id.as_str().to_owned(),
        SourceIdentity::Caller(place) => format!("{}-as-{place}", stored.id),
    }
}

/// What the operator's own lake file names is allowed, and nothing beside it.
fn operator_root(body: &StoredConnection, directory: Option<&Path>) -> Option<PathBuf> {
    let text = body
        .options
        .get("root")
        .or_else(|| body.options.get("path"))
        .and_then(serde_json::Value::as_str)?;
    if text.contains("://") {
        return None;
    }
    Some(directory.map_or_else(|| PathBuf::from(text), |directory| directory.join(text)))
}
