//! What does governance cost? TPC-H queries through the server, with a row filter and two masks, against the same queries
//! with filter and masks written out in SQL, over the same files, on plain DataFusion with the same number of threads.

mod lake;
mod queries;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use datafusion::{
    execution::context::SessionContext,
    prelude::{ParquetReadOptions, SessionConfig},
};
use serde_json::Value;

use self::queries::{QUERIES, Query, TABLES};
use crate::{Failure, server::Server, times::median};

/// Interleaved runs; the medians are compared.
const RUNS: usize = 7;

/// Measures and prints a table. `LAKEGATE_TPCH` is a directory of `TABLE.parquet` of scale factor 1.
pub async fn run(binary: &str) -> Result<(), Failure> {
    let data = PathBuf::from(std::env::var("LAKEGATE_TPCH").map_err(|_| "set LAKEGATE_TPCH to the files of TPC-H")?);
    let directory = tempfile::tempdir()?;
    lake::write(directory.path(), &data)?;
    let (server, _) = Server::start(binary, directory.path()).await?;
    let peer = Peer::open(&data).await?;
    println!("| query | rows | hand-written, ms | governed, ms | ratio |\n|---|---|---|---|---|");
    let mut ratios = Vec::new();
    for query in QUERIES {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut rows = 0;
        for run in 0..=RUNS {
            let (expected, their) = peer.ask(query).await?;
            let (got, our) = ask(&server, query).await?;
            if got != expected {
                return Err(format!("{}: {got} rows, hand-written {expected}", query.name).into());
            }
            rows = got;
            // The first run warms both.
            if run > 0 {
                ours.push(our);
                theirs.push(their);
            }
        }
        let (our, their) = (median(ours), median(theirs));
        ratios.push(our / their);
        println!(
            "| {} | {rows} | {their:.1} | {our:.1} | {:.3} |",
            query.name,
            our / their
        );
    }
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    println!("| geometric mean | | | | {mean:.3} |");
    server.stop().await
}

async fn ask(server: &Server, query: &Query) -> Result<(usize, Duration), Failure> {
    let client = reqwest::Client::new();
    let started = Instant::now();
    let answer = client
        .post(format!("http://{}/v1/sql", server.http))
        .bearer_auth(lake::KEY)
        .header("accept", "application/json")
        .json(&serde_json::json!({ "sql": query.governed }))
        .send()
        .await?;
    let (status, body) = (answer.status(), answer.bytes().await?);
    let took = started.elapsed();
    if !status.is_success() {
        return Err(format!("{}: {status}: {}", query.name, String::from_utf8_lossy(&body)).into());
    }
    let body: Value = serde_json::from_slice(&body)?;
    let rows = body.get("rows").and_then(Value::as_array).ok_or("no rows")?;
    Ok((rows.len(), took))
}

/// Plain DataFusion over the same files.
struct Peer(SessionContext);

impl Peer {
    async fn open(data: &Path) -> Result<Self, Failure> {
        let threads = std::thread::available_parallelism()?.get();
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
        for table in TABLES {
            let file = data.join(format!("{table}.parquet"));
            let file = file.to_str().ok_or("a path that is no text")?;
            context
                .register_parquet(*table, file, ParquetReadOptions::default())
                .await?;
        }
        Ok(Self(context))
    }

    async fn ask(&self, query: &Query) -> Result<(usize, Duration), Failure> {
        let started = Instant::now();
        let batches = self.0.sql(query.written_out).await?.collect().await?;
        let took = started.elapsed();
        Ok((batches.iter().map(|batch| batch.num_rows()).sum(), took))
    }
}
