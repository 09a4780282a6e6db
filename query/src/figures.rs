//! What is the state of the engine now? Figures for the metrics, read from time to time.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use lakegate_catalog::record::QueryState;

/// Figures of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Statements that have not ended, by state and workgroup.
    pub queries: HashMap<(QueryState, String), usize>,
    /// Bytes that all statements together have reserved, and may reserve.
    pub memory_reserved: usize,
    pub memory_limit: usize,
    /// Bytes of spill files.
    pub spilled: u64,
    /// Version of the policies that were used last.
    pub policy_version: Option<i64>,
    /// Hits and misses since the start, by cache.
    pub caches: [(&'static str, (u64, u64)); 4],
    /// Tasks and waiting tasks of the engine.
    pub tasks: usize,
    pub queued_tasks: usize,
}

/// Hits and misses of a cache.
#[derive(Debug, Default)]
pub(crate) struct CacheCount {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl CacheCount {
    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Relaxed);
    }

    pub(crate) fn missed(&self) {
        self.misses.fetch_add(1, Relaxed);
    }

    pub(crate) fn get(&self) -> (u64, u64) {
        (self.hits.load(Relaxed), self.misses.load(Relaxed))
    }
}
