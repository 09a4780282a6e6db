//! How much memory may one query reserve? Its own limit first, then the pool that all queries share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use datafusion::{
    common::{DataFusionError, Result},
    execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation},
};

use crate::context::Meter;

/// Enforces the query's limit, records its peak, and passes on to the shared pool.
#[derive(Debug)]
pub struct QueryMemoryPool {
    shared: Arc<dyn MemoryPool>,
    limit: usize,
    used: AtomicUsize,
    meter: Arc<Meter>,
}

impl QueryMemoryPool {
    /// A pool of `limit` bytes inside `shared`.
    #[must_use]
    pub fn new(shared: &Arc<dyn MemoryPool>, limit: usize, meter: &Arc<Meter>) -> Self {
        Self {
            shared: Arc::clone(shared),
            limit,
            used: AtomicUsize::new(0),
            meter: Arc::clone(meter),
        }
    }

    fn took(&self, additional: usize) {
        let used = self.used.fetch_add(additional, Ordering::Relaxed) + additional;
        self.meter.record_memory(used as u64);
    }
}

impl fmt::Display for QueryMemoryPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query({} bytes)", self.limit)
    }
}

impl MemoryPool for QueryMemoryPool {
    fn name(&self) -> &str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.shared.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.shared.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.shared.grow(reservation, additional);
        self.took(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.shared.shrink(reservation, shrink);
        self.used.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let within = |used: usize| used.checked_add(additional).filter(|sum| *sum <= self.limit);
        let Ok(before) = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within) else {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "operator {} needs {additional} more bytes; the query's limit is {} bytes",
                reservation.consumer().name(),
                self.limit
            )));
        };
        if let Err(error) = self.shared.try_grow(reservation, additional) {
            self.used.fetch_sub(additional, Ordering::Relaxed);
            return Err(error);
        }
        self.meter.record_memory((before + additional) as u64);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}
