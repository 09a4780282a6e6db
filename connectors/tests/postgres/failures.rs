//! Are failures clear, is work stopped at the source, are connections used again?

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arrow::{
    array::{AsArray, StringArray},
    datatypes::{Decimal128Type, Float64Type, Int64Type},
};
use futures::TryStreamExt;
use lakegate_connectors::{
    call::{CallContext, Deadline},
    capability::Pushdown,
    connection::Connection,
    connector::{Connector, DescribeRequest, DescribeResponse},
    credential::Credential,
    error::{ConnectorErrorKind, Retry},
    predicate::Predicate,
    scan::{ColumnRef, Guard},
};

use crate::{
    relational::{self, guard, open, read, scan, table},
    server::{Server, setting},
};

#[tokio::test]
async fn a_server_that_cannot_be_used_is_a_clear_error() {
    let Some(server) = Server::with("errors", "CREATE TABLE t (a int8); INSERT INTO t VALUES (1)").await else {
        return;
    };
    let ping = async |connection: Arc<Connection>| {
        let cx = relational::context(&connection);
        server
            .connector
            .describe(&cx, DescribeRequest::Ping)
            .await
            .expect_err("error")
    };
    let user = setting("USER").unwrap();
    let error = ping(
        server.other(|one| one.credential = Credential::from_plain([("user", user.as_str()), ("password", "hunter2")])),
    )
    .await;
    assert_eq!(
        (error.kind(), error.code(), error.retry()),
        (
            ConnectorErrorKind::Unauthenticated,
            "SOURCE_UNAUTHENTICATED",
            Retry::Never
        )
    );
    assert_eq!(error.to_string(), "the source does not accept the credential");
    assert!(!format!("{error:?}").contains("hunter2"));
    let error = ping(server.other(|one| one.credential = Credential::default())).await;
    assert_eq!(error.kind(), ConnectorErrorKind::Unauthenticated);
    let error = ping(server.other(|one| drop(one.options.insert("port".into(), 1.into())))).await;
    assert_eq!(
        (error.kind(), error.retry()),
        (ConnectorErrorKind::Unavailable, Retry::Backoff)
    );
    let error = ping(server.other(|one| drop(one.options.insert("database".into(), "none".into())))).await;
    assert_eq!(error.kind(), ConnectorErrorKind::NotFound);
    if setting("CA").is_some() {
        // The system's authorities do not know the test's own.
        let error = ping(server.other(|one| drop(one.options.remove("ca")))).await;
        assert!(
            matches!(
                error.kind(),
                ConnectorErrorKind::Unauthenticated | ConnectorErrorKind::InvalidRequest
            ),
            "{error:?}"
        );
        let require = server.other(|one| {
            one.options.remove("ca");
            one.options.insert("tls".into(), "require".into());
        });
        let pong = server
            .connector
            .describe(&relational::context(&require), DescribeRequest::Ping)
            .await;
        assert!(matches!(pong, Ok(DescribeResponse::Pong)));
    }

    // What was described and is gone, retyped or replaced since.
    let (cx, admin) = (server.context(), server.admin().await);
    for change in [
        "ALTER TABLE errors.t ALTER a TYPE float8",
        "DROP TABLE errors.t; CREATE TABLE errors.t (a float8); INSERT INTO errors.t VALUES (2)",
        "ALTER TABLE errors.t RENAME a TO b",
        "DROP TABLE errors.t",
        "DROP SCHEMA errors CASCADE",
    ] {
        let spec = table(&server.connector, &cx, "errors", "t")
            .await
            .unwrap_or_else(|error| panic!("{change}: {error:?}"));
        let column = spec.schema.field(0).name().clone();
        admin.batch_execute(change).await.unwrap();
        let error = read(&server.connector, &cx, scan(&spec, &[&column], Guard::none(), vec![]))
            .await
            .expect_err(change);
        assert_eq!(error.kind(), ConnectorErrorKind::SchemaChanged, "{change}: {error:?}");
        if change.contains("DROP TABLE errors.t;") || change.ends_with("errors.t") {
            admin
                .batch_execute(
                    "DROP TABLE IF EXISTS errors.t; CREATE TABLE errors.t (a float8); INSERT INTO errors.t VALUES (1)",
                )
                .await
                .unwrap();
        }
    }

    // A role without rights.
    admin
        .batch_execute(
            "CREATE SCHEMA errors; CREATE TABLE errors.t (a int); DROP ROLE IF EXISTS lakegate_nobody;
             CREATE ROLE lakegate_nobody LOGIN PASSWORD 'nobody'; GRANT USAGE ON SCHEMA errors TO lakegate_nobody",
        )
        .await
        .unwrap();
    let nobody = server
        .other(|one| one.credential = Credential::from_plain([("user", "lakegate_nobody"), ("password", "nobody")]));
    let cx = relational::context(&nobody);
    let spec = table(&server.connector, &cx, "errors", "t").await.unwrap();
    let error = read(&server.connector, &cx, scan(&spec, &["a"], Guard::none(), vec![]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::AccessDenied);
    admin
        .batch_execute("DROP SCHEMA errors CASCADE; DROP ROLE lakegate_nobody")
        .await
        .unwrap();
}

#[tokio::test]
async fn stops_at_the_source_when_told() {
    let sql = "CREATE VIEW slow AS SELECT 1 AS id FROM (SELECT pg_sleep(600)) s; CREATE VIEW long AS SELECT generate_series(1, 1000000000) AS id";
    let Some(server) = Server::with("cancel", sql).await else {
        return;
    };
    let (admin, connector) = (server.admin().await, &server.connector);
    let active = async |query: &str| -> i64 {
        let text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'";
        admin
            .query_one(text, &[&format!("lakegate:{query}")])
            .await
            .unwrap()
            .get(0)
    };
    let until = async |query: &str, wanted: i64| {
        let started = Instant::now();
        while active(query).await != wanted {
            assert!(
                started.elapsed() < Duration::from_secs(1),
                "{query}: not {wanted} within a second"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let spec = table(connector, &server.context(), "cancel", "slow").await.unwrap();
    let call = |query: &str, left| CallContext::new(query, Arc::clone(&server.connection), left);

    // The token.
    let cx = call("by-token", Duration::from_secs(60));
    let (_, mut stream) = open(connector, &cx, scan(&spec, &["id"], Guard::none(), vec![]))
        .await
        .unwrap();
    until("by-token", 1).await;
    cx.cancel.cancel();
    until("by-token", 0).await;
    assert_eq!(
        stream.batches.try_next().await.unwrap_err().kind(),
        ConnectorErrorKind::Cancelled
    );

    // Dropping the stream.
    let cx = call("by-drop", Duration::from_secs(60));
    let (_, stream) = open(connector, &cx, scan(&spec, &["id"], Guard::none(), vec![]))
        .await
        .unwrap();
    until("by-drop", 1).await;
    drop(stream);
    until("by-drop", 0).await;

    // Dropping it in the middle of rows: few were read ahead.
    let long = table(connector, &server.context(), "cancel", "long").await.unwrap();
    let cx = call("in-rows", Duration::from_secs(60));
    let (_, mut stream) = open(connector, &cx, scan(&long, &["id"], Guard::none(), vec![]))
        .await
        .unwrap();
    let first = stream.batches.try_next().await.unwrap().unwrap();
    assert_eq!(first.num_rows(), relational::BATCH_ROWS);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(cx.counters.snapshot().rows <= 4 * u64::try_from(relational::BATCH_ROWS).unwrap());
    drop(stream);
    until("in-rows", 0).await;

    // The deadline, which the server knows too.
    let mut cx = call("by-deadline", Duration::from_secs(60));
    cx.deadline = Deadline::after(Duration::from_millis(300));
    let started = Instant::now();
    let error = read(connector, &cx, scan(&spec, &["id"], Guard::none(), vec![]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::Timeout);
    assert!(started.elapsed() < Duration::from_millis(900));
    until("by-deadline", 0).await;
}

#[tokio::test]
async fn connections_are_used_again_and_limited() {
    let Some(server) = Server::with(
        "pool",
        "CREATE TABLE t AS SELECT i::int8 AS id, i / 2.0::float8 AS half FROM generate_series(1, 50) i",
    )
    .await
    else {
        return;
    };
    let connector = &server.connector;
    let connection = server.other(|one| drop(one.options.insert("max_connections".into(), 2.into())));
    let cx = relational::context(&connection);
    let spec = table(connector, &cx, "pool", "t").await.unwrap();
    let reads = (0..8).map(|_| read(connector, &cx, scan(&spec, &["id", "half"], Guard::none(), vec![])));
    for outcome in futures::future::join_all(reads).await {
        let (_, rows) = outcome.unwrap();
        assert_eq!(
            rows.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>(),
            1_275
        );
        assert!(
            rows.column(1).as_primitive_opt::<Float64Type>().is_some()
                || rows.column(1).as_primitive_opt::<Decimal128Type>().is_some()
        );
    }
    let admin = server.admin().await;
    let text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lakegate:test-query' AND query LIKE '%\"pool\".\"t\"%'";
    let open: i64 = admin.query_one(text, &[]).await.unwrap().get(0);
    assert!((1..=2).contains(&open), "{open}");

    // A server that hung up is asked again on a new connection.
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'lakegate:test-query' AND query LIKE '%\"pool\".\"t\"%'";
    admin.query_one(kill, &[]).await.unwrap();
    let (_, rows) = read(connector, &cx, scan(&spec, &["id"], Guard::none(), vec![]))
        .await
        .unwrap();
    assert_eq!(rows.num_rows(), 50);

    // Nothing can be written, whatever a view calls.
    let read_only = "CREATE TABLE pool.log (a int); CREATE FUNCTION pool.note() RETURNS int LANGUAGE sql AS 'INSERT INTO pool.log VALUES (1) RETURNING a';
        CREATE VIEW pool.noted AS SELECT pool.note() AS a";
    admin.batch_execute(read_only).await.unwrap();
    assert!(server.all("noted").await.is_err());
}

/// What a view computes may fail. The server orders conditions by what they cost: ten regions are dearer than one division.
#[tokio::test]
async fn a_condition_on_a_view_is_not_asked_of_rows_that_the_guard_hides() {
    let sql = "CREATE TABLE t (id int8, region text, qty int); INSERT INTO t VALUES (1, 'DE', 1), (2, 'US', 0);
        CREATE VIEW v AS SELECT id, region, 10 / qty AS share FROM t;";
    let Some(server) = Server::with("Computed", sql).await else {
        return;
    };
    let (cx, connector) = (server.context(), &server.connector);
    let regions = ["AT", "BE", "CH", "DE", "DK", "ES", "FR", "IT", "NL", "PL"];
    let visible = || {
        guard(Predicate::InSet {
            column: ColumnRef::of("region"),
            values: Arc::new(StringArray::from_iter_values(regions)),
            or_null: false,
        })
    };
    for (relation, column, verdict) in [("v", "share", Pushdown::Unsupported), ("t", "qty", Pushdown::Exact)] {
        let spec = table(connector, &cx, "Computed", relation).await.unwrap();
        let asked = Predicate::IsNull {
            column: ColumnRef::of(column),
            negated: true,
        };
        let asked = scan(&spec, &["id"], visible(), vec![asked]);
        let (planned, rows) = read(connector, &cx, asked).await.unwrap();
        assert_eq!(
            (planned.guard, planned.filter),
            (Pushdown::Exact, vec![verdict]),
            "{relation}"
        );
        assert_eq!(rows.num_rows(), 1, "{relation}");
    }
}
