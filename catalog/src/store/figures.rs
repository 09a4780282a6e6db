//! How does the store do? What it has done since it was opened, for the metrics.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};

use crate::{
    error::Result,
    store::{Store, cell::parse_time},
};

/// Figures of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreFigures {
    /// Number of the last event that this process chained.
    pub audit_sequence: u64,
    /// Events stored by this process, by kind.
    pub audit_events: BTreeMap<String, u64>,
    /// Time since the database said which epoch is the newest.
    pub staleness: Duration,
    /// Snapshots that were asked for: kept ones, and those that had to be read.
    pub snapshots: (u64, u64),
    pub idle_connections: usize,
    pub used_connections: usize,
}

/// What is counted while the store works.
#[derive(Debug)]
pub(super) struct Counts {
    audit: Mutex<(u64, BTreeMap<String, u64>)>,
    confirmed: Mutex<Instant>,
    kept: AtomicU64,
    read: AtomicU64,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self {
            audit: Mutex::default(),
            confirmed: Mutex::new(Instant::now()),
            kept: AtomicU64::new(0),
            read: AtomicU64::new(0),
        }
    }

    /// Events of these kinds are durable, and the last of them has this number.
    pub(super) fn stored(&self, kinds: Vec<String>, last: u64) {
        let mut audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        audit.0 = last;
        for kind in kinds {
            *audit.1.entry(kind).or_default() += 1;
        }
    }

    /// The database has just said which epoch is the newest.
    pub(super) fn confirmed(&self) {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn snapshot_kept(&self) {
        self.kept.fetch_add(1, Relaxed);
    }

    pub(super) fn snapshot_read(&self) {
        self.read.fetch_add(1, Relaxed);
    }
}

impl Store {
    /// The figures of now.
    #[must_use]
    pub fn figures(&self) -> StoreFigures {
        let counts = &self.inner.counts;
        let (audit_sequence, audit_events) = counts.audit.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let confirmed = *counts.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, idle) = self.inner.database.connections();
        StoreFigures {
            audit_sequence,
            audit_events,
            staleness: confirmed.elapsed(),
            snapshots: (counts.kept.load(Relaxed), counts.read.load(Relaxed)),
            idle_connections: idle,
            used_connections: all.saturating_sub(idle),
        }
    }

    /// When did the first change after `epoch` happen? `None`: nothing has changed since.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn changed_since(&self, epoch: i64) -> Result<Option<DateTime<Utc>>> {
        let first: Option<String> = sqlx::query_scalar("SELECT MIN(changed_at) FROM object_history WHERE epoch > $1")
            .bind(epoch)
            .fetch_one(&self.inner.database.reader)
            .await?;
        first.as_deref().map(parse_time).transpose()
    }
}
