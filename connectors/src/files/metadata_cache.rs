//! What is known of files across queries? Their footers and headers, by store, path and version, bounded by bytes.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use object_store::{ObjectMeta, ObjectStore};

use super::footer::{self, Footer};
use crate::error::{ConnectorError, Result};

/// Bytes that a cache may hold unless it is told otherwise.
pub const DEFAULT_CACHE_BYTES: usize = 256 << 20;

/// Bytes that an entry costs beside what it says of itself.
const OF_AN_ENTRY: usize = 512;

/// Which bytes are meant: store, path, and version by etag or else by time and size.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Key {
    store: String,
    path: String,
    version: String,
    /// What is known: a file may be read as one format by one table and as another by another.
    what: TypeId,
}

impl Key {
    fn new<M: 'static>(store: &str, meta: &ObjectMeta) -> Self {
        let version = match (&meta.e_tag, &meta.version) {
            (Some(tag), version) => format!("{tag} {} {}", version.as_deref().unwrap_or_default(), meta.size),
            (None, _) => format!(
                "{} {}",
                meta.last_modified.timestamp_nanos_opt().unwrap_or_default(),
                meta.size
            ),
        };
        Self {
            store: store.to_owned(),
            path: meta.location.to_string(),
            version,
            what: TypeId::of::<M>(),
        }
    }
}

/// Footers and headers across queries; the least recently used leave first. What has no version is not kept. Files whose decoder
/// panicked are remembered and refused until they change.
#[derive(Debug)]
pub struct MetadataCache {
    limit: usize,
    hits: AtomicU64,
    misses: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Key, Entry>,
    order: BTreeMap<u64, Key>,
    clock: u64,
    bytes: usize,
    broken: HashSet<Key>,
}

struct Entry {
    known: Arc<dyn Any + Send + Sync>,
    bytes: usize,
    used: u64,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Default for MetadataCache {
    fn default() -> Self {
        Self::new(DEFAULT_CACHE_BYTES)
    }
}

impl MetadataCache {
    /// A cache of at most `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            limit: bytes,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// Bytes held now.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Footers that were found here since the start, and those that had to be read.
    #[must_use]
    pub fn requests(&self) -> (u64, u64) {
        (self.hits.load(Relaxed), self.misses.load(Relaxed))
    }

    /// The footer of a file of Parquet; `store_id` tells stores (and their credentials) apart.
    pub(crate) async fn footer(
        &self,
        store_id: &str,
        store: &Arc<dyn ObjectStore>,
        meta: &ObjectMeta,
    ) -> Result<Footer> {
        let known = self
            .known(store_id, meta, Footer::bytes, footer::read(store, meta))
            .await?;
        Ok(known.as_ref().clone())
    }

    /// What is known of a file, read by `read` where it is not; `bytes` says how many it holds in memory.
    pub(crate) async fn known<M: Any + Send + Sync>(
        &self,
        store_id: &str,
        meta: &ObjectMeta,
        bytes: impl FnOnce(&M) -> usize,
        read: impl Future<Output = Result<M>>,
    ) -> Result<Arc<M>> {
        let key = Key::new::<M>(store_id, meta);
        if let Some(found) = self.find(&key)?.and_then(|found| found.downcast::<M>().ok()) {
            self.hits.fetch_add(1, Relaxed);
            return Ok(found);
        }
        self.misses.fetch_add(1, Relaxed);
        let known = Arc::new(read.await?);
        // Without a version nothing tells whether the next file at the path is the same.
        if meta.e_tag.is_some() || meta.version.is_some() {
            let bytes = bytes(&known).saturating_add(OF_AN_ENTRY);
            self.insert(key, Arc::clone(&known) as _, bytes);
        }
        Ok(known)
    }

    /// Refuses the file from now on, until it changes.
    pub(crate) fn quarantine(&self, store_id: &str, meta: &ObjectMeta) {
        let mut state = self.lock();
        if state.broken.len() < 10_000 {
            state.broken.insert(Key::new::<Footer>(store_id, meta));
        }
    }

    fn find(&self, key: &Key) -> Result<Option<Arc<dyn Any + Send + Sync>>> {
        let mut state = self.lock();
        if state.broken.contains(key) {
            return Err(ConnectorError::corrupt_file(&key.path).with_detail("its decoder failed before"));
        }
        state.clock += 1;
        let now = state.clock;
        let State { entries, order, .. } = &mut *state;
        Ok(entries.get_mut(key).map(|entry| {
            if let Some(key) = order.remove(&entry.used) {
                order.insert(now, key);
            }
            entry.used = now;
            Arc::clone(&entry.known)
        }))
    }

    fn insert(&self, key: Key, known: Arc<dyn Any + Send + Sync>, bytes: usize) {
        let mut state = self.lock();
        if bytes > self.limit || state.entries.contains_key(&key) {
            return;
        }
        while state.bytes + bytes > self.limit {
            let Some((_, oldest)) = state.order.pop_first() else {
                break;
            };
            let freed = state.entries.remove(&oldest).map_or(0, |entry| entry.bytes);
            state.bytes -= freed;
        }
        state.clock += 1;
        let used = state.clock;
        state.bytes += bytes;
        state.order.insert(used, key.clone());
        state.entries.insert(key, Entry { known, bytes, used });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
