//! How fast does one node start, how much does it hold, and what does a small governed query cost?

pub mod lake;

use std::time::{Duration, Instant};

use crate::{
    Failure,
    server::Server,
    times::{milliseconds, percentile},
};

/// Starts measured; the median is shown.
const STARTS: usize = 7;
/// Queries of the warm-up and of the measurement.
const WARM_UP: usize = 200;
const QUERIES: usize = 2_000;

const SMALL: &str = "SELECT id, region, ssn, amount FROM lake.sales.orders WHERE id < 10 ORDER BY id";
const CONSTANT: &str = "SELECT 1";

/// Measures and prints a table.
pub async fn run(binary: &str) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    lake::write(directory.path())?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let (server, ready) = Server::start(binary, directory.path()).await?;
        starts.push(ready);
        server.stop().await?;
    }
    starts.sort();
    let (server, _) = Server::start(binary, directory.path()).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = server.resident_megabytes()?;
    println!("| measure | value |\n|---|---|");
    println!(
        "| start to ready, median of {STARTS} | {:.0} ms |",
        milliseconds(starts.get(STARTS / 2))
    );
    println!("| resident after start, idle | {idle:.0} MB |");
    for (name, sql) in [
        ("`SELECT 1`", CONSTANT),
        ("small governed query (row filter, mask, 1,000 rows of Parquet)", SMALL),
    ] {
        let times = measure(&server, sql).await?;
        println!(
            "| {name} over REST, one connection, {QUERIES} queries | p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms |",
            percentile(&times, 50),
            percentile(&times, 90),
            percentile(&times, 99)
        );
    }
    println!(
        "| resident after the queries | {:.0} MB |",
        server.resident_megabytes()?
    );
    server.stop().await
}

async fn measure(server: &Server, sql: &str) -> Result<Vec<Duration>, Failure> {
    let client = reqwest::Client::builder().pool_max_idle_per_host(1).build()?;
    let mut times = Vec::with_capacity(QUERIES);
    for number in 0..WARM_UP + QUERIES {
        let started = Instant::now();
        let answer = client
            .post(format!("http://{}/v1/sql", server.http))
            .bearer_auth(lake::ANALYST_KEY)
            .header("accept", "application/json")
            .json(&serde_json::json!({ "sql": sql }))
            .send()
            .await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        if !status.is_success() {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
        }
        if number >= WARM_UP {
            times.push(started.elapsed());
        }
    }
    times.sort();
    Ok(times)
}
