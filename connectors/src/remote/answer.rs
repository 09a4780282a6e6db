//! How does a host answer? Bodies of gRPC: messages, then trailers that say how it went.

use std::convert::Infallible;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use prost::Message;

use super::{
    flight::{ActionResult, FlightData},
    grpc::{CONTENT_TYPE, framed, good},
    ipc,
    message::{End, Progress},
    wire::failure::{counters_message, trailers},
};
use crate::{
    call::CallContext,
    error::{ConnectorError, Result},
    split::ReadStream,
};

/// Batches whose columns are larger travel in pieces.
const PIECE_BYTES: usize = 4 << 20;

pub(super) type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

fn reply(frames: impl Stream<Item = Frame<Bytes>> + Send + 'static) -> Reply {
    let mut reply = Response::new(StreamBody::new(frames.map(Ok)).boxed_unsync());
    let kind = HeaderValue::from_static(CONTENT_TYPE);
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}

/// The only result of an action.
pub(super) fn result(message: &impl Message) -> Result<Reply> {
    let result = ActionResult {
        body: message.encode_to_vec().into(),
    };
    let frames = [Frame::data(framed(&result)?), Frame::trailers(good())];
    Ok(reply(stream::iter(frames)))
}

/// A call that failed before anything was sent.
pub(super) fn failed(error: &ConnectorError) -> Reply {
    reply(stream::iter([Frame::trailers(trailers(error, None))]))
}

/// The rows of a read: schema, batches, end. `held` is dropped with the answer, whoever ends it.
pub(super) fn rows(cx: &CallContext, read: ReadStream, held: impl Send + 'static) -> Result<Reply> {
    let first = FlightData {
        data_header: ipc::schema_bytes(&read.schema),
        ..FlightData::default()
    };
    let rows = Rows {
        cx: cx.clone(),
        read,
        sent: End::default(),
        waiting: vec![Frame::data(framed(&first)?)],
        ended: false,
        _held: Box::new(held),
    };
    Ok(reply(stream::unfold(rows, |mut rows| async move {
        let frame = rows.next().await?;
        Some((frame, rows))
    })))
}

struct Rows {
    cx: CallContext,
    read: ReadStream,
    sent: End,
    /// Frames that are ready, the last one first.
    waiting: Vec<Frame<Bytes>>,
    ended: bool,
    _held: Box<dyn Send>,
}

impl Rows {
    async fn next(&mut self) -> Option<Frame<Bytes>> {
        if let Some(frame) = self.waiting.pop() {
            return Some(frame);
        }
        if self.ended {
            return None;
        }
        match self.read.batches.next().await {
            Some(Ok(batch)) => {
                if let Err(error) = self.add(&batch) {
                    return Some(self.failed(&error));
                }
            }
            Some(Err(error)) => return Some(self.failed(&error)),
            None => {
                self.ended = true;
                self.waiting.push(Frame::trailers(good()));
                let end = Some(self.sent);
                if let Err(error) = self.push(FlightData::default(), end) {
                    return Some(self.failed(&error));
                }
            }
        }
        self.waiting.pop()
    }

    /// A batch, in as many messages as its size asks for.
    fn add(&mut self, batch: &arrow::array::RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        let pieces = (batch.get_array_memory_size() / PIECE_BYTES + 1).min(rows.max(1));
        let each = rows.div_ceil(pieces).max(1);
        let mut all = Vec::new();
        for first in (0..rows).step_by(each) {
            let piece = batch.slice(first, each.min(rows - first));
            let (data_header, data_body) = ipc::batch_bytes(&piece)?;
            self.sent.batches += 1;
            self.sent.rows += u64::try_from(piece.num_rows()).unwrap_or(u64::MAX);
            all.push(FlightData {
                data_header,
                data_body,
                ..FlightData::default()
            });
        }
        all.into_iter().rev().try_for_each(|data| self.push(data, None))
    }

    /// Makes a message ready, with what has been counted by now.
    fn push(&mut self, mut data: FlightData, end: Option<End>) -> Result<()> {
        let progress = Progress {
            counters: Some(counters_message(&self.cx.counters.snapshot())),
            end,
        };
        data.app_metadata = progress.encode_to_vec().into();
        self.waiting.push(Frame::data(framed(&data)?));
        Ok(())
    }

    /// INVARIANT: nothing follows a failure, so that no reader takes a part for the whole.
    fn failed(&mut self, error: &ConnectorError) -> Frame<Bytes> {
        self.ended = true;
        self.waiting.clear();
        tracing::warn!(error = ?error, query_id = %self.cx.query, "a read for a gateway failed");
        Frame::trailers(trailers(error, Some(&self.cx.counters.snapshot())))
    }
}
