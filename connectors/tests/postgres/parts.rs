//! Is a large table read in parts that are one state of it, and is everything let go that they held?

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::common::ScalarValue;
use futures::TryStreamExt;
use lakegate_connectors::{
    call::CallContext,
    connection::Connection,
    connector::{Connector, PlanRequest},
    credential::Credential,
    error::{ConnectorErrorKind, Result},
    predicate::{CompareOp, Predicate},
    scan::{Guard, ScanSpec},
    split::{ReadRequest, ReadStream, Split, SplitsRequest},
    table_spec::TableSpec,
};
use tokio_postgres::{Client, error::SqlState};

use crate::{
    relational::{guard, scan, table},
    server::Server,
};

/// A table of one row a page: 4,000 pages and rows.
const WIDE: &str = "(id int8, name text, pad text) WITH (fillfactor = 10, autovacuum_enabled = off)";
const ROWS: &str = "SELECT i::int8 AS id, 'n' || i AS name, repeat('x', 450) AS pad FROM generate_series";

fn call(connection: &Arc<Connection>, query: &str) -> CallContext {
    CallContext::new(query, Arc::clone(connection), Duration::from_secs(30))
}

async fn splits(server: &Server, cx: &CallContext, scan: ScanSpec) -> Result<Vec<Split>> {
    let planned = server.connector.plan(cx, PlanRequest { scan }).await?;
    let request = SplitsRequest {
        scan: planned.handle,
        parallelism: 4,
        token: None,
    };
    Ok(server.connector.splits(cx, request).await?.splits)
}

async fn open(server: &Server, cx: &CallContext, split: &Split, batch_rows: usize) -> Result<ReadStream> {
    let request = ReadRequest {
        split: split.handle.clone(),
        batch_rows,
        dynamic: Vec::new(),
        row_hint: None,
    };
    server.connector.read(cx, request).await
}

/// The ids that these splits give, in order.
async fn ids(server: &Server, cx: &CallContext, splits: &[Split]) -> Result<Vec<i64>> {
    let mut all = Vec::new();
    for split in splits {
        let batches: Vec<RecordBatch> = open(server, cx, split, 1_000).await?.batches.try_collect().await?;
        for batch in &batches {
            all.extend(batch.column(0).as_primitive::<Int64Type>().values());
        }
    }
    all.sort_unstable();
    Ok(all)
}

fn plain(spec: &TableSpec, filter: Vec<Predicate>) -> ScanSpec {
    scan(spec, &["id", "name"], Guard::none(), filter)
}

fn text(split: &Split) -> String {
    split.statement.as_ref().unwrap().text.clone().unwrap()
}

async fn count(admin: &Client, query: &str, state: &str) -> i64 {
    let text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state LIKE $2";
    let name = format!("lakegate:{query}");
    admin.query_one(text, &[&name, &state]).await.unwrap().get(0)
}

async fn until(admin: &Client, query: &str, state: &str, wanted: i64) {
    let started = Instant::now();
    while count(admin, query, state).await != wanted {
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "{query}: {} sessions `{state}`, not {wanted}",
            count(admin, query, state).await
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_one_state_and_let_go_of_it() {
    let sql = format!("CREATE TABLE big {WIDE}; INSERT INTO big {ROWS}(1, 4000) i;");
    let Some(server) = Server::with("parts", &sql).await else {
        return;
    };
    let admin = server.admin().await;
    let cx = call(&server.connection, "parts-state");
    let spec = table(&server.connector, &cx, "parts", "big").await.unwrap();
    let parts = splits(&server, &cx, plain(&spec, vec![])).await.unwrap();
    assert_eq!(parts.len(), 4);
    assert!(
        text(&parts[1]).contains("FROM ONLY \"parts\".\"big\" AS s WHERE (s.ctid >= "),
        "{}",
        text(&parts[1])
    );
    assert_eq!(count(&admin, "parts-state", "idle in transaction").await, 1);
    // Rows move between pages, come and go; the table wants to be rewritten.
    let first = ids(&server, &cx, &parts[..1]).await.unwrap();
    assert!(cx.counters.snapshot().snapshot.is_some());
    admin
        .batch_execute(
            "UPDATE parts.big SET name = 'other' WHERE id % 3 = 0; DELETE FROM parts.big WHERE id % 5 = 0;
             INSERT INTO parts.big SELECT i, 'late', '' FROM generate_series(5000, 5100) i",
        )
        .await
        .unwrap();
    admin.batch_execute("SET lock_timeout = '100ms'").await.unwrap();
    let rewritten = admin.batch_execute("VACUUM FULL parts.big").await.unwrap_err();
    assert_eq!(
        rewritten.code(),
        Some(&SqlState::LOCK_NOT_AVAILABLE),
        "rows may change their pages while parts are read"
    );
    let mut all = ids(&server, &cx, &parts[1..]).await.unwrap();
    all.extend(first);
    all.sort_unstable();
    assert_eq!(all, (1..=4_000).collect::<Vec<i64>>());
    drop(parts);
    until(&admin, "parts-state", "idle in transaction", 0).await;
    admin.batch_execute("VACUUM FULL parts.big").await.unwrap();

    // Every part is stopped at the source, and so is who holds the snapshot.
    let cx = call(&server.connection, "parts-cancel");
    admin
        .batch_execute(&format!("TRUNCATE parts.big; INSERT INTO parts.big {ROWS}(1, 4000) i"))
        .await
        .unwrap();
    let spec = table(&server.connector, &cx, "parts", "big").await.unwrap();
    let wide = scan(&spec, &["id", "pad"], Guard::none(), vec![]);
    let parts = divided(&server, &cx, &wide, 4).await;
    let mut streams = Vec::new();
    for part in &parts {
        let mut stream = open(&server, &cx, part, 7).await.unwrap();
        assert_eq!(stream.batches.try_next().await.unwrap().unwrap().num_rows(), 7);
        streams.push(stream);
    }
    assert_eq!(streams.len(), 4);
    cx.cancel.cancel();
    for mut stream in streams {
        let error = loop {
            match stream.batches.try_next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a cancelled read ends well"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ConnectorErrorKind::Cancelled);
    }
    until(&admin, "parts-cancel", "active", 0).await;
    drop(parts);
    until(&admin, "parts-cancel", "idle in transaction", 0).await;

    // What was described otherwise is not divided, and not read.
    admin
        .batch_execute("ALTER TABLE parts.big ALTER name TYPE bytea USING name::bytea")
        .await
        .unwrap();
    let cx = call(&server.connection, "parts-changed");
    let error = splits(&server, &cx, plain(&spec, vec![])).await.unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::SchemaChanged, "{error:?}");
    let spec = table(&server.connector, &cx, "parts", "big").await.unwrap();

    // A snapshot that is gone is told as such, and nothing is read without it.
    let cx = call(&server.connection, "parts-lost");
    let parts = divided(&server, &cx, &plain(&spec, vec![]), 4).await;
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'lakegate:parts-lost' AND state = 'idle in transaction'";
    assert_eq!(admin.query_one(kill, &[]).await.unwrap().get::<_, i64>(0), 1);
    until(&admin, "parts-lost", "idle in transaction", 0).await;
    let error = ids(&server, &cx, &parts).await.unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::SnapshotLost, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_a_table_is_read_with_it() {
    let sql = format!(
        "CREATE TABLE parent (id int8, name text, pad text) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF parent FOR VALUES FROM (0) TO (1000) WITH (fillfactor = 10);
         CREATE TABLE high PARTITION OF parent FOR VALUES FROM (1000) TO (4001) WITH (fillfactor = 10);
         CREATE TABLE more {WIDE}; INSERT INTO more {ROWS}(4001, 5000) i;
         CREATE TABLE old {WIDE}; CREATE TABLE young () INHERITS (old) WITH (fillfactor = 10);
         CREATE MATERIALIZED VIEW kept AS {ROWS}(1, 60000) i;
         CREATE VIEW seen AS SELECT * FROM parent;
         INSERT INTO parent {ROWS}(1, 4000) i; INSERT INTO old {ROWS}(1, 2000) i; INSERT INTO young {ROWS}(2001, 4000) i;"
    );
    let Some(server) = Server::with("family", &sql).await else {
        return;
    };
    let admin = server.admin().await;
    for (name, pieces, rows) in [
        ("parent", 4, 4_000),
        ("old", 4, 4_000),
        ("kept", 3, 60_000),
        ("seen", 1, 4_000),
    ] {
        let cx = call(&server.connection, "family");
        let spec = table(&server.connector, &cx, "family", name).await.unwrap();
        let parts = divided(&server, &cx, &plain(&spec, vec![]), pieces).await;
        assert_eq!(
            ids(&server, &cx, &parts).await.unwrap(),
            (1..=rows).collect::<Vec<i64>>(),
            "{name}"
        );
    }
    // What is attached while parts are read belongs to none of them.
    let cx = call(&server.connection, "family");
    let spec = table(&server.connector, &cx, "family", "parent").await.unwrap();
    let parts = divided(&server, &cx, &plain(&spec, vec![]), 4).await;
    let mut all = ids(&server, &cx, &parts[..1]).await.unwrap();
    admin
        .batch_execute("ALTER TABLE family.parent ATTACH PARTITION family.more FOR VALUES FROM (4001) TO (6000)")
        .await
        .unwrap();
    all.extend(ids(&server, &cx, &parts[1..]).await.unwrap());
    all.sort_unstable();
    assert_eq!(all, (1..=4_000).collect::<Vec<i64>>());
    drop(parts);

    // Row security of the parent holds, and who may read some columns only reads in one piece.
    admin
        .batch_execute(
            "DROP ROLE IF EXISTS lakegate_part; CREATE ROLE lakegate_part LOGIN PASSWORD 'part'; GRANT USAGE ON SCHEMA family TO lakegate_part;
             GRANT SELECT ON family.parent TO lakegate_part; GRANT SELECT (id, name) ON family.old TO lakegate_part;
             ALTER TABLE family.parent ENABLE ROW LEVEL SECURITY; CREATE POLICY low ON family.parent USING (id <= 1500)",
        )
        .await
        .unwrap();
    for (name, pieces, rows) in [("parent", 4, 1_500), ("old", 1, 4_000)] {
        // A pool of its own, of which nothing is taken.
        let part = server.other(|one| {
            one.id = format!("part-{name}");
            one.credential = Credential::from_plain([("user", "lakegate_part"), ("password", "part")]);
        });
        let cx = call(&part, "family-part");
        let spec = table(&server.connector, &cx, "family", name).await.unwrap();
        let parts = splits(&server, &cx, plain(&spec, vec![])).await.unwrap();
        assert_eq!(parts.len(), pieces, "{name}");
        let found = ids(&server, &cx, &parts).await.unwrap();
        assert_eq!(found, (1..=rows).collect::<Vec<i64>>(), "{name}");
    }
    admin
        .batch_execute("DROP SCHEMA family CASCADE; DROP ROLE lakegate_part")
        .await
        .unwrap();
}

/// So many splits: the connections of an earlier scan come back a moment after it.
async fn divided(server: &Server, cx: &CallContext, scan: &ScanSpec, pieces: usize) -> Vec<Split> {
    let started = Instant::now();
    loop {
        let parts = splits(server, cx, scan.clone()).await.unwrap();
        if parts.len() == pieces {
            return parts;
        }
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "{} splits of {pieces}",
            parts.len()
        );
        drop(parts);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_divided_where_that_helps() {
    let sql = format!(
        "CREATE TABLE big {WIDE}; INSERT INTO big {ROWS}(1, 4000) i; CREATE INDEX by_id ON big (id); CREATE TABLE small AS {ROWS}(1, 10) i; ANALYZE;"
    );
    let Some(server) = Server::with("worth", &sql).await else {
        return;
    };
    let cx = call(&server.connection, "worth");
    let spec = table(&server.connector, &cx, "worth", "big").await.unwrap();
    let compare = |column: &str, op, value: ScalarValue| vec![Predicate::compare(column, op, value)];
    let id = |op, value| compare("id", op, ScalarValue::Int64(Some(value)));
    let name = |op, value: &str| compare("name", op, ScalarValue::Utf8View(Some(value.to_owned())));
    // A look-up, a small range that an index serves, one that it does not serve, and a column without an index.
    for (filter, pieces, rows) in [
        (id(CompareOp::Eq, 7), 1, 1),
        (id(CompareOp::Lt, 7), 1, 6),
        (id(CompareOp::Gt, 7), 4, 3_993),
        (name(CompareOp::NotEq, "n7"), 4, 3_999),
    ] {
        let parts = divided(&server, &cx, &plain(&spec, filter.clone()), pieces).await;
        assert_eq!(ids(&server, &cx, &parts).await.unwrap().len(), rows, "{filter:?}");
    }
    // A guard stays below its fence in every part.
    let guarded = scan(&spec, &["id"], guard(name(CompareOp::NotEq, "n7").remove(0)), vec![]);
    let parts = divided(&server, &cx, &guarded, 4).await;
    for part in &parts {
        let text = text(part);
        let fenced = text
            .find("s.ctid")
            .is_some_and(|at| text[at..].contains("OFFSET 0) AS t0"));
        assert!(fenced && text.contains("AND (s.ctid"), "{text}");
    }
    assert_eq!(ids(&server, &cx, &parts).await.unwrap().len(), 3_999);
    drop(parts);
    let mut limited = plain(&spec, vec![]);
    limited.limit = Some(3);
    assert_eq!(splits(&server, &cx, limited).await.unwrap().len(), 1);
    let small = table(&server.connector, &cx, "worth", "small").await.unwrap();
    assert_eq!(splits(&server, &cx, plain(&small, vec![])).await.unwrap().len(), 1);
    // Connections are limited: those of the first scan are not there for a second, which is then one piece and waits for none.
    let first = divided(&server, &cx, &plain(&spec, vec![]), 4).await;
    let second = splits(&server, &cx, plain(&spec, vec![])).await.unwrap();
    assert_eq!(second.len(), 1);
    assert_eq!(ids(&server, &cx, &second).await.unwrap().len(), 4_000);
    drop(first);
    let few = server.other(|one| drop(one.options.insert("max_connections".into(), 4.into())));
    let cx = call(&few, "worth-few");
    let spec = table(&server.connector, &cx, "worth", "big").await.unwrap();
    assert_eq!(splits(&server, &cx, plain(&spec, vec![])).await.unwrap().len(), 1);
}
