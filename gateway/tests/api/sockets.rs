//! What does a client see on the wire: cut results, lost interest, slow senders, a server that leaves?

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::StatusCode;
use lakegate::{config::http::Http, connections};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

use crate::server::{ANA, Server, cross_join};

const PATIENCE: Duration = Duration::from_secs(20);

struct Door {
    address: SocketAddr,
    close: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

async fn open(server: &Server, change: impl FnOnce(&mut Http)) -> Door {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (close, closing) = watch::channel(false);
    let mut config = server.app.config.http.clone();
    change(&mut config);
    let serving = connections::serve(
        listener,
        server.router.clone(),
        config,
        Arc::clone(&server.app.metrics),
        closing,
    );
    Door {
        address,
        close,
        serving: tokio::task::spawn(serving),
    }
}

async fn ask(door: &Door, sql: &str) -> TcpStream {
    let body = serde_json::json!({"sql": sql}).to_string();
    let head = format!(
        "POST /v1/sql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ANA}\r\naccept: text/csv\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    stream
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_result_that_fails_late_is_cut() {
    let server = Server::start().await;
    let door = open(&server, |_| {}).await;
    let rows = format!("select row_number() over () n from {}", cross_join(10));
    let mut stream = ask(
        &door,
        &format!("select 100 / (50000 - cast(n as bigint)) from ({rows})"),
    )
    .await;
    let text = read_all(&mut stream).await;
    assert!(
        text.starts_with("HTTP/1.1 200 OK"),
        "{}",
        text.chars().take(600).collect::<String>()
    );
    assert!(text.lines().count() > 1_000);
    assert!(!text.ends_with("0\r\n\r\n"), "a cut stream must never look complete");
}

#[tokio::test]
async fn who_leaves_early_cancels() {
    let server = Server::start().await;
    let door = open(&server, |_| {}).await;
    let mut stream = ask(
        &door,
        &format!("select '{}' from {}", "x".repeat(1_000), cross_join(11)),
    )
    .await;
    let mut head = [0; 4_096];
    timeout(PATIENCE, stream.read(&mut head)).await.unwrap().unwrap();
    drop(stream);
    let state = async || {
        server.get(ANA, "/v1/queries").await.json()["items"][0]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let end = tokio::time::Instant::now() + PATIENCE;
    while state().await == "RUNNING" && tokio::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(state().await, "CANCELLED");
}

#[tokio::test]
async fn a_slow_sender_is_dropped() {
    let server = Server::start().await;
    let door = open(&server, |config| config.header_timeout = Duration::from_millis(200)).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream
        .write_all(b"GET /v1/whoami HTTP/1.1\r\nhost: x\r\n")
        .await
        .unwrap();
    let text = read_all(&mut stream).await;
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");
}

#[tokio::test]
async fn more_connections_than_places_wait() {
    let server = Server::start().await;
    let door = open(&server, |config| config.max_connections = 1).await;
    let request =
        format!("GET /v1/whoami HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ANA}\r\nconnection: close\r\n\r\n");
    let first = TcpStream::connect(door.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut second = TcpStream::connect(door.address).await.unwrap();
    second.write_all(request.as_bytes()).await.unwrap();
    let mut byte = [0];
    assert!(
        timeout(Duration::from_millis(300), second.read(&mut byte))
            .await
            .is_err(),
        "the only place is taken"
    );
    drop(first);
    assert!(read_all(&mut second).await.contains("200 OK"));
}

#[tokio::test]
async fn a_closing_door_finishes_what_runs() {
    let server = Server::start().await;
    let door = open(&server, |_| {}).await;
    let idle = TcpStream::connect(door.address).await.unwrap();
    let mut busy = ask(&door, &format!("select count(*) from {}", cross_join(12))).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    door.close.send_replace(true);
    let text = read_all(&mut busy).await;
    assert!(
        text.starts_with("HTTP/1.1 200 OK") && text.ends_with("0\r\n\r\n"),
        "{text}"
    );
    timeout(PATIENCE, door.serving).await.unwrap().unwrap();
    drop(idle);
    assert!(
        TcpStream::connect(door.address).await.is_err(),
        "nobody listens any more"
    );
    assert_eq!(server.get(ANA, "/v1/whoami").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused() {
    let server = Server::start().await;
    let door = open(&server, |_| {}).await;
    let authorization = format!("authorization: Bearer {ANA}\r\n");
    for head in [
        "host: x\r\nhost: y\r\n",
        "host: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n",
        "host: x\r\nx-folded: a\r\n b\r\n",
        "host: x\r\ntransfer-encoding: identity\r\n",
        "host: x\r\nbad name: y\r\n",
    ] {
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        let request = format!("POST /v1/queries HTTP/1.1\r\n{authorization}{head}connection: close\r\n\r\n{{}}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let text = read_all(&mut stream).await;
        assert!(text.starts_with("HTTP/1.1 400"), "{head}: {text}");
    }
}

#[tokio::test]
async fn a_second_request_hidden_in_a_first_is_not_somebody_elses() {
    let server = Server::start().await;
    let door = open(&server, |_| {}).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let hidden = "GET /v1/whoami HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let request = format!(
        "POST /v1/queries HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ANA}\r\ncontent-length: {}\r\n\
         transfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
        hidden.len() + 5
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let text = read_all(&mut stream).await;
    assert!(
        !text.contains("\"name\":\"ana\""),
        "the credential of one request is not that of the next: {text}"
    );
}
