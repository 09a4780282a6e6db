//! Is what is there found, and is pushed = not pushed?

use datafusion::common::ScalarValue;
use futures::TryStreamExt;
use lakegate_connectors::{
    capability::{LimitVerdict, Pushdown},
    connector::{Connector, DescribeRequest, DescribeResponse},
    error::ConnectorErrorKind,
    predicate::{CompareOp, LikePattern, Predicate},
    scan::{ColumnRef, Guard},
    split::{Page, PageToken},
    table_spec::RemoteName,
};

use crate::{
    relational::{guard, open, pushed_is_not_pushed, read, scan, table},
    server::{EXTRAS, Server},
};

#[tokio::test]
async fn describes_what_is_there() {
    let sql = format!(
        "{EXTRAS} CREATE TABLE people (id int8 PRIMARY KEY, \"Na\"\"me\" text COLLATE \"C\" NOT NULL, tags int[], duo pair, fold text COLLATE odd);
         COMMENT ON COLUMN people.id IS 'the id'; CREATE INDEX by_name ON people (\"Na\"\"me\", lower(fold));
         INSERT INTO people SELECT i, 'n' || i, '{{1}}', CASE WHEN i % 2 = 0 THEN ROW(NULL, NULL)::pair END, 'x' FROM generate_series(1, 100) i; ANALYZE people;
         CREATE TABLE \"Twin\" (a int); CREATE TABLE twin (b int); CREATE VIEW v AS SELECT id FROM people; CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;
         CREATE TABLE parent (d date) PARTITION BY RANGE (d); CREATE TABLE child PARTITION OF parent DEFAULT;"
    );
    let sql = sql.replace(
        "CREATE TABLE people",
        "CREATE COLLATION odd (provider = icu, locale = 'und', deterministic = false); CREATE TABLE people",
    );
    let Some(server) = Server::with("Describe Me", &sql).await else {
        return;
    };
    let (cx, connector) = (server.context(), &server.connector);
    assert!(matches!(
        connector.describe(&cx, DescribeRequest::Ping).await,
        Ok(DescribeResponse::Pong)
    ));
    let DescribeResponse::Names { names, .. } = connector
        .describe(&cx, DescribeRequest::Databases(Page::default()))
        .await
        .unwrap()
    else {
        panic!()
    };
    assert!(names.contains(&RemoteName::database("Describe Me")) && names.contains(&RemoteName::database("public")));
    assert!(
        !names
            .iter()
            .any(|name| name.name.starts_with("pg_") || name.name == "information_schema")
    );
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let page = Page {
            token: token.map(PageToken),
            size: Some(3),
        };
        let request = DescribeRequest::Tables {
            database: RemoteName::database("Describe Me"),
            page,
        };
        let DescribeResponse::Names { names, next } = connector.describe(&cx, request).await.unwrap() else {
            panic!()
        };
        found.extend(names.into_iter().map(|name| name.name));
        let Some(next) = next else { break };
        token = Some(next.0);
    }
    assert_eq!(found, ["Twin", "m", "parent", "people", "twin", "v"]);

    let spec = table(connector, &cx, "describe me", "PEOPLE").await.unwrap();
    assert_eq!(spec.name, RemoteName::table("Describe Me", "people"));
    assert_eq!((spec.statistics.rows, spec.statistics.bytes), (Some(100), Some(8_192)));
    assert_eq!(spec.columns[0].comment.as_deref(), Some("the id"));
    assert!(!spec.schema.field(1).is_nullable());
    assert_eq!((spec.keys.len(), spec.indexes.len()), (1, 2));
    assert_eq!(spec.columns[2].unsupported, None);
    // Spelled exactly it is found, otherwise it is ambiguous.
    assert_eq!(
        table(connector, &cx, "Describe Me", "Twin")
            .await
            .unwrap()
            .schema
            .field(0)
            .name(),
        "a"
    );
    let error = table(connector, &cx, "Describe Me", "TWIN").await.unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::InvalidRequest);
    let error = table(connector, &cx, "Describe Me", "none").await.unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::NotFound);
    let error = table(connector, &cx, "pg_catalog", "pg_authid").await.unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::NotFound);

    // Every type of a column is read, and IS NULL is asked of a composite as of one value.
    for column in ["tags", "duo"] {
        let absent = Predicate::IsNull {
            column: ColumnRef::of(column),
            negated: false,
        };
        let (planned, rows) = read(connector, &cx, scan(&spec, &[column], Guard::none(), vec![absent]))
            .await
            .unwrap();
        assert_eq!(planned.filter, [Pushdown::Exact], "{column}");
        assert_eq!(rows.num_rows(), if column == "duo" { 50 } else { 0 }, "{column}");
    }
    // A collation that is not deterministic is not compared there.
    let odd = Predicate::compare("fold", CompareOp::Eq, ScalarValue::from("X"));
    let (planned, _) = read(connector, &cx, scan(&spec, &["id", "fold"], Guard::none(), vec![odd]))
        .await
        .unwrap();
    assert_eq!(planned.filter, [Pushdown::Unsupported]);
    let (_, stream) = open(connector, &cx, scan(&spec, &[], Guard::none(), vec![]))
        .await
        .unwrap();
    let counted: Vec<usize> = stream
        .batches
        .map_ok(|batch| batch.num_rows())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(counted.iter().sum::<usize>(), 100);
}

#[tokio::test]
async fn pushed_equals_not_pushed() {
    let sql = format!(
        "{EXTRAS} CREATE TABLE facts (id int8, i2 int2, i4 int4, f4 float4, f8 float8, n numeric(10,3), w numeric(50,3), t text, vc varchar(9), c char(3), ci citext, nm name,
            b bool, y bytea, ts timestamp, tz timestamptz, d date, tm time, iv interval, u uuid, j jsonb, e mood, de text COLLATE \"und-x-icu\");
         INSERT INTO facts SELECT i, i % 5 - 2, nullif(i % 7, 3), (array[0, '-0', 'NaN', 1.5, 'Infinity', NULL])[i % 6 + 1], (array['-0', 'NaN', 0, 1e300, NULL])[i % 5 + 1]::float8,
            i % 9 / 8.0, i % 4 / 8.0, (array['', 'a', 'A', 'b%_c', 'back\\slash', 'ä🛫', 'Z', NULL, 'quo\"te,{{}}'])[i % 9 + 1], 'v' || i % 3, 'x' || i % 2, (array['Q', 'q'])[i % 2 + 1], 'n' || i % 4,
            (array[true, false, NULL])[i % 3 + 1], decode(lpad(to_hex(i % 6), 2, '0'), 'hex'), timestamp '2020-01-01' + i % 5 * interval '1.000001 h', timestamptz '1960-01-01Z' + i % 5 * interval '1 y',
            date '1999-12-30' + i % 4, time '00:00' + i % 3 * interval '1 min', i % 3 * interval '1 d', lpad(to_hex(i % 5), 32, '0')::uuid, '{{}}', (array['happy', 'sad', NULL])[i % 3 + 1]::mood,
            (array['a', 'B', 'é', 'f'])[i % 4 + 1] FROM generate_series(1, 120) i;"
    );
    let Some(server) = Server::with("push", &sql).await else {
        return;
    };
    let cx = server.context();
    let spec = table(&server.connector, &cx, "push", "facts").await.unwrap();
    let [unsupported, inexact, exact] = pushed_is_not_pushed(&server.connector, &cx, &spec, 400).await;
    assert!(
        unsupported > 50 && inexact > 20 && exact > 200,
        "{unsupported} {inexact} {exact}"
    );

    // No literal makes the server fail.
    let odd = vec![
        Predicate::compare("t", CompareOp::Eq, ScalarValue::from("nul\0")),
        Predicate::compare("d", CompareOp::Lt, ScalarValue::Date32(Some(i32::MAX))),
        Predicate::compare(
            "ts",
            CompareOp::Lt,
            ScalarValue::TimestampMicrosecond(Some(i64::MAX), None),
        ),
        Predicate::compare("f8", CompareOp::Eq, ScalarValue::Float64(Some(0.0))),
        Predicate::compare("i4", CompareOp::Eq, ScalarValue::Int32(None)),
        Predicate::compare("c", CompareOp::Eq, ScalarValue::from("x1")),
        Predicate::compare("ci", CompareOp::Eq, ScalarValue::from("q")),
        Predicate::Like {
            column: ColumnRef::of("ci"),
            pattern: LikePattern::parse("q%", None).unwrap(),
        },
    ];
    let (planned, rows) = read(&server.connector, &cx, scan(&spec, &["id"], Guard::none(), odd))
        .await
        .unwrap();
    assert_eq!((planned.filter, rows.num_rows()), (vec![Pushdown::Unsupported; 8], 120));
    // Exact all the way down: the limit goes along.
    let hidden = guard(Predicate::compare("i4", CompareOp::Eq, ScalarValue::Int32(Some(1))));
    let mut request = scan(
        &spec,
        &["id"],
        hidden,
        vec![Predicate::compare("t", CompareOp::GtEq, ScalarValue::from("a"))],
    );
    request.limit = Some(2);
    let (planned, rows) = read(&server.connector, &cx, request).await.unwrap();
    assert_eq!(
        (planned.guard, planned.limit, rows.num_rows()),
        (Pushdown::Exact, LimitVerdict::Exact, 2)
    );
    assert!(cx.counters.snapshot().bytes_source > 0);
}
