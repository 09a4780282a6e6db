//! How long does a join of 10,000 keys of a lake with all of `lineitem` take, against the statement that names the keys itself?

use std::{
    fs::File,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use arrow::{
    array::{ArrayRef, Int64Array},
    record_batch::RecordBatch,
};
use futures::TryStreamExt;
use parquet::arrow::ArrowWriter;
use tokio_postgres::{Client, types::ToSql};

use super::{client, setting};
use crate::{Failure, server::Server, small::lake::ANALYST_KEY, times::median};

const RUNS: usize = 7;
const KEYS: i64 = 10_000;

/// Without and with a condition on the key, which must not keep the keys from the source.
const STATEMENTS: &[(&str, &str)] = &[
    ("10,000 keys", ""),
    ("10,000 keys, a condition on the key", " WHERE l.l_orderkey > 1000"),
];

/// Measures and prints a table.
pub async fn run(binary: &str) -> Result<(), Failure> {
    // Keys of TPC-H: the first eight of every 32 numbers, up to 6,000,000.
    let keys: Vec<i64> = (0..KEYS).map(|number| number * 18 * 32 + 1 + number % 8).collect();
    let directory = tempfile::tempdir()?;
    write(directory.path(), &keys)?;
    let (server, _) = Server::start(binary, directory.path()).await?;
    let (there, http) = (client().await?, reqwest::Client::new());
    println!("\n| join | rows | `= ANY`, ms | Lakegate, ms | ratio |\n|---|---|---|---|---|");
    for (name, condition) in STATEMENTS {
        let sql = format!(
            "SELECT count(*), sum(l.l_extendedprice) FROM lake.t.picked p JOIN crm.public.lineitem l \
             ON p.key = l.l_orderkey{condition}"
        );
        let (mut ours, mut theirs, mut rows) = (Vec::new(), Vec::new(), 0);
        for run in 0..=RUNS {
            let (expected, their) = by_hand(&there, &keys, condition).await?;
            let started = Instant::now();
            let answer = http
                .post(format!("http://{}/v1/sql", server.http))
                .bearer_auth(ANALYST_KEY)
                .header("accept", "application/json")
                .json(&serde_json::json!({ "sql": sql }))
                .send()
                .await?;
            let (status, body) = (answer.status(), answer.bytes().await?);
            let our = started.elapsed();
            let body: serde_json::Value = serde_json::from_slice(&body)?;
            let counted = body
                .pointer("/rows/0/0")
                .map(|count| count.to_string().replace('"', ""));
            if !status.is_success() || counted.as_deref() != Some(expected.to_string().as_str()) {
                return Err(format!("{name}: {expected} rows expected, {status}: {body}").into());
            }
            rows = expected;
            if run > 0 {
                ours.push(our);
                theirs.push(their);
            }
        }
        let (our, their) = (median(ours), median(theirs));
        println!("| {name} | {rows} | {:.1} | {:.1} | {:.3} |", their, our, our / their);
    }
    server.stop().await
}

/// The rows of these keys, in a client that is given them.
async fn by_hand(there: &Client, keys: &[i64], condition: &str) -> Result<(usize, Duration), Failure> {
    let sql = format!(
        "SELECT l.l_orderkey, l.l_extendedprice FROM lineitem l{} = ANY ($1)",
        if condition.is_empty() {
            " WHERE l.l_orderkey".to_owned()
        } else {
            format!("{condition} AND l.l_orderkey")
        }
    );
    let started = Instant::now();
    let parameter: &(dyn ToSql + Sync) = &keys;
    let rows = there.query_raw(&sql, [parameter]).await?;
    let count = rows.try_fold(0, |count, _| async move { Ok(count + 1) }).await?;
    Ok((count, started.elapsed()))
}

fn write(directory: &Path, keys: &[i64]) -> Result<(), Failure> {
    let [host, port, database] = [setting("HOST")?, setting("PORT")?, setting("DATABASE")?];
    let text = format!(
        "lake: bench
connections:
  store: {{connector: files, options: {{root: \"../files\"}}}}
  server:
    connector: postgres
    options: {{host: \"{host}\", port: {port}, database: \"{database}\", tls: disable}}
    credential: {{user: \"env://LAKEGATE_TEST_PG_USER\", password: \"env://LAKEGATE_TEST_PG_PASSWORD\"}}
catalogs:
  lake: {{connection: store, default: true}}
  crm: {{connection: server, discover: true}}
databases:
  lake.t: {{location: \"t/\"}}
users:
  ana: {{kind: human}}
tables:
  lake.t.picked: {{format: parquet, location: \"picked/\", columns: [{{name: key, type: bigint}}]}}
grants:
  - {{to: \"user:ana\", privileges: [select], resource: \"catalog:crm\"}}
  - {{to: \"user:ana\", privileges: [select], resource: \"database:lake.t\"}}
keys:
  ana: {{user: ana, secret: \"env://BENCH_ANALYST_KEY\"}}
"
    );
    let (lake, data) = (directory.join("lake"), directory.join("files/t/picked"));
    std::fs::create_dir_all(&lake)?;
    std::fs::create_dir_all(&data)?;
    std::fs::write(lake.join("lake.yaml"), text)?;
    let keys: ArrayRef = Arc::new(Int64Array::from(keys.to_vec()));
    let batch = RecordBatch::try_from_iter([("key", keys)])?;
    let mut writer = ArrowWriter::try_new(File::create(data.join("part-0.parquet"))?, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}
