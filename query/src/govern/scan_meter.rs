//! Where do the bytes that a file scan asks for go? To the query's meter, under the connection's name, and to the span of
//! the split that asked.

use std::sync::Arc;

use lakegate_catalog::name::TableName;
use lakegate_connectors::{error::ConnectorError, files::ScanMeter, remote_statement::RemoteStatement};

use crate::{
    context::QueryContext,
    federate::client_span::{ClientSpan, Place},
};

/// Counts for one table of one query.
#[derive(Clone, Debug)]
pub(super) struct QueryScanMeter {
    pub(super) cx: Arc<QueryContext>,
    pub(super) place: Place,
    pub(super) relation: TableName,
}

impl QueryScanMeter {
    /// No path is told: a file's name may hold values of a partition.
    fn statement(&self) -> RemoteStatement {
        RemoteStatement {
            system: "files",
            namespace: Some(format!("{}|{}", self.relation.catalog, self.relation.database)),
            collection: self.relation.table.clone(),
            operation: "READ",
            ..RemoteStatement::default()
        }
    }
}

impl ScanMeter for QueryScanMeter {
    fn scanned(&self, bytes: u64) {
        self.cx.meter.add_scanned(&self.place.connection, bytes);
    }

    fn split(&self) -> Option<Arc<dyn ScanMeter>> {
        Some(Arc::new(SplitMeter {
            span: ClientSpan::read(&self.cx, &self.place, &self.statement()),
            scan: self.clone(),
        }))
    }
}

/// One split of the scan; its span ends with it.
#[derive(Debug)]
struct SplitMeter {
    scan: QueryScanMeter,
    span: ClientSpan,
}

impl ScanMeter for SplitMeter {
    fn scanned(&self, bytes: u64) {
        self.span.add_bytes(bytes);
        self.scan.scanned(bytes);
    }

    fn failed(&self, error: &ConnectorError) {
        self.span.failed(error);
    }
}
