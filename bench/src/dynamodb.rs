//! How fast is DynamoDB scanned, and with how much CPU? A table by the connector against boto3's parallel scan, in turn.
//!
//! `LAKEGATE_TEST_DYNAMODB*` names the server (`tests/servers/run.py`), `LAKEGATE_BOTO3` a Python that has boto3. Both sides read the same
//! segments with as many readers; time of the client alone counts as CPU.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use lakegate_connectors::{
    call::CallContext, connection::Connection, connector::Connector, contract::ask, credential::Credential,
    dynamodb::DynamoDbConnector, scan::Guard, split::ReadRequest,
};
use serde_json::Value;
use tokio::{process::Command, task::JoinSet};

use crate::{Failure, times::median};

const TABLE: &str = "bench-orders";
const ITEMS: usize = 100_000;
/// Segments that are read at the same time.
const READERS: usize = 4;
const BATCH_ROWS: usize = 8_192;
/// Interleaved runs; the medians are compared.
const RUNS: usize = 5;
/// Of the kernel's clock, in which it tells CPU time.
const TICK: Duration = Duration::from_millis(10);

/// What one scan took.
struct Taken {
    rows: usize,
    splits: usize,
    wall: Duration,
    cpu: Duration,
}

/// Measures and prints a table.
pub async fn run() -> Result<(), Failure> {
    peer("fill", ITEMS).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let our = scan().await?;
        let told = peer("scan", our.splits).await?;
        let figure = |name: &str| told.get(name).and_then(Value::as_f64).ok_or("the peer tells no figure");
        let their = Taken {
            rows: told
                .get("rows")
                .and_then(Value::as_u64)
                .map_or(Ok(0), usize::try_from)?,
            splits: our.splits,
            wall: Duration::from_secs_f64(figure("wall_s")?),
            cpu: Duration::from_secs_f64(figure("cpu_s")?),
        };
        if (our.rows, their.rows) != (ITEMS, ITEMS) {
            return Err(format!("{} rows, boto3 {}, of {ITEMS}", our.rows, their.rows).into());
        }
        // The first run warms the server.
        if run > 0 {
            ours.push(our);
            theirs.push(their);
        }
    }
    println!("| {ITEMS} items | boto3, ms | Lakegate, ms | ratio |\n|---|---|---|---|");
    for name in ["wall", "client CPU"] {
        let figure = |taken: &Taken| if name == "wall" { taken.wall } else { taken.cpu };
        let [our, their] = [&ours, &theirs].map(|runs| median(runs.iter().map(figure).collect()));
        println!("| {name} | {their:.0} | {our:.0} | {:.3} |", our / their);
    }
    Ok(())
}

async fn scan() -> Result<Taken, Failure> {
    let connector = Arc::new(DynamoDbConnector::new());
    let cx = CallContext::new("bench", Arc::new(connection()?), Duration::from_secs(600));
    let spec = ask::table(connector.as_ref(), &cx, "default", TABLE).await?;
    let (started, before) = (Instant::now(), cpu()?);
    let wanted = ask::scan(&spec, &[], Guard::none(), Vec::new());
    let (_, splits) = ask::plan(connector.as_ref(), &cx, wanted).await?;
    let (splits, next) = (Arc::new(splits), Arc::new(AtomicUsize::new(0)));
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let (connector, cx) = (Arc::clone(&connector), cx.clone());
        let (splits, next) = (Arc::clone(&splits), Arc::clone(&next));
        readers.spawn(async move {
            let mut rows = 0;
            while let Some(split) = splits.get(next.fetch_add(1, Relaxed)) {
                let request = ReadRequest {
                    split: split.handle.clone(),
                    batch_rows: BATCH_ROWS,
                    dynamic: Vec::new(),
                    row_hint: None,
                };
                let stream = connector.read(&cx, request).await?;
                let counted = stream
                    .batches
                    .try_fold(0, async |sum, batch| Ok(sum + batch.num_rows()));
                rows += counted.await?;
            }
            Ok::<usize, Failure>(rows)
        });
    }
    let mut rows = 0;
    while let Some(read) = readers.join_next().await {
        rows += read??;
    }
    Ok(Taken {
        rows,
        splits: splits.len(),
        wall: started.elapsed(),
        cpu: cpu()?.saturating_sub(before),
    })
}

fn connection() -> Result<Connection, Failure> {
    let set = |name: &str| std::env::var(format!("LAKEGATE_TEST_DYNAMODB{name}"));
    let endpoint = set("").map_err(|_| "set LAKEGATE_TEST_DYNAMODB, or use tests/servers/run.py")?;
    Ok(Connection {
        id: "bench".into(),
        kind: "dynamodb".into(),
        options: [
            ("region".to_owned(), "eu-central-1".into()),
            ("endpoint".to_owned(), endpoint.into()),
        ]
        .into(),
        credential: Credential::from_plain([
            ("access_key_id", set("_ACCESS_KEY")?.as_str()),
            ("secret_access_key", set("_SECRET_KEY")?.as_str()),
        ]),
        ..Connection::default()
    })
}

/// User and system time of this process.
fn cpu() -> Result<Duration, Failure> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u32 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u32>().ok())
        .sum();
    Ok(TICK * ticks)
}

/// Asks boto3, in a process of its own, whose answer is one line of JSON.
async fn peer(verb: &str, number: usize) -> Result<Value, Failure> {
    let python = std::env::var("LAKEGATE_BOTO3").map_err(|_| "set LAKEGATE_BOTO3 to a Python that has boto3")?;
    let told = Command::new(python)
        .args(["-c", include_str!("dynamodb/peer.py"), verb, TABLE, &number.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .await?;
    if !told.status.success() {
        return Err("boto3 failed".into());
    }
    Ok(serde_json::from_slice(&told.stdout)?)
}
