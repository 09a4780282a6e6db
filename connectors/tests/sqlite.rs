//! Does the SQLite connector read real files as it says? Types, push-down, guards, errors, cancelling.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    reason = "tests"
)]

#[path = "support/relational.rs"]
mod relational;
#[path = "sqlite/stopping.rs"]
mod stopping;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use arrow::{
    array::{Array, AsArray, Int64Array},
    datatypes::{DataType, Float64Type, Int64Type},
};
use datafusion::common::ScalarValue;
use futures::TryStreamExt;
use lakegate_connectors::{
    capability::{LimitVerdict, OperatorClass, Pushdown, TypeClass},
    connection::Connection,
    connector::{Connector, DescribeRequest, DescribeResponse},
    error::ConnectorErrorKind,
    predicate::{CompareOp, Predicate},
    scan::{ColumnId, ColumnRef, Guard, MaskExpr},
    split::{Page, PageToken},
    sqlite::SqliteConnector,
    table_spec::RemoteName,
};
use relational::{context, guard, open, pushed_is_not_pushed, read, scan, table};
use sqlx::{ConnectOptions, Connection as _, Executor, sqlite::SqliteConnectOptions};

/// A database file of its own, removed at the end.
struct File {
    directory: PathBuf,
    connection: Arc<Connection>,
}

impl File {
    async fn with(sql: &'static str) -> Self {
        let directory = std::env::temp_dir().join(format!("lakegate-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("crm.db");
        let mut database = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .connect()
            .await
            .unwrap();
        database.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        database.close().await.unwrap();
        let connection = connection("crm.db", &directory, &directory);
        Self { directory, connection }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

fn connection(path: &str, directory: &std::path::Path, root: &std::path::Path) -> Arc<Connection> {
    Arc::new(Connection {
        id: "crm".into(),
        kind: "sqlite".into(),
        options: [("path".to_owned(), path.into())].into(),
        directory: Some(directory.to_owned()),
        local_roots: vec![root.to_owned()],
        ..Connection::default()
    })
}

fn equals(column: &str, value: i64) -> Predicate {
    Predicate::compare(column, CompareOp::Eq, ScalarValue::Int64(Some(value)))
}

const PASSENGERS: &str = r#"
    CREATE TABLE passengers (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, "we""ird" INT, score REAL, vip BOOLEAN,
        born DATE, photo BLOB, price DECIMAL(10,2));
    INSERT INTO passengers VALUES
        (1, 'Ana', 7, 1.5, 1, '1990-01-01', x'00ff', 9.5), (2, 'ana', NULL, NULL, 0, NULL, x'', 3),
        (3, 'Zoë 🛫', -9223372036854775808, 1e999, NULL, '2000-02-29', NULL, NULL), (4, '', 9223372036854775807, -0.0, 1, 5, x'01', -1);
    CREATE UNIQUE INDEX by_name ON passengers (name, score);
    CREATE VIEW adults AS SELECT id, name, score * 2 AS twice FROM passengers WHERE id < 3;
    CREATE TABLE sqlitely (a);
    CREATE TABLE keyed (k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID;
    INSERT INTO keyed VALUES ('a', 1), ('b', 'broken');
    CREATE TABLE mixed (id INTEGER PRIMARY KEY, n INTEGER, rowid TEXT);
    INSERT INTO mixed VALUES (10, 1, 'x'), (11, 'text', 'y'), (12, 3, 'z');
"#;

#[tokio::test]
async fn describes_what_is_there() {
    let file = File::with(PASSENGERS).await;
    let connector = SqliteConnector::new();
    let cx = context(&file.connection);
    assert!(matches!(
        connector.describe(&cx, DescribeRequest::Ping).await,
        Ok(DescribeResponse::Pong)
    ));
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let page = Page {
            token: token.map(PageToken),
            size: Some(2),
        };
        let request = DescribeRequest::Tables {
            database: RemoteName::database("main"),
            page,
        };
        let DescribeResponse::Names { names: found, next } = connector.describe(&cx, request).await.unwrap() else {
            panic!()
        };
        names.extend(found.into_iter().map(|name| name.name));
        let Some(next) = next else { break };
        token = Some(next.0);
    }
    assert_eq!(names, ["adults", "keyed", "mixed", "passengers", "sqlitely"]);

    let spec = table(&connector, &cx, "main", "PASSENGERS").await.unwrap();
    assert_eq!(spec.name.name, "passengers");
    let types: Vec<DataType> = spec
        .schema
        .fields()
        .iter()
        .map(|field| field.data_type().clone())
        .collect();
    use DataType::{Binary, Boolean, Float64, Int64, Utf8};
    assert_eq!(types, [Int64, Utf8, Int64, Float64, Boolean, Utf8, Binary, Float64]);
    assert!(!spec.schema.field(1).is_nullable());
    assert_eq!(spec.keys[0].columns, [ColumnId::new("id")]);
    assert_eq!(spec.indexes[0].columns.len(), 2);
    assert_eq!(spec.statistics.rows, Some(4));
    assert_eq!(
        spec.capabilities
            .filter
            .verdict(OperatorClass::Equality, TypeClass::Integer),
        Pushdown::Exact
    );
    assert_eq!(
        spec.capabilities
            .filter
            .verdict(OperatorClass::Equality, TypeClass::Text),
        Pushdown::Inexact
    );
    assert_eq!(
        spec.capabilities
            .filter
            .verdict(OperatorClass::Range, TypeClass::Integer),
        Pushdown::Unsupported
    );

    let error = table(&connector, &cx, "main", "nothing").await.unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::NotFound);
    let error = table(&connector, &cx, "other", "passengers").await.unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::NotFound);
}

#[tokio::test]
async fn reads_every_type() {
    let file = File::with(PASSENGERS).await;
    let connector = SqliteConnector::new();
    let cx = context(&file.connection);
    let spec = table(&connector, &cx, "main", "passengers").await.unwrap();
    let columns: Vec<&str> = spec.schema.fields().iter().map(|field| field.name().as_str()).collect();
    let (_, rows) = read(&connector, &cx, scan(&spec, &columns, Guard::none(), vec![]))
        .await
        .unwrap();
    let ints = rows.column(2).as_primitive::<Int64Type>();
    assert_eq!(
        ints.iter().collect::<Vec<_>>(),
        [Some(7), None, Some(i64::MIN), Some(i64::MAX)]
    );
    let doubles = rows.column(3).as_primitive::<Float64Type>();
    assert_eq!(
        (doubles.value(0), doubles.is_null(1), doubles.value(2)),
        (1.5, true, f64::INFINITY)
    );
    let flags: Vec<_> = rows.column(4).as_boolean().iter().collect();
    assert_eq!(flags, [Some(true), Some(false), None, Some(true)]);
    let dates: Vec<_> = rows.column(5).as_string::<i32>().iter().collect();
    assert_eq!(dates, [Some("1990-01-01"), None, Some("2000-02-29"), Some("5")]);
    let blobs: Vec<_> = rows.column(6).as_binary::<i32>().iter().collect();
    assert_eq!(blobs, [Some(&[0_u8, 255][..]), Some(&[][..]), None, Some(&[1][..])]);
    let prices: Vec<_> = rows.column(7).as_primitive::<Float64Type>().iter().collect();
    assert_eq!(prices, [Some(9.5), Some(3.0), None, Some(-1.0)]);
    let stats = cx.counters.snapshot();
    assert_eq!(stats.rows, 4);
    assert!(stats.bytes_returned > 0);

    // A view, a projection, no column at all.
    let view = table(&connector, &cx, "main", "adults").await.unwrap();
    let (_, rows) = read(&connector, &cx, scan(&view, &["twice", "name"], Guard::none(), vec![]))
        .await
        .unwrap();
    assert_eq!((rows.num_rows(), rows.schema().field(0).name().as_str()), (2, "twice"));
    let (_, stream) = open(&connector, &cx, scan(&spec, &[], Guard::none(), vec![]))
        .await
        .unwrap();
    let counted: Vec<usize> = stream
        .batches
        .map_ok(|batch| batch.num_rows())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(counted.iter().sum::<usize>(), 4);
    let request = DescribeRequest::Sample {
        table: RemoteName::table("main", "passengers"),
        rows: 2,
    };
    let DescribeResponse::Sample(sample) = connector.describe(&cx, request).await.unwrap() else {
        panic!()
    };
    let sampled: Vec<_> = sample.batches.try_collect().await.unwrap();
    assert_eq!(
        sampled.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(),
        2
    );
}

/// `abs` fails on the least integer.
const COMPUTED: &str = "CREATE TABLE plain(id INTEGER, n INTEGER, a INTEGER GENERATED ALWAYS AS (n + 1) STORED);
    CREATE TABLE virtual_one(id INTEGER, n INTEGER, a INTEGER GENERATED ALWAYS AS (abs(n)) VIRTUAL);
    CREATE VIEW seen AS SELECT id, abs(n) AS a FROM plain;";

#[tokio::test]
async fn nothing_stands_beside_a_guard_where_columns_are_computed() {
    let file = File::with(COMPUTED).await;
    let connector = SqliteConnector::new();
    let cx = context(&file.connection);
    for (name, beside) in [
        ("plain", Pushdown::Exact),
        ("virtual_one", Pushdown::Unsupported),
        ("seen", Pushdown::Unsupported),
    ] {
        let spec = table(&connector, &cx, "main", name).await.unwrap();
        let asked = || Predicate::compare("id", CompareOp::NotEq, ScalarValue::Int64(Some(7)));
        for (guard, verdict) in [(guard(asked()), beside), (Guard::none(), Pushdown::Exact)] {
            let scan = scan(&spec, &["id"], guard, vec![asked()]);
            let (planned, _) = read(&connector, &cx, scan).await.unwrap();
            assert_eq!(planned.filter, [verdict], "{name}");
        }
    }
}

#[tokio::test]
async fn a_value_of_another_storage_class_is_named_by_place() {
    let file = File::with(PASSENGERS).await;
    let connector = SqliteConnector::new();
    let cx = context(&file.connection);
    let mixed = table(&connector, &cx, "main", "mixed").await.unwrap();
    let error = read(&connector, &cx, scan(&mixed, &["n"], Guard::none(), vec![]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::SourceFailed);
    assert_eq!(error.detail(), Some("table `mixed`, column `n`, rowid 11: a TEXT"));
    assert!(!format!("{error:?}").contains("text\""));
    // The row that a guard hides fails nobody.
    let visible = guard(Predicate::compare("rowid", CompareOp::NotEq, ScalarValue::from("y")));
    let (planned, rows) = read(&connector, &cx, scan(&mixed, &["n"], visible, vec![]))
        .await
        .unwrap();
    assert_eq!((planned.guard, rows.num_rows()), (Pushdown::Exact, 2));
    let keyed = table(&connector, &cx, "main", "keyed").await.unwrap();
    let error = read(&connector, &cx, scan(&keyed, &["v"], Guard::none(), vec![]))
        .await
        .unwrap_err();
    assert_eq!(
        error.detail(),
        Some("table `keyed`, column `v`, a row without rowid: a TEXT")
    );
}

#[tokio::test]
async fn a_value_that_a_guard_hides_fails_nobody() {
    let file = File::with(PASSENGERS).await;
    let connector = SqliteConnector::new();
    let cx = context(&file.connection);
    let mixed = table(&connector, &cx, "main", "mixed").await.unwrap();
    let guarded = |rows| scan(&mixed, &["id", "n"], guard(rows), vec![]);
    let ids = |rows: &arrow::array::RecordBatch| rows.column(0).as_primitive::<Int64Type>().values().to_vec();
    // Ranges are not asked of a table that is not STRICT: the hidden row comes, and is not decoded.
    let late = Predicate::compare("id", CompareOp::GtEq, ScalarValue::Int64(Some(12)));
    let (planned, rows) = read(&connector, &cx, guarded(late)).await.unwrap();
    assert_eq!((planned.guard, ids(&rows)), (Pushdown::Unsupported, vec![12]));
    // A value of the guard's own column that does not fit hides its row (governance.md §3 rule 6): a text is not 1.
    let other = Predicate::compare("n", CompareOp::NotEq, ScalarValue::Int64(Some(1)));
    let (planned, rows) = read(&connector, &cx, guarded(other)).await.unwrap();
    assert_eq!((planned.guard, ids(&rows)), (Pushdown::Exact, vec![12]));
    // The row that is visible fails as ever.
    let early = Predicate::compare("id", CompareOp::LtEq, ScalarValue::Int64(Some(11)));
    let error = read(&connector, &cx, guarded(early)).await.unwrap_err();
    assert_eq!(error.detail(), Some("table `mixed`, column `n`, rowid 11: a TEXT"));
}

#[tokio::test]
async fn verdicts_say_what_was_done() {
    let file = File::with(PASSENGERS).await;
    let connector = SqliteConnector::new();
    let cx = context(&file.connection);
    let spec = table(&connector, &cx, "main", "passengers").await.unwrap();
    // A column declared NOCASE is compared by bytes all the same.
    let ana = Predicate::compare("name", CompareOp::Eq, ScalarValue::from("ana"));
    let mut request = scan(&spec, &["id"], Guard::none(), vec![ana.clone()]);
    request.limit = Some(1);
    let (planned, rows) = read(&connector, &cx, request).await.unwrap();
    assert_eq!(
        (planned.filter.as_slice(), planned.limit),
        ([Pushdown::Exact].as_slice(), LimitVerdict::Exact)
    );
    assert_eq!(rows.column(0).as_primitive::<Int64Type>(), &Int64Array::from(vec![2]));

    // Ranges stay here, and with them the limit.
    let range = Predicate::compare("id", CompareOp::Gt, ScalarValue::Int64(Some(1)));
    let mut request = scan(
        &spec,
        &["id"],
        guard(Predicate::And(vec![ana, range.clone()])),
        vec![range],
    );
    request.limit = Some(1);
    let (planned, _) = read(&connector, &cx, request).await.unwrap();
    assert_eq!(planned.guard, Pushdown::Inexact);
    assert_eq!(
        (planned.filter.as_slice(), planned.limit),
        ([Pushdown::Unsupported].as_slice(), LimitVerdict::Unsupported)
    );

    // A filter on a masked column would ask the unmasked value.
    let mask = MaskExpr {
        function: "show-last-4".into(),
        arguments: vec![],
    };
    let masked = Guard {
        rows: Predicate::True,
        masks: vec![(ColumnId::new("id"), mask)],
    };
    let (planned, rows) = read(&connector, &cx, scan(&spec, &["id"], masked, vec![equals("id", 1)]))
        .await
        .unwrap();
    assert_eq!(
        (planned.guard, planned.filter[0], rows.num_rows()),
        (Pushdown::Unsupported, Pushdown::Unsupported, 4)
    );

    // A column that is gone is no text literal.
    let gone = guard(equals("gone", 1));
    let error = read(&connector, &cx, scan(&spec, &["id"], gone, vec![]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::SchemaChanged);
}

#[tokio::test]
async fn pushed_equals_not_pushed() {
    let file = File::with(
        r#"CREATE TABLE loose (id INTEGER PRIMARY KEY, n INT, t TEXT COLLATE NOCASE, r REAL, b BLOB, d DATE, v BOOLEAN);
           CREATE TABLE firm (id INTEGER PRIMARY KEY, n INT, t TEXT, r REAL, b BLOB) STRICT;
           WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 60)
           INSERT INTO loose SELECT i, CASE WHEN i % 7 > 0 THEN i % 5 - 2 END,
             CASE i % 6 WHEN 0 THEN NULL WHEN 1 THEN 'a' WHEN 2 THEN 'A' WHEN 3 THEN 'b%_c' WHEN 4 THEN '' ELSE 'ä🛫' END,
             CASE WHEN i % 3 > 0 THEN i / 4.0 END, CASE WHEN i % 4 > 0 THEN CAST(i % 4 AS BLOB) END,
             CASE WHEN i % 5 > 0 THEN '2020-01-0' || (i % 5) END, i % 2 FROM k;
           INSERT INTO firm SELECT id, n, t, r, b FROM loose;"#,
    )
    .await;
    let connector = SqliteConnector::new();
    let cx = context(&file.connection);
    for (name, least_exact) in [("loose", 50), ("firm", 100)] {
        let spec = table(&connector, &cx, "main", name).await.unwrap();
        let [unsupported, inexact, exact] = pushed_is_not_pushed(&connector, &cx, &spec, 200).await;
        assert!(
            unsupported > 0 && inexact > 0 && exact > least_exact,
            "{name}: {unsupported} {inexact} {exact}"
        );
    }
}

#[tokio::test]
async fn large_predicates_do_not_fail() {
    let file = File::with(PASSENGERS).await;
    let connector = SqliteConnector::new();
    let cx = context(&file.connection);
    let spec = table(&connector, &cx, "main", "passengers").await.unwrap();
    let many: Vec<Predicate> = (0..5_000).map(|number| equals("id", number)).collect();
    let set = Predicate::InSet {
        column: ColumnRef::of("id"),
        values: Arc::new(Int64Array::from_iter_values(0..40_000)),
        or_null: false,
    };
    let filter = vec![Predicate::Or(many), set];
    let (planned, rows) = read(&connector, &cx, scan(&spec, &["id"], Guard::none(), filter))
        .await
        .unwrap();
    assert_eq!(
        (planned.filter, rows.num_rows()),
        (vec![Pushdown::Exact, Pushdown::Unsupported], 4)
    );
}

#[tokio::test]
async fn paths_are_allow_listed_and_errors_are_clear() {
    let file = File::with(PASSENGERS).await;
    let connector = SqliteConnector::new();
    let ping = async |connection: Arc<Connection>| {
        connector
            .describe(&context(&connection), DescribeRequest::Ping)
            .await
            .map(|_| ())
            .map_err(|error| error.kind())
    };
    let directory = &file.directory;
    let elsewhere = directory.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    assert_eq!(ping(connection("crm.db", directory, directory)).await, Ok(()));
    assert_eq!(
        ping(connection("crm.db", directory, &elsewhere)).await,
        Err(ConnectorErrorKind::AccessDenied)
    );
    assert_eq!(
        ping(connection("../crm.db", &elsewhere, &elsewhere)).await,
        Err(ConnectorErrorKind::AccessDenied)
    );
    std::os::unix::fs::symlink(directory.join("crm.db"), elsewhere.join("link.db")).unwrap();
    assert_eq!(
        ping(connection("link.db", &elsewhere, &elsewhere)).await,
        Err(ConnectorErrorKind::AccessDenied)
    );
    assert_eq!(
        ping(connection("none.db", directory, directory)).await,
        Err(ConnectorErrorKind::NotFound)
    );
    assert!(!directory.join("none.db").exists());
    std::fs::write(
        directory.join("text.db"),
        "this is no database, but long enough to look like one".repeat(40),
    )
    .unwrap();
    assert_eq!(
        ping(connection("text.db", directory, directory)).await,
        Err(ConnectorErrorKind::SourceFailed)
    );

    // A table that went away after it was described.
    let cx = context(&file.connection);
    let spec = table(&connector, &cx, "main", "mixed").await.unwrap();
    let mut writer = SqliteConnectOptions::new()
        .filename(directory.join("crm.db"))
        .connect()
        .await
        .unwrap();
    writer.execute("DROP TABLE mixed").await.unwrap();
    let error = read(&connector, &cx, scan(&spec, &["n"], Guard::none(), vec![]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::SchemaChanged);
}
