//! What is one piece of a scan, and what comes back when it is read?

use std::{any::Any, fmt, marker::PhantomData, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use futures::stream::BoxStream;
use serde::{Serialize, de::DeserializeOwned};

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
        self.0.downcast_ref().ok_or_else(Self::invalid)
    }

    /// What is said of a handle that is not good for what it is used for: nothing more.
    pub(crate) fn invalid() -> ConnectorError {
        ConnectorError::new(ConnectorErrorKind::HandleInvalid, "the handle is not valid")
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

/// How the handles of a connector leave the process. Scans have no form of their own: `plan` is a function of its request
/// and of the table's handle, asks nothing of the source, and is called again where a scan or split arrives.
pub trait HandleCodec: Send + Sync {
    /// A table's handle as bytes. They hold no credential.
    ///
    /// # Errors
    /// `HANDLE_INVALID` if it is none of this connector's tables.
    fn encode_table(&self, table: &Handle) -> Result<Vec<u8>>;

    /// The handle of these bytes.
    ///
    /// # Errors
    /// `HANDLE_INVALID`.
    fn decode_table(&self, bytes: &[u8]) -> Result<Handle>;

    /// What a split's handle says beyond its scan.
    ///
    /// # Errors
    /// `HANDLE_INVALID` if it is none of this connector's splits.
    fn encode_split(&self, split: &Handle) -> Result<Vec<u8>>;

    /// The split of a scan that says this.
    ///
    /// # Errors
    /// `HANDLE_INVALID`.
    fn decode_split(&self, bytes: &[u8], scan: &Handle) -> Result<Handle>;

    /// No split of the scan, one of which says this, is read any more: what is held for them may end.
    ///
    /// # Errors
    /// `HANDLE_INVALID`.
    fn release(&self, split: &[u8]) -> Result<()> {
        let _ = split;
        Ok(())
    }
}

/// A handle that is an `Arc<T>`, as JSON.
pub(crate) fn encode_json<T: Serialize + Any + Send + Sync>(handle: &Handle) -> Result<Vec<u8>> {
    serde_json::to_vec(handle.get::<Arc<T>>()?.as_ref()).map_err(|_| Handle::invalid())
}

/// The handle of such bytes.
pub(crate) fn decode_json<T: DeserializeOwned + Any + Send + Sync>(bytes: &[u8]) -> Result<Handle> {
    let value: T = serde_json::from_slice(bytes).map_err(|_| Handle::invalid())?;
    Ok(Handle::new(Arc::new(value)))
}

/// The handles of a connector whose tables are `Arc<T>` and whose only split is the scan itself, an `Arc<S>`.
pub(crate) struct OneSplit<T, S>(PhantomData<fn() -> (T, S)>);

impl<T, S> OneSplit<T, S> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T, S> HandleCodec for OneSplit<T, S>
where
    T: Serialize + DeserializeOwned + Any + Send + Sync,
    S: Any + Send + Sync,
{
    fn encode_table(&self, table: &Handle) -> Result<Vec<u8>> {
        encode_json::<T>(table)
    }

    fn decode_table(&self, bytes: &[u8]) -> Result<Handle> {
        decode_json::<T>(bytes)
    }

    fn encode_split(&self, split: &Handle) -> Result<Vec<u8>> {
        split.get::<Arc<S>>().map(|_| Vec::new())
    }

    fn decode_split(&self, bytes: &[u8], scan: &Handle) -> Result<Handle> {
        if !bytes.is_empty() {
            return Err(Handle::invalid());
        }
        Ok(Handle::new(Arc::clone(scan.get::<Arc<S>>()?)))
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
