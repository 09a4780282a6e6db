//! What if an object store asks for fewer requests (429, 503)? They are made again; a store that goes on so is an error, never fewer
//! rows. Only where a server is given; printed as skipped otherwise.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use arrow::datatypes::DataType;
use lakegate_connectors::files::{FileTable, Format};
use object_store::{ObjectStoreExt, path::Path};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    lake::{Lake, ours},
    s3,
};

/// In front of a store: lets some requests pass, refuses some, and lets the others pass.
struct Gate {
    port: u16,
    seen: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Gate {
    async fn start(server: String, status: &'static str, refused: std::ops::Range<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("address").port();
        let seen = Arc::new(AtomicUsize::new(0));
        let (counted, mut tasks) = (Arc::clone(&seen), JoinSet::new());
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (server, counted, refused) = (server.clone(), Arc::clone(&counted), refused.clone());
                open.spawn(async move {
                    let _ = one(client, &server, &counted, status, refused).await;
                });
            }
        });
        Self {
            port,
            seen,
            _tasks: tasks,
        }
    }

    fn seen(&self) -> usize {
        self.seen.load(SeqCst)
    }
}

/// One request of a connection, which is closed behind it.
async fn one(
    mut client: TcpStream,
    server: &str,
    counted: &AtomicUsize,
    status: &str,
    refused: std::ops::Range<usize>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    if refused.contains(&counted.fetch_add(1, SeqCst)) {
        let answer = format!("HTTP/1.1 {status}\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return client.write_all(answer.as_bytes()).await;
    }
    let mut upstream = TcpStream::connect(server).await?;
    head.truncate(head.len() - 2);
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    upstream.write_all(&head).await?;
    copy_bidirectional(&mut client, &mut upstream).await.map(|_| ())
}

const STATUS: [&str; 2] = ["429 Too Many Requests", "503 Service Unavailable"];

/// A bucket with four files of ten rows, and the same bucket behind a gate.
async fn gated(name: &str, status: &'static str, refused: std::ops::Range<usize>) -> Option<(Lake, Lake, Gate)> {
    let (direct, prefix) = s3::lake(name)?;
    for file in 0..4 {
        let rows: String = (0..10).map(|row| format!("{}\n", file * 10 + row)).collect();
        let path = Path::from(format!("{prefix}/t/{file}.csv"));
        direct.store.put(&path, format!("x\n{rows}").into()).await.expect("put");
    }
    let endpoint = std::env::var("LAKEGATE_TEST_S3_ENDPOINT").expect("an endpoint");
    let server = endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let gate = Gate::start(server, status, refused).await;
    let (behind, _) = s3::lake_at(name, &format!("http://127.0.0.1:{}", gate.port))?;
    Some((direct, behind, gate))
}

fn table(lake: &Lake) -> FileTable {
    lake.table("t", Format::Csv, &[("x", DataType::Int64)])
}

#[tokio::test]
async fn refused_requests_are_made_again() {
    for status in STATUS {
        // The first three, and three in the middle.
        for refused in [0..3, 2..5] {
            let Some((_, behind, gate)) = gated("again", status, refused).await else {
                return;
            };
            let rows = behind.read(&table(&behind)).await.expect("rows");
            assert_eq!(rows.lines().count(), 41, "{status}: {rows}");
            assert!(gate.seen() >= 8, "{status}: {} requests", gate.seen());
        }
    }
}

#[tokio::test]
async fn a_store_that_refuses_for_ever_is_an_error() {
    for status in STATUS {
        let Some((direct, behind, gate)) = gated("ever", status, 2..usize::MAX).await else {
            return;
        };
        let table = table(&behind);
        let files = direct.list(&table).await;
        let started = Instant::now();
        let error = behind
            .scan(&table, &files, vec![0], None, vec![])
            .await
            .expect_err("some files only");
        let code = if status.starts_with("429") {
            "SOURCE_THROTTLED"
        } else {
            "SOURCE_UNAVAILABLE"
        };
        assert_eq!(ours(&error).code(), code, "{status}: {error:?}");
        assert!(
            ours(&error).file().is_some_and(|file| file.ends_with(".csv")),
            "{error:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
        assert!(gate.seen() > 3, "{status}: not tried again");
    }
}

/// The deadline of a query drops its reads, whatever the store asks them to wait for.
#[tokio::test]
async fn who_gives_up_waits_for_no_retry() {
    let Some((direct, behind, gate)) = gated("given-up", STATUS[1], 0..usize::MAX).await else {
        return;
    };
    let table = table(&behind);
    let files = direct.list(&table).await;
    let scan = behind.scan(&table, &files, vec![0], None, vec![]);
    let ended = tokio::time::timeout(Duration::from_millis(300), scan).await;
    assert!(ended.is_err(), "{ended:?}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let seen = gate.seen();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(seen > 0 && gate.seen() == seen, "{seen}, then {}", gate.seen());
}
