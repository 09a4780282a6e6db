//! What is one piece of a scan, and what comes back when it is read?

use std::{any::Any, fmt, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use futures::stream::BoxStream;

use crate::{
    error::{ConnectorError, ConnectorErrorKind, Result},
    predicate::Predicate,
    remote_statement::RemoteStatement,
    scan::DynamicSlotId,
};

/// Opaque value of a connector. In process it is a plain value; transports that leave the process sign it.
#[derive(Clone)]
pub struct Handle(Arc<dyn Any + Send + Sync>);

impl Handle {
    /// Wraps a connector's own value. It must hold no credential.
    #[must_use]
    pub fn new<T: Any + Send + Sync>(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// The connector's own value.
    ///
    /// # Errors
    /// `HANDLE_INVALID`, without detail, if it is of another kind.
    pub fn get<T: Any + Send + Sync>(&self) -> Result<&T> {
        self.0
            .downcast_ref()
            .ok_or_else(|| ConnectorError::new(ConnectorErrorKind::HandleInvalid, "the handle is not valid"))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

/// Where a page of a listing goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PageToken(pub String);

/// A page of a listing that is wanted.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub token: Option<PageToken>,
    /// At most this many; `None`: the connector's own size.
    pub size: Option<usize>,
}

/// Asks for the splits of a planned scan.
#[derive(Clone, Debug)]
pub struct SplitsRequest {
    /// Handle of `PlanResponse`.
    pub scan: Handle,
    /// Splits that can be read at the same time.
    pub parallelism: usize,
    pub token: Option<PageToken>,
}

/// Some splits, and where more are.
#[derive(Clone, Debug, Default)]
pub struct SplitsPage {
    pub splits: Vec<Split>,
    pub next: Option<PageToken>,
}

/// Number of a split in its scan.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SplitId(pub u64);

/// One piece of a scan. The union of all splits is the scan.
#[derive(Clone, Debug)]
pub struct Split {
    pub id: SplitId,
    pub handle: Handle,
    /// Estimate.
    pub bytes: u64,
    /// Estimate.
    pub rows: Option<u64>,
    pub locality: Option<String>,
    /// For spans; `None`: there is nothing to be told.
    pub statement: Option<Arc<RemoteStatement>>,
}

/// Reads one split. Idempotent.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    pub split: Handle,
    /// Rows of a batch, at most.
    pub batch_rows: usize,
    /// Predicates that became known after planning.
    pub dynamic: Vec<(DynamicSlotId, Predicate)>,
    /// The caller will stop after about that many rows.
    pub row_hint: Option<u64>,
}

/// Batches of one split; dropping it stops the work at the source.
pub struct ReadStream {
    pub schema: SchemaRef,
    pub batches: BoxStream<'static, Result<RecordBatch>>,
}

impl fmt::Debug for ReadStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadStream")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
