//! What has a read cost so far? Atomics that are updated per batch and readable at any moment, after a cancel too.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Live counters of one call.
#[derive(Debug, Default)]
pub struct ReadCounters {
    bytes_source: AtomicU64,
    bytes_returned: AtomicU64,
    rows: AtomicU64,
    requests: AtomicU64,
    retries: AtomicU64,
    throttled_ms: AtomicU64,
    capacity_milli: AtomicU64,
    snapshot: Mutex<Option<String>>,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReadStats {
    /// Bytes as the source counts them.
    pub bytes_source: u64,
    /// Arrow bytes returned.
    pub bytes_returned: u64,
    pub rows: u64,
    pub requests: u64,
    pub retries: u64,
    pub throttled_ms: u64,
    /// Thousandths of the source's capacity unit.
    pub capacity_milli: u64,
    /// Id of the snapshot read, if the source has such.
    pub snapshot: Option<String>,
}

impl ReadCounters {
    /// One batch was handed on.
    pub fn add_batch(&self, rows: u64, bytes_returned: u64) {
        self.rows.fetch_add(rows, Relaxed);
        self.bytes_returned.fetch_add(bytes_returned, Relaxed);
    }

    /// The source sent or read this many bytes, by its own count.
    pub fn add_bytes_source(&self, bytes: u64) {
        self.bytes_source.fetch_add(bytes, Relaxed);
    }

    /// One request was sent.
    pub fn add_request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// One request was sent again.
    pub fn add_retry(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// The source made us wait.
    pub fn add_throttled_ms(&self, milliseconds: u64) {
        self.throttled_ms.fetch_add(milliseconds, Relaxed);
    }

    /// Capacity consumed, in thousandths of a unit.
    pub fn add_capacity_milli(&self, milli: u64) {
        self.capacity_milli.fetch_add(milli, Relaxed);
    }

    /// The snapshot that is read.
    pub fn set_snapshot(&self, id: impl Into<String>) {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.into());
    }

    /// Work of another process on the same call: what it counted beside rows and their bytes, since `before`.
    pub fn add_work(&self, before: &ReadStats, now: &ReadStats) {
        let add = |counter: &AtomicU64, before: u64, now: u64| {
            counter.fetch_add(now.saturating_sub(before), Relaxed);
        };
        add(&self.bytes_source, before.bytes_source, now.bytes_source);
        add(&self.requests, before.requests, now.requests);
        add(&self.retries, before.retries, now.retries);
        add(&self.throttled_ms, before.throttled_ms, now.throttled_ms);
        add(&self.capacity_milli, before.capacity_milli, now.capacity_milli);
        if let Some(snapshot) = &now.snapshot {
            self.set_snapshot(snapshot.as_str());
        }
    }

    /// The values now.
    #[must_use]
    pub fn snapshot(&self) -> ReadStats {
        ReadStats {
            bytes_source: self.bytes_source.load(Relaxed),
            bytes_returned: self.bytes_returned.load(Relaxed),
            rows: self.rows.load(Relaxed),
            requests: self.requests.load(Relaxed),
            retries: self.retries.load(Relaxed),
            throttled_ms: self.throttled_ms.load(Relaxed),
            capacity_milli: self.capacity_milli.load(Relaxed),
            snapshot: self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
