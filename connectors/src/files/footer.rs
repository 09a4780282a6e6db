//! What does the footer of a Parquet file say? Read once, checked, and kept in a cache bounded by bytes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use object_store::{ObjectMeta, ObjectStore};
use parquet::file::metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader};

use super::{failure::store_error, footer_check::check, listed_bytes};
use crate::error::{ConnectorError, Result};

/// Bytes that a cache may hold unless it is told otherwise.
pub const DEFAULT_CACHE_BYTES: usize = 256 << 20;

/// Longest footer that is read.
const MAX_FOOTER: u64 = 16 << 20;

/// Bytes fetched at first from the end of a file; most footers are shorter.
const FIRST_FETCH: u64 = 64 << 10;

/// Magic number and length at the end of a file.
const TAIL: u64 = 8;

/// Magic number at the start.
const HEAD: u64 = 4;

/// A checked footer.
#[derive(Clone, Debug)]
pub(crate) struct Footer {
    pub(crate) metadata: Arc<ParquetMetaData>,
    /// Length of the metadata, without the 8 bytes behind it.
    pub(crate) length: u64,
}

/// Which bytes are meant: store, path, and version by etag or else by time and size.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Key {
    store: String,
    path: String,
    version: String,
}

impl Key {
    fn new(store: &str, meta: &ObjectMeta) -> Self {
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
        }
    }
}

/// Footers of Parquet files across queries; the least recently used leave first. Files whose decoder panicked are
/// remembered and refused until they change.
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

#[derive(Debug)]
struct Entry {
    footer: Footer,
    bytes: usize,
    used: u64,
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

    /// The footer of a file; `store_id` tells stores (and their credentials) apart.
    pub(crate) async fn footer(
        &self,
        store_id: &str,
        store: &Arc<dyn ObjectStore>,
        meta: &ObjectMeta,
    ) -> Result<Footer> {
        let key = Key::new(store_id, meta);
        if let Some(found) = self.find(&key)? {
            self.hits.fetch_add(1, Relaxed);
            return Ok(found);
        }
        self.misses.fetch_add(1, Relaxed);
        let footer = read(store, meta).await?;
        self.insert(key, footer.clone());
        Ok(footer)
    }

    /// Refuses the file from now on, until it changes.
    pub(crate) fn quarantine(&self, store_id: &str, meta: &ObjectMeta) {
        let mut state = self.lock();
        if state.broken.len() < 10_000 {
            state.broken.insert(Key::new(store_id, meta));
        }
    }

    fn find(&self, key: &Key) -> Result<Option<Footer>> {
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
            entry.footer.clone()
        }))
    }

    fn insert(&self, key: Key, footer: Footer) {
        let bytes = footer.metadata.memory_size();
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
        state.entries.insert(key, Entry { footer, bytes, used });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta) -> Result<Footer> {
    let file = meta.location.as_ref();
    let corrupt = |why: &str| ConnectorError::corrupt_file(file).with_detail(why);
    if meta.size < HEAD + TAIL {
        return Err(corrupt("the file is too short"));
    }
    let start = meta.size - FIRST_FETCH.min(meta.size);
    let end = fetch(store, meta, start..meta.size).await?;
    let tail: [u8; 8] = end
        .last_chunk::<8>()
        .copied()
        .ok_or_else(|| corrupt("the file is too short"))?;
    let tail =
        FooterTail::try_new(&tail).map_err(|error| corrupt("the file has no Parquet footer").with_source(error))?;
    if tail.is_encrypted_footer() {
        return Err(ConnectorError::unsupported("an encrypted Parquet footer").with_file(file));
    }
    let length = tail.metadata_length() as u64;
    if length > MAX_FOOTER || length + HEAD + TAIL > meta.size {
        return Err(corrupt("the footer's length does not fit the file"));
    }
    let from = meta.size - TAIL - length;
    let bytes = if from >= start {
        let offset = usize::try_from(from - start).unwrap_or(usize::MAX);
        end.slice(offset.min(end.len())..end.len() - 8)
    } else {
        fetch(store, meta, from..meta.size - TAIL).await?
    };
    let decoded = std::panic::catch_unwind(AssertUnwindSafe(|| ParquetMetaDataReader::decode_metadata(&bytes)))
        .map_err(|_| corrupt("the footer cannot be decoded"))?;
    let metadata = decoded.map_err(|error| corrupt("the footer cannot be decoded").with_source(error))?;
    check(&metadata, meta.size).map_err(|why| corrupt(&why))?;
    Ok(Footer {
        metadata: Arc::new(metadata),
        length,
    })
}

async fn fetch(store: &Arc<dyn ObjectStore>, meta: &ObjectMeta, range: std::ops::Range<u64>) -> Result<bytes::Bytes> {
    let wanted = range.end - range.start;
    let bytes = listed_bytes::range(store, meta, range)
        .await
        .map_err(|error| store_error(error, meta.location.as_ref()))?;
    if bytes.len() as u64 == wanted {
        return Ok(bytes);
    }
    Err(ConnectorError::corrupt_file(meta.location.as_ref()).with_detail("the file is shorter than it was listed"))
}
