//! How are a source's batches handed on while it is still being read?
//!
//! One task reads, at most two batches ahead of the consumer. It ends – and with it the work at the source – when the
//! stream is dropped, the token fires or the deadline passes. A stream ends well only after the reader said so: a lost
//! task is an error, never a short result.

use std::{future::Future, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions},
    datatypes::SchemaRef,
};
use futures::{StreamExt, stream};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    call::CallContext,
    error::{ConnectorError, ConnectorErrorKind, Result},
    read_stats::ReadCounters,
    split::ReadStream,
};

/// Text and binary columns are cut at this many bytes, so that a batch of wide rows stays small and offsets fit.
pub(crate) const MAX_BATCH_BYTES: usize = 16 << 20;

/// The reader's end: hands batches on and counts them.
#[derive(Debug)]
pub(crate) struct BatchSender {
    schema: SchemaRef,
    counters: Arc<ReadCounters>,
    // `None` is the good end.
    queue: mpsc::Sender<Result<Option<RecordBatch>>>,
}

impl BatchSender {
    /// Hands on one batch of `rows` rows; columns are checked against the schema.
    pub(crate) async fn send(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<()> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch =
            RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(|error| {
                ConnectorError::new(
                    ConnectorErrorKind::SchemaChanged,
                    "a column has another type at the source",
                )
                .with_source(error)
            })?;
        self.counters
            .add_batch(u64::try_from(rows).unwrap_or(u64::MAX), arrow_bytes(&batch)?);
        // A consumer that went away is noticed by the task, not here.
        self.queue.send(Ok(Some(batch))).await.ok();
        Ok(())
    }
}

/// Starts reading. `read` gets the sender and works until everything is sent.
pub(crate) fn start<W, F>(cx: &CallContext, schema: SchemaRef, read: W) -> ReadStream
where
    W: FnOnce(BatchSender) -> F,
    F: Future<Output = Result<()>> + Send + 'static,
{
    // One batch waits here, one is in the reader's hands.
    let (queue, receiver) = mpsc::channel(1);
    let sender = BatchSender {
        schema: Arc::clone(&schema),
        counters: Arc::clone(&cx.counters),
        queue: queue.clone(),
    };
    let work = read(sender);
    let cx = cx.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let outcome = cx.bounded(work).await;
        queue.send(outcome.map(|()| None)).await.ok();
    });
    // The set goes with the stream: dropping it ends the task.
    let batches = stream::unfold(Some((receiver, tasks)), |state| async {
        let (mut receiver, tasks) = state?;
        match receiver.recv().await {
            Some(Ok(Some(batch))) => Some((Ok(batch), Some((receiver, tasks)))),
            Some(Ok(None)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((
                Err(ConnectorError::new(
                    ConnectorErrorKind::Internal,
                    "the read ended early",
                )),
                None,
            )),
        }
    });
    ReadStream {
        schema,
        batches: batches.boxed(),
    }
}

/// Bytes of the values, offsets and validity, as an uncompressed IPC body has them without padding; of text that is viewed, the views
/// and what does not fit into them.
fn arrow_bytes(batch: &RecordBatch) -> Result<u64> {
    let mut bytes = 0;
    for column in batch.columns() {
        bytes += column.to_data().get_slice_memory_size()?;
        if let Some(views) = column.as_string_view_opt() {
            let lengths = views.lengths().filter(|length| *length > 12);
            bytes += lengths
                .map(|length| usize::try_from(length).unwrap_or(0))
                .sum::<usize>();
        }
    }
    Ok(u64::try_from(bytes).unwrap_or(u64::MAX))
}
