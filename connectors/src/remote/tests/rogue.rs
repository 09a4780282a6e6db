//! A remote that lies: too many columns, rows, bytes, or no end.

use std::{convert::Infallible, sync::Arc, time::Duration};

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use http::Response;
use http_body_util::StreamBody;
use hyper::{body::Frame, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::{net::TcpListener, task::JoinSet};

use super::{KEY, call};
use crate::{
    call::Deadline,
    error::ConnectorErrorKind,
    remote::{
        client::{RemoteConnector, Travelling},
        flight::FlightData,
        grpc::{framed, good},
        ipc,
        message::{End, Progress},
    },
    split::{Handle, ReadRequest},
};

type Frames = Vec<Frame<Bytes>>;

/// Answers every call with these frames, and then with this one for ever, if there is one.
async fn rogue(frames: fn() -> Frames, then: Option<fn() -> Frame<Bytes>>) -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let port = listener.local_addr().expect("address").port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |_| async move {
                let endless: std::pin::Pin<Box<dyn Stream<Item = Frame<Bytes>> + Send>> = match then {
                    Some(more) => Box::pin(stream::repeat_with(more)),
                    None => Box::pin(stream::empty()),
                };
                let body = stream::iter(frames()).chain(endless).map(Ok::<_, Infallible>);
                Ok::<_, Infallible>(Response::new(StreamBody::new(body)))
            });
            connections.spawn(async move {
                let connection =
                    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
                connection.await.ok();
            });
        }
    });
    (port, tasks)
}

fn planned() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]))
}

fn data(message: &FlightData) -> Frame<Bytes> {
    Frame::data(framed(message).expect("frame"))
}

fn schema(schema: &Schema) -> Frame<Bytes> {
    data(&FlightData {
        data_header: ipc::schema_bytes(schema),
        ..FlightData::default()
    })
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> Frame<Bytes> {
    batch_of(&RecordBatch::try_from_iter(columns).expect("batch"))
}

fn batch_of(batch: &RecordBatch) -> Frame<Bytes> {
    let (data_header, data_body) = ipc::batch_bytes(batch).expect("bytes");
    data(&FlightData {
        data_header,
        data_body,
        app_metadata: Progress::default().encode_to_vec().into(),
    })
}

fn numbers(count: i64) -> Frame<Bytes> {
    batch(vec![("id", Arc::new(Int64Array::from_iter_values(0..count)))])
}

fn end(rows: u64, batches: u64) -> Frame<Bytes> {
    let progress = Progress {
        counters: None,
        end: Some(End { rows, batches }),
    };
    data(&FlightData {
        app_metadata: progress.encode_to_vec().into(),
        ..FlightData::default()
    })
}

fn trailers() -> Frame<Bytes> {
    Frame::trailers(good())
}

/// A message that says it is so long, and is not.
fn long(compressed: u8, length: u32) -> Frame<Bytes> {
    let mut out = BytesMut::new();
    out.put_u8(compressed);
    out.put_u32(length);
    out.put_slice(&[0; 64]);
    Frame::data(out.freeze())
}

async fn read(
    frames: fn() -> Frames,
    then: Option<fn() -> Frame<Bytes>>,
    left: Duration,
) -> Result<usize, ConnectorErrorKind> {
    let (port, _tasks) = rogue(frames, then).await;
    let mut cx = call(&format!("grpc://127.0.0.1:{port}"), &[], &[("remote_key", KEY)]);
    cx.deadline = Deadline::after(left);
    let request = ReadRequest {
        split: Handle::new(Travelling {
            sealed: Bytes::from_static(b"s"),
            scan: Bytes::from_static(b"s"),
            schema: planned(),
        }),
        batch_rows: 5,
        dynamic: Vec::new(),
        row_hint: None,
    };
    let stream = RemoteConnector::default().read(&cx, &request).expect("stream");
    let batches: Result<Vec<RecordBatch>, _> = stream.batches.try_collect().await;
    let batches = batches.map_err(|error| error.kind())?;
    Ok(batches.iter().map(RecordBatch::num_rows).sum())
}

#[tokio::test]
async fn an_honest_answer_is_read() {
    let frames = || vec![schema(&planned()), numbers(5), numbers(2), end(7, 2), trailers()];
    assert_eq!(read(frames, None, Duration::from_secs(10)).await, Ok(7));
}

/// What is wrong with an answer, and the answer.
type Lie = (&'static str, fn() -> Frames);

#[tokio::test]
async fn a_lie_is_an_error() {
    let lies: &[Lie] = &[
        ("nothing", Vec::new),
        ("no schema", || vec![numbers(1), end(1, 1), trailers()]),
        ("no end", || vec![schema(&planned()), numbers(1), trailers()]),
        ("no trailers", || vec![schema(&planned()), numbers(1), end(1, 1)]),
        ("no end, no trailers", || vec![schema(&planned()), numbers(1)]),
        ("other count of rows", || {
            vec![schema(&planned()), numbers(1), end(2, 1), trailers()]
        }),
        ("other count of batches", || {
            vec![schema(&planned()), numbers(1), end(1, 2), trailers()]
        }),
        ("rows after the end", || {
            vec![schema(&planned()), end(0, 0), numbers(1), trailers()]
        }),
        ("too many rows in a batch", || {
            vec![schema(&planned()), numbers(6), end(6, 1), trailers()]
        }),
        ("a batch without rows", || {
            vec![schema(&planned()), numbers(0), end(0, 1), trailers()]
        }),
        ("a column too few", || {
            let rows = RecordBatchOptions::new().with_row_count(Some(1));
            let bare = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &rows);
            vec![
                schema(&planned()),
                batch_of(&bare.expect("batch")),
                end(1, 1),
                trailers(),
            ]
        }),
        ("another schema", || {
            let other = Schema::new(vec![Field::new("id", DataType::Utf8, false)]);
            vec![schema(&other), end(0, 0), trailers()]
        }),
        ("one more column", || {
            let ids: ArrayRef = Arc::new(Int64Array::from(vec![1]));
            let frame = batch(vec![("id", Arc::clone(&ids)), ("ssn", ids)]);
            let more = Schema::new(vec![
                Field::new("id", DataType::Int64, false),
                Field::new("ssn", DataType::Int64, false),
            ]);
            vec![schema(&more), frame, end(1, 1), trailers()]
        }),
        ("NULL where none is", || {
            let ids: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(1)]));
            vec![schema(&planned()), batch(vec![("id", ids)]), end(2, 1), trailers()]
        }),
        ("4 GiB to come", || vec![schema(&planned()), long(0, u32::MAX)]),
        ("compressed", || vec![schema(&planned()), long(1, 64)]),
        ("half a message", || {
            vec![schema(&planned()), long(0, 1_000), trailers()]
        }),
        ("no protobuf", || {
            vec![schema(&planned()), long(0, 64), end(0, 0), trailers()]
        }),
    ];
    for (name, frames) in lies {
        let outcome = read(*frames, None, Duration::from_secs(10)).await;
        let kind = outcome.expect_err(name);
        let expected = matches!(
            kind,
            ConnectorErrorKind::Protocol
                | ConnectorErrorKind::Unavailable
                | ConnectorErrorKind::SchemaChanged
                | ConnectorErrorKind::LimitExceeded
        );
        assert!(expected, "{name}: {kind:?}");
    }
}

#[tokio::test]
async fn what_never_ends_ends_at_the_deadline() {
    let frames = || vec![schema(&planned())];
    let outcome = read(frames, Some(|| numbers(5)), Duration::from_millis(500)).await;
    assert_eq!(outcome, Err(ConnectorErrorKind::Timeout));
}
