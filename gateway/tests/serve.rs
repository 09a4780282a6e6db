//! Does the real binary start, tell where it is, hold its data, and leave as it should?

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a case fails by panicking"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

const LAKE: &str = "lake: acme\nusers:\n  ana: {kind: human}\nkeys:\n  ana: {user: ana, secret: \"env://ANA_KEY\"}\n";
const ANA: &str = "ana-key-canary-0123456789-0123456789-012";
const PATIENCE: Duration = Duration::from_secs(30);

struct Running {
    child: Child,
    ready: Value,
    log: PathBuf,
}

fn command(directory: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate"));
    command.args([
        "serve",
        "--http",
        "127.0.0.1:0",
        "--management",
        "127.0.0.1:0",
        "--data",
    ]);
    command
        .arg(directory.join("data"))
        .args(more)
        .env("ANA_KEY", ANA)
        .env("LAKEGATE__DRAIN__DELAY_SECONDS", "0");
    command
}

fn start(directory: &Path, more: &[&str]) -> Running {
    let (ready, log) = (directory.join("ready.json"), directory.join("log"));
    let mut command = command(directory, more);
    command
        .arg("--ready-file")
        .arg(&ready)
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    let begin = Instant::now();
    while !ready.exists() {
        let ended = child.try_wait().unwrap();
        assert!(
            ended.is_none() && begin.elapsed() < PATIENCE,
            "{ended:?}: {}",
            fs::read_to_string(&log).unwrap()
        );
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let ready = serde_json::from_slice(&fs::read(&ready).unwrap()).unwrap();
    Running { child, ready, log }
}

impl Running {
    fn signal(&self, name: &str) {
        // The shell's own `kill`: a bare Debian has no command of that name.
        let line = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    fn stop(mut self) -> (Option<i32>, String) {
        self.signal("TERM");
        let status = self.child.wait().unwrap();
        (status.code(), fs::read_to_string(&self.log).unwrap())
    }

    async fn call(&self, key: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let url = format!("http://{}{path}", self.ready["http"].as_str().unwrap());
        let request = match body {
            Some(body) => client.post(url).json(&body),
            None => client.get(url),
        };
        let answer = request
            .bearer_auth(key)
            .header("accept", "application/json")
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn probe(&self, path: &str) -> u16 {
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let url = format!("http://{}{path}", self.ready["management"].as_str().unwrap());
        client.get(url).send().await.unwrap().status().as_u16()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn directory() -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let lake = directory.path().join("lake.yaml");
    fs::write(&lake, LAKE).unwrap();
    let lake = lake.display().to_string();
    (directory, lake)
}

fn refused(directory: &Path, more: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command(directory, more).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_serves_and_leaves() {
    let (directory, lake) = directory();
    let server = start(directory.path(), &["--apply", &lake]);
    assert_eq!(server.ready["pid"], server.child.id());
    assert_eq!(
        (&server.ready["flight"], &server.ready["postgres"]),
        (&Value::Null, &Value::Null)
    );
    for path in ["/livez", "/readyz", "/startupz", "/metrics"] {
        assert_eq!(server.probe(path).await, 200, "{path}");
    }
    let key = fs::read_to_string(directory.path().join("data/admin.key")).unwrap();
    assert_eq!(server.call(&key, "/v1/whoami", None).await.1["name"], "admin");
    assert_eq!(
        server
            .call(ANA, "/v1/sql", Some(json!({"sql": "select 1 + 1 as n"})))
            .await
            .1["rows"],
        json!([["2"]])
    );

    let (code, second) = refused(directory.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(second.contains("another server uses"), "{second}");

    let ready = directory.path().join("ready.json");
    let (code, _) = server.stop();
    assert_eq!(code, Some(0));
    assert!(!ready.exists());

    // The same key still works after a restart, and a lake that is already there changes nothing.
    let server = start(directory.path(), &["--apply", &lake]);
    assert_eq!(server.call(&key, "/v1/whoami", None).await.0, 200);
    let (_, log) = server.stop();
    assert!(log.contains("\"created\":0") && log.contains("\"updated\":0"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_no_literal_and_no_token() {
    let (directory, lake) = directory();
    let server = start(directory.path(), &["--apply", &lake]);
    server
        .call(
            ANA,
            "/v1/sql",
            Some(json!({"sql": "select 'canary-literal' as canary_column"})),
        )
        .await;
    server
        .call(
            ANA,
            "/v1/sql",
            Some(json!({"sql": "select cast('canary-literal' as bigint)"})),
        )
        .await;
    server
        .call(
            ANA,
            "/v1/sql",
            Some(json!({"sql": "select $1", "parameters": ["canary-parameter"]})),
        )
        .await;
    server
        .call(ANA, "/v1/sql", Some(json!({"sql": "selec 'canary-literal'"})))
        .await;
    server.call("canary-wrong-key", "/v1/whoami", None).await;
    let admin = fs::read_to_string(directory.path().join("data/admin.key")).unwrap();
    let (_, log) = server.stop();
    assert!(
        log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{log}"
    );
    assert!(!log.contains("canary"), "{log}");
    assert!(!log.contains(&admin), "{log}");
    assert!(log.contains("\"query_id\""), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_ends_its_queries_when_it_is_back() {
    let (directory, lake) = directory();
    let mut server = start(directory.path(), &["--apply", &lake]);
    let wide = (0..9)
        .map(|n| format!("(values (1),(2),(3),(4),(5),(6),(7),(8)) t{n}(x{n})"))
        .collect::<Vec<_>>()
        .join(" cross join ");
    let sql = format!("select count(*) from {wide} where x0 * x8 = 77");
    let (status, query) = server.call(ANA, "/v1/queries", Some(json!({"sql": sql}))).await;
    assert_eq!(status, 202, "{query}");
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    fs::remove_file(directory.path().join("ready.json")).unwrap();
    let server = start(directory.path(), &["--apply", &lake]);
    let (_, found) = server
        .call(ANA, &format!("/v1/queries/{}", query["id"].as_str().unwrap()), None)
        .await;
    assert_eq!(
        (&found["state"], &found["error"]["code"]),
        (&"FAILED".into(), &"SERVER_LOST".into()),
        "{found}"
    );
}

#[test]
fn a_bad_lake_or_configuration_stops_the_start() {
    let (directory, lake) = directory();
    fs::write(&lake, "lake: acme\nusers:\n  ana: {knd: human}\ntable: {}\n").unwrap();
    let (code, text) = refused(directory.path(), &["--apply", &lake]);
    assert_eq!(code, Some(1));
    assert!(text.contains("lake.yaml:3:") && text.contains("lake.yaml:4:"), "{text}");
    let (code, text) = refused(directory.path(), &["--flight", "127.0.0.1:0"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("--flight: `flight.listen`: NOT_SUPPORTED"), "{text}");
    let (code, _) = refused(directory.path(), &["--no-such-flag"]);
    assert_eq!(code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_reach_a_collector_in_the_trace_of_the_client() {
    let (sender, mut spans) = tokio::sync::mpsc::unbounded_channel();
    let collector = axum::Router::new().route(
        "/v1/traces",
        axum::routing::post(async move |body: axum::body::Bytes| {
            sender.send(body).unwrap();
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, collector).await });

    let (directory, lake) = directory();
    let file = directory.path().join("lakegate.toml");
    fs::write(&file, format!("[telemetry]\notlp_endpoint = \"{endpoint}\"\n")).unwrap();
    let server = start(
        directory.path(),
        &["--apply", &lake, "--config", &file.display().to_string()],
    );
    let trace = [0x0a_u8; 16];
    let parent = format!("00-{}-b7ad6b7169203331-01", hex::encode(trace));
    let url = format!("http://{}/v1/whoami", server.ready["http"].as_str().unwrap());
    let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
    let answer = client
        .get(url)
        .bearer_auth(ANA)
        .header("traceparent", parent)
        .send()
        .await
        .unwrap();
    let returned = answer.headers()["traceparent"].to_str().unwrap().to_owned();
    assert!(
        returned.contains(&hex::encode(trace)) && !returned.contains("b7ad6b7169203331"),
        "{returned}"
    );
    assert_eq!(server.stop().0, Some(0));
    let sent = spans.recv().await.unwrap();
    let holds = |part: &[u8]| sent.windows(part.len()).any(|window| window == part);
    assert!(holds(&trace) && holds(b"GET /v1/whoami"));
    assert!(!holds(ANA.as_bytes()));
}
