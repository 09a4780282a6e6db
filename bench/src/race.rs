//! Queries through the server against the same ones on plain DataFusion, in turn: the same files, the same number of threads, this very
//! build of the engine, which is that of `datafusion-cli` with its defaults.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use datafusion::{
    execution::context::SessionContext,
    prelude::{ParquetReadOptions, SessionConfig},
};
use serde_json::Value;

use crate::{Failure, server::Server, times::median};

/// Interleaved runs; the medians are compared.
const RUNS: usize = 7;

/// A query in both forms.
pub struct Query {
    /// As TPC-H numbers it.
    pub name: &'static str,
    /// For the server.
    pub ours: &'static str,
    /// For the peer.
    pub theirs: &'static str,
}

/// Who races, over which files.
#[derive(Clone, Copy)]
pub struct Race<'a> {
    pub server: &'a Server,
    /// Of the caller.
    pub key: &'a str,
    /// A directory of `TABLE.parquet`.
    pub data: &'a Path,
    pub tables: &'a [&'a str],
}

impl Race<'_> {
    /// Measures and prints a table.
    pub async fn run(&self, queries: &[Query]) -> Result<(), Failure> {
        let peer = Peer::open(self.data, self.tables).await?;
        println!("| query | rows | DataFusion, ms | Lakegate, ms | ratio |\n|---|---|---|---|---|");
        let mut ratios = Vec::new();
        for query in queries {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            let mut rows = 0;
            for run in 0..=RUNS {
                let (expected, their) = peer.ask(query).await?;
                let (got, our) = self.ask(query).await?;
                if got != expected {
                    return Err(format!("{}: {got} rows, the peer has {expected}", query.name).into());
                }
                rows = got;
                // The first run warms both.
                if run > 0 {
                    ours.push(our);
                    theirs.push(their);
                }
            }
            let (our, their) = (median(ours), median(theirs));
            let ratio = our / their;
            ratios.push(ratio);
            println!("| {} | {rows} | {their:.1} | {our:.1} | {ratio:.3} |", query.name);
        }
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        println!("| geometric mean | | | | {mean:.3} |");
        Ok(())
    }

    async fn ask(&self, query: &Query) -> Result<(usize, Duration), Failure> {
        let client = reqwest::Client::new();
        let started = Instant::now();
        let answer = client
            .post(format!("http://{}/v1/sql", self.server.http))
            .bearer_auth(self.key)
            .header("accept", "application/json")
            .json(&serde_json::json!({ "sql": query.ours }))
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
}

/// Plain DataFusion over the same files.
struct Peer(SessionContext);

impl Peer {
    async fn open(data: &Path, tables: &[&str]) -> Result<Self, Failure> {
        let threads = std::thread::available_parallelism()?.get();
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
        for table in tables {
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
        let batches = self.0.sql(query.theirs).await?.collect().await?;
        let took = started.elapsed();
        Ok((batches.iter().map(|batch| batch.num_rows()).sum(), took))
    }
}
