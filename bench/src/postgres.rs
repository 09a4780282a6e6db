//! How fast is PostgreSQL read? `lineitem` of TPC-H by the connector against DuckDB's scanner, in turn;
//! groups that the server makes against the same statements asked there; and one row by its key.
//!
//! `LAKEGATE_TEST_PG_*` names the server, `LAKEGATE_DUCKDB` a Python that has duckdb and duckdb-extension-postgres-scanner,
//! `LAKEGATE_TPCH` the files of scale factor 1.

mod keys;
mod peer;
mod point;
mod pushed;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{TryStreamExt, future::try_join_all};
use lakegate_connectors::{
    call::CallContext,
    connection::Connection,
    connector::{Connector, DescribeRequest, DescribeResponse, PlanRequest},
    credential::Credential,
    postgres::PostgresConnector,
    scan::{ColumnRef, Guard, OutputColumn, OutputValue, ScanSpec},
    split::{ReadRequest, SplitsRequest},
    table_spec::{RemoteName, TableSpec},
};

use self::peer::Peer;
use crate::{Failure, times::median};

/// Interleaved runs; the medians are compared.
const RUNS: usize = 7;

/// Columns that are read, as SQL.
const SCANS: &[(&str, &[&str])] = &[
    ("all 16 columns", &[]),
    ("l_orderkey, l_extendedprice", &["l_orderkey", "l_extendedprice"]),
    ("l_comment", &["l_comment"]),
];

/// Measures and prints tables.
pub async fn run(binary: &str) -> Result<(), Failure> {
    let data = std::env::var("LAKEGATE_TPCH").map_err(|_| "set LAKEGATE_TPCH to the files of TPC-H")?;
    let python = std::env::var("LAKEGATE_DUCKDB").map_err(|_| "set LAKEGATE_DUCKDB to a Python that has duckdb")?;
    let client = client().await?;
    let there = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename = 'lineitem'";
    if client.query_one(there, &[]).await?.get::<_, i64>(0) == 0 {
        peer::load(&python, &format!("{data}/lineitem.parquet")).await?;
        client.batch_execute("CREATE INDEX ON lineitem (l_orderkey)").await?;
        // By itself: it runs in no transaction block.
        client.batch_execute("VACUUM ANALYZE lineitem").await?;
    }
    let mut peer = Peer::start(&python)?;
    let connector: Arc<dyn Connector> = Arc::new(PostgresConnector::new());
    println!("| scan | rows | DuckDB, ms | Lakegate, ms | ratio |\n|---|---|---|---|---|");
    for (name, columns) in SCANS {
        let list = if columns.is_empty() {
            "*".to_owned()
        } else {
            columns.join(", ")
        };
        let sql = format!("SELECT {list} FROM pg.public.lineitem");
        let (mut ours, mut theirs, mut rows) = (Vec::new(), Vec::new(), 0);
        for run in 0..=RUNS {
            let (expected, their) = peer.ask(&sql).await?;
            let (got, our) = scan(&connector, columns).await?;
            if got != expected {
                return Err(format!("{name}: {got} rows, DuckDB {expected}").into());
            }
            rows = got;
            // The first run warms both.
            if run > 0 {
                ours.push(our);
                theirs.push(their);
            }
        }
        let (our, their) = (median(ours), median(theirs));
        println!("| {name} | {rows} | {their:.0} | {our:.0} | {:.3} |", our / their);
    }
    pushed::run(binary).await?;
    point::run(binary).await?;
    keys::run(binary).await
}

/// All rows of some columns, as batches that are dropped.
async fn scan(connector: &Arc<dyn Connector>, columns: &[&str]) -> Result<(usize, Duration), Failure> {
    let cx = CallContext::new("bench", Arc::new(connection()?), Duration::from_secs(300));
    let name = RemoteName::table("public", "lineitem");
    let DescribeResponse::Table(spec) = connector.describe(&cx, DescribeRequest::Table(name)).await? else {
        return Err("no table".into());
    };
    let started = Instant::now();
    let request = PlanRequest {
        scan: wanted(&spec, columns),
    };
    let planned = connector.plan(&cx, request).await?;
    let request = SplitsRequest {
        scan: planned.handle,
        parallelism: std::thread::available_parallelism()?.get(),
        token: None,
    };
    let splits = connector.splits(&cx, request).await?.splits;
    let reads = splits.iter().map(|split| {
        let request = ReadRequest {
            split: split.handle.clone(),
            batch_rows: 8_192,
            dynamic: Vec::new(),
            row_hint: None,
        };
        let (connector, cx) = (Arc::clone(connector), cx.clone());
        async move {
            let stream = connector.read(&cx, request).await?;
            stream
                .batches
                .try_fold(0, |rows, batch| async move { Ok(rows + batch.num_rows()) })
                .await
        }
    });
    let rows: usize = try_join_all(reads).await?.into_iter().sum();
    Ok((rows, started.elapsed()))
}

fn wanted(spec: &TableSpec, columns: &[&str]) -> ScanSpec {
    let fields = spec.schema.fields().iter();
    let chosen = fields.filter(|field| columns.is_empty() || columns.contains(&field.name().as_str()));
    let output = chosen.map(|field| OutputColumn {
        name: field.name().clone(),
        value: OutputValue::Column(ColumnRef::of(field.name().as_str())),
        data_type: field.data_type().clone(),
        nullable: field.is_nullable(),
    });
    let all = spec.columns.iter().map(|column| column.id.clone()).collect();
    ScanSpec::table(spec.handle.clone(), all, Guard::none(), output.collect())
}

/// A variable of the server's.
fn setting(name: &str) -> Result<String, Failure> {
    let name = format!("LAKEGATE_TEST_PG_{name}");
    Ok(std::env::var(&name).map_err(|_| format!("set {name}"))?)
}

/// Without TLS, as the peer.
fn connection() -> Result<Connection, Failure> {
    let port: u16 = setting("PORT")?.parse()?;
    Ok(Connection {
        id: "bench".into(),
        kind: "postgres".into(),
        options: [
            ("host".to_owned(), setting("HOST")?.into()),
            ("port".to_owned(), port.into()),
            ("database".to_owned(), setting("DATABASE")?.into()),
            ("tls".to_owned(), "disable".into()),
        ]
        .into(),
        credential: Credential::from_plain([
            ("user", setting("USER")?.as_str()),
            ("password", setting("PASSWORD")?.as_str()),
        ]),
        ..Connection::default()
    })
}

async fn client() -> Result<tokio_postgres::Client, Failure> {
    let mut config = tokio_postgres::Config::new();
    config
        .host(setting("HOST")?)
        .port(setting("PORT")?.parse()?)
        .dbname(setting("DATABASE")?)
        .user(setting("USER")?)
        .password(setting("PASSWORD")?);
    let (client, driver) = config.connect(tokio_postgres::NoTls).await?;
    tokio::spawn(driver);
    Ok(client)
}
