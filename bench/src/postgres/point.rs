//! How long does one row take, by its key, through the gateway?

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::setting;
use crate::{Failure, server::Server, small::lake::ANALYST_KEY, times::percentile};

const QUERIES: usize = 1_000;

/// Measures and prints a line.
pub async fn run(binary: &str) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    write(directory.path())?;
    let (server, _) = Server::start(binary, directory.path()).await?;
    let client = reqwest::Client::new();
    let mut times: Vec<Duration> = Vec::new();
    for number in 0..QUERIES + 50 {
        // Keys of TPC-H: the first eight of every 32 numbers.
        let key = number * 32 + 1;
        let started = Instant::now();
        let answer = client
            .post(format!("http://{}/v1/sql", server.http))
            .bearer_auth(ANALYST_KEY)
            .header("accept", "application/json")
            .json(&serde_json::json!({ "sql": format!("SELECT * FROM crm.public.lineitem WHERE l_orderkey = {key} AND l_linenumber = 1") }))
            .send()
            .await?;
        let (status, body) = (answer.status(), answer.bytes().await?);
        if number >= 50 {
            times.push(started.elapsed());
        }
        let body: serde_json::Value = serde_json::from_slice(&body)?;
        let rows = body.get("rows").and_then(serde_json::Value::as_array).map(Vec::len);
        if !status.is_success() || rows != Some(1) {
            return Err(format!("key {key}: {status}: {body}").into());
        }
    }
    times.sort();
    let [half, most, last] = [50, 90, 99].map(|percent| percentile(&times, percent));
    println!("\none row by its key, {QUERIES} queries: p50 {half:.1} ms, p90 {most:.1} ms, p99 {last:.1} ms");
    server.stop().await
}

/// A lake over the server.
pub(super) fn write(directory: &Path) -> Result<(), Failure> {
    let [host, port, database] = [setting("HOST")?, setting("PORT")?, setting("DATABASE")?];
    let text = format!(
        "lake: bench
connections:
  server:
    connector: postgres
    options: {{host: \"{host}\", port: {port}, database: \"{database}\", tls: disable}}
    credential: {{user: \"env://LAKEGATE_TEST_PG_USER\", password: \"env://LAKEGATE_TEST_PG_PASSWORD\"}}
catalogs:
  crm: {{connection: server, default: true, discover: true}}
users:
  ana: {{kind: human}}
grants:
  - {{to: \"user:ana\", privileges: [select], resource: \"catalog:crm\"}}
keys:
  ana: {{user: ana, secret: \"env://BENCH_ANALYST_KEY\"}}
"
    );
    let folder = directory.join("lake");
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join("lake.yaml"), text)?)
}
