//! How much of the stored data did a scan ask for? The logical counter that billing and budgets read.

use std::fmt::Debug;

/// Told by a scan what it asks for, whatever caches, coalescing and retries make of it.
pub trait ScanMeter: Debug + Send + Sync {
    /// This many stored (compressed) bytes were asked for: Parquet column chunks, pages and indexes, and `footer length + 8`
    /// once per file; text: file bytes consumed.
    fn scanned(&self, bytes: u64);

    /// A file was opened; once per file and scan, before its bytes are counted.
    fn opened_file(&self) {}
}

/// Counts nothing; for inference and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMeter;

impl ScanMeter for NoMeter {
    fn scanned(&self, _bytes: u64) {}
}
