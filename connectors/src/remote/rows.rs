//! How are the rows of a remote read taken in? Message by message; whole only after the message that says so.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use http::HeaderMap;

use super::{
    channel::Channel,
    flight::{DO_GET, FlightData, Ticket},
    grpc::{Frame, Frames, broken, decoded, framed, lost},
    ipc,
    message::{Counters, End, Progress, Read},
    wire::failure,
};
use crate::{
    batch_stream::{self, BatchSender},
    call::CallContext,
    credential::Credential,
    error::{ConnectorError, Result},
    read_stats::ReadStats,
    split::ReadStream,
};

/// The beginning of a message, which is not part of what is signed.
pub(super) const PREFIX: usize = 5;

/// A read that was asked for and has not been answered yet.
pub(super) struct RemoteRead {
    pub channel: Arc<Channel>,
    pub credential: Credential,
    pub ticket: Read,
    /// Rows of a batch, at most.
    pub batch_rows: usize,
}

impl RemoteRead {
    /// The rows, whose schema is known from the plan.
    pub(super) fn stream(self, cx: &CallContext, schema: SchemaRef) -> ReadStream {
        let (call, expected) = (cx.clone(), Arc::clone(&schema));
        batch_stream::start(cx, schema, move |sender| async move {
            let mut rows = self.open(&call).await?;
            if rows.schema != expected {
                return Err(broken());
            }
            rows.run(&sender).await
        })
    }

    /// The rows, whose schema is what the remote says first.
    pub(super) async fn stream_of_any(self, cx: &CallContext) -> Result<ReadStream> {
        let mut rows = cx.bounded(self.open(cx)).await?;
        let schema = Arc::clone(&rows.schema);
        Ok(batch_stream::start(cx, schema, move |sender| async move {
            rows.run(&sender).await
        }))
    }

    async fn open(self, cx: &CallContext) -> Result<Rows> {
        use prost::Message;
        let ticket = Ticket {
            ticket: self.ticket.encode_to_vec().into(),
        };
        let body = framed(&ticket)?;
        let keys = self.channel.remote.keys.as_ref();
        let signed = body.slice(PREFIX..);
        let metadata = super::call::metadata(keys, cx, &self.credential, DO_GET, &signed)?;
        let response = self.channel.send(DO_GET, metadata, body).await?;
        let (head, body) = response.into_parts();
        let mut rows = Rows {
            frames: Frames::of(body),
            cx: cx.clone(),
            counted: ReadStats::default(),
            schema: Arc::new(arrow::datatypes::Schema::empty()),
            batch_rows: self.batch_rows,
            rows: 0,
            batches: 0,
        };
        if head.headers.contains_key("grpc-status") {
            return Err(rows.ended(&head.headers));
        }
        rows.schema = match rows.frames.next().await? {
            Frame::Message(message) => ipc::schema(&decoded::<FlightData>(message)?.data_header)?,
            Frame::Trailers(trailers) => return Err(rows.ended(&trailers)),
            Frame::End => return Err(lost()),
        };
        Ok(rows)
    }
}

struct Rows {
    frames: Frames,
    cx: CallContext,
    /// What the remote has said so far.
    counted: ReadStats,
    schema: SchemaRef,
    batch_rows: usize,
    rows: u64,
    batches: u64,
}

impl Rows {
    async fn run(&mut self, sender: &BatchSender) -> Result<()> {
        loop {
            let message = match self.frames.next().await? {
                Frame::Message(message) => decoded::<FlightData>(message)?,
                Frame::Trailers(trailers) => return Err(self.ended(&trailers)),
                Frame::End => return Err(lost()),
            };
            let progress: Progress = decoded(message.app_metadata)?;
            if let Some(counters) = progress.counters {
                self.count(counters);
            }
            match progress.end {
                Some(end) if message.data_header.is_empty() => return self.finish(&end).await,
                Some(_) => return Err(broken()),
                None => self.hand_on(&message.data_header, &message.data_body, sender).await?,
            }
        }
    }

    async fn hand_on(&mut self, header: &Bytes, body: &Bytes, sender: &BatchSender) -> Result<()> {
        let batch = ipc::batch(header, body, &self.schema, self.batch_rows)?;
        // Batches without rows could go on for ever.
        let rows = u64::try_from(batch.num_rows()).ok().filter(|rows| *rows > 0);
        self.rows += rows.ok_or_else(broken)?;
        self.batches += 1;
        sender.send(batch.columns().to_vec(), batch.num_rows()).await
    }

    /// The remote says that this was all: is it, and does its status agree?
    async fn finish(&mut self, end: &End) -> Result<()> {
        if (end.rows, end.batches) != (self.rows, self.batches) {
            return Err(broken());
        }
        match self.frames.next().await? {
            Frame::Trailers(trailers) => failure::outcome(&trailers).map_err(|(error, _)| error),
            Frame::Message(_) => Err(broken()),
            Frame::End => Err(lost()),
        }
    }

    /// Why there are trailers before the end.
    fn ended(&mut self, trailers: &HeaderMap) -> ConnectorError {
        match failure::outcome(trailers) {
            Ok(()) => broken(),
            Err((error, counters)) => {
                if let Some(counters) = counters {
                    self.count(counters);
                }
                error
            }
        }
    }

    /// What was counted there since the last message. Rows and their bytes are counted here.
    fn count(&mut self, counters: Counters) {
        let now = ReadStats {
            bytes_source: counters.bytes_source,
            requests: counters.requests,
            retries: counters.retries,
            throttled_ms: counters.throttled_ms,
            capacity_milli: counters.capacity_milli,
            snapshot: counters.snapshot,
            ..ReadStats::default()
        };
        self.cx.counters.add_work(&self.counted, &now);
        self.counted = now;
    }
}
