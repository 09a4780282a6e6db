//! How much of the stored data did a scan ask for? The logical counter that billing and budgets read.

use std::{fmt::Debug, sync::Arc};

use crate::error::ConnectorError;

/// Told by a scan what it asks for, whatever caches, coalescing and retries make of it.
pub trait ScanMeter: Debug + Send + Sync {
    /// This many stored (compressed) bytes were asked for: Parquet column chunks, pages and indexes, and `footer length + 8`
    /// once per file; text: file bytes consumed.
    fn scanned(&self, bytes: u64);

    /// A file was opened; once per file and scan, before its bytes are counted.
    fn opened_file(&self) {}

    /// The reading of one split begins: its own meter, dropped when the reading has ended. `None`: this one goes on.
    fn split(&self) -> Option<Arc<dyn ScanMeter>> {
        None
    }

    /// The reading failed.
    fn failed(&self, _error: &ConnectorError) {}
}

/// Counts nothing; for inference and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMeter;

impl ScanMeter for NoMeter {
    fn scanned(&self, _bytes: u64) {}
}
