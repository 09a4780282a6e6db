//! Where do the bytes that a file scan asks for go? To the query's meter, under the connection's name.

use std::sync::Arc;

use lakegate_connectors::files::ScanMeter;

use crate::context::Meter;

/// Counts for one connection of one query.
#[derive(Debug)]
pub(super) struct QueryScanMeter {
    pub(super) meter: Arc<Meter>,
    pub(super) connection: String,
}

impl ScanMeter for QueryScanMeter {
    fn scanned(&self, bytes: u64) {
        self.meter.add_scanned(&self.connection, bytes);
    }
}
