//! What does each principal of the fixture see, to the cell? (governance.md §9.4 A–C, I3; the other half is `tests/governance`.)

use lakegate_query::error::ErrorCode;
use lakegate_tests::{
    fixture::{self, Hidden, Place},
    world::World,
};
use serde_json::json;

async fn each(check: impl AsyncFn(&World, Place)) {
    for place in Place::ALL {
        let world = fixture::world(place, Hidden::Canaries).await;
        check(&world, place).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alice_sees_three_rows_through_her_masks() {
    each(async |world, place| {
        let rows = world
            .rows("alice", "SELECT id, region, ssn, qty, code, note FROM orders")
            .await;
        assert_eq!(
            rows,
            [
                "1 | DE | nnn-nn-3333 | 1 | 10 | ok",
                "2 | FR | nnn-nn-4444 | 2 | 20 | ok",
                "3 | DE | nnn-nn-5555 | 3 | 30 | ok"
            ],
            "{place:?}"
        );
        let amounts = world.rows("alice", "SELECT id, CAST(amount AS int) FROM orders").await;
        assert_eq!(amounts, ["1 | 10", "2 | NULL", "3 | 30"], "{place:?}");
        // HMAC of `ann@x.de`, by Python: see `masks`.
        let email = world.rows("alice", "SELECT email FROM orders WHERE id = 1").await;
        assert_eq!(
            email,
            ["5b8073445ed9c8745434bcb56e51d7f7b65443cd38cb4ccc1c561b2a4680e541"],
            "{place:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn carol_sees_no_product_of_her_filters() {
    each(async |world, place| {
        // `us`: 900001, id and region. `small`: 1 and 2 (900002 is small too), id and amount.
        let rows = world
            .rows("carol", "SELECT id, region, CAST(amount AS int) FROM orders")
            .await;
        let expected = [
            "1 | NULL | 10",
            "2 | NULL | 20",
            "900001 | US | NULL",
            "900002 | NULL | 1",
        ];
        assert_eq!(rows, expected, "{place:?}");
        assert!(
            world
                .rows("carol", "SELECT id FROM orders WHERE amount > 1000")
                .await
                .is_empty()
        );
        assert_eq!(
            world.ask("carol", "SELECT * FROM orders").await.schema.fields().len(),
            3
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dana_sees_everything() {
    each(async |world, place| {
        let rows = world
            .rows("dana", "SELECT count(*), count(customer), max(ssn) FROM orders")
            .await;
        assert_eq!(rows, ["10 | 10 | CANARY-SSN-7"], "{place:?}");
        assert_eq!(
            world.ask("dana", "SELECT * FROM orders").await.schema.fields().len(),
            12
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_without_a_grant_see_no_table() {
    each(async |world, place| {
        for who in ["bob", "mallory", "nobody"] {
            let hidden = world.outcome(who, "SELECT * FROM orders").await.unwrap_err();
            let missing = world.outcome(who, "SELECT * FROM ordres").await.unwrap_err();
            assert_eq!(
                (hidden.0, hidden.1.replace("orders", "ordres")),
                missing,
                "{place:?} {who}"
            );
            assert_eq!(hidden.0, "TABLE_NOT_FOUND");
        }
    })
    .await;
}

/// B1, O5: the bytes of a misspelt column, in every clause, and for a hidden qualifier too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_column_is_a_misspelt_column() {
    each(async |world, place| {
        for sql in [
            "SELECT customer FROM orders",
            "SELECT orders.customer FROM orders",
            "SELECT o.customer FROM orders o",
            "SELECT count(customer) FROM orders",
            "SELECT id FROM orders WHERE customer IS NULL",
            "SELECT id FROM orders GROUP BY customer",
            "SELECT id FROM orders ORDER BY customer",
            "SELECT \"customer\" FROM orders",
            "SELECT Customer FROM orders",
            "SELECT a.id FROM orders a JOIN orders b USING (customer)",
            "SELECT a.id FROM orders a JOIN orders b ON a.customer = b.id",
            "SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM orders i WHERE i.customer = orders.id)",
            "SELECT (SELECT max(customer) FROM orders)",
            "SELECT sum(qty) OVER (PARTITION BY customer) FROM orders",
            "SELECT * EXCLUDE (customer) FROM orders",
            "SELECT * EXCEPT (customer) FROM orders",
            "SELECT * FROM orders AS o(a, b, c, d, e, f, g, h, i, j, k, l)",
        ] {
            let hidden = world.outcome("alice", sql).await;
            let misspelt = world
                .outcome(
                    "alice",
                    &sql.replace("customer", "custonner").replace("Customer", "Custonner"),
                )
                .await;
            let renamed = hidden.map_err(|(code, message)| (code, message.replace("customer", "custonner")));
            assert_eq!(renamed, misspelt, "{place:?} {sql}");
            assert!(renamed.is_err(), "{sql}: {renamed:?}");
        }
        let error = world.refusal("alice", "SELECT customer FROM orders").await;
        assert_eq!(error.code, ErrorCode::ColumnNotFound);
        assert_eq!(error.to_string(), "column `customer` does not exist");
    })
    .await;
}

/// C5, C6: attributes are values, and an absent or empty one opens nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attributes_are_bound_as_values() {
    each(async |world, place| {
        for who in ["sly", "empty", "tagless"] {
            assert!(
                world.rows(who, "SELECT * FROM orders").await.is_empty(),
                "{place:?} {who}"
            );
        }
        assert_eq!(world.ask("right", "SELECT id FROM orders").await.len(), 8, "{place:?}");
    })
    .await;
}

/// Parameters are values, whatever they hold, and are typed by JSON.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_are_bound_as_values() {
    each(async |world, place| {
        let ask = async |sql: &str, parameters: Vec<serde_json::Value>| {
            let mut request = world.request(sql);
            request.parameters = parameters;
            world
                .run_request("alice", request)
                .await
                .map(|answer| answer.text())
                .map_err(|failure| failure.error.code.text())
        };
        assert_eq!(
            ask("SELECT id FROM orders WHERE id = $1", vec![json!(2)]).await,
            Ok("2".to_owned()),
            "{place:?}"
        );
        let injected = ask("SELECT id FROM orders WHERE note = $1", vec![json!("x' OR '1'='1")]).await;
        assert_eq!(injected, Ok(String::new()), "{place:?}");
        assert_eq!(
            ask("SELECT id FROM orders WHERE ssn = $1", vec![json!("111-22-3333")]).await,
            Ok(String::new())
        );
        assert_eq!(ask("SELECT $1 || 'b'", vec![json!("a")]).await, Ok("ab".to_owned()));
        assert!(
            ask("SELECT id FROM orders WHERE id = $2", vec![json!(2)])
                .await
                .is_err()
        );
        assert!(ask("SELECT id FROM $1", vec![json!("orders")]).await.is_err());
    })
    .await;
}

/// A4, G1 and the rest of the session surface (governance.md §6.4).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_questions_is_run() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    for sql in [
        "SET datafusion.execution.parquet.pushdown_filters = true",
        "SET TIME ZONE 'Europe/Berlin'",
        "RESET datafusion.execution.batch_size",
        "SHOW datafusion.execution.batch_size",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/etc/passwd'",
        "CREATE TABLE x AS SELECT * FROM orders",
        "CREATE VIEW x AS SELECT * FROM orders",
        "CREATE INDEX x ON orders (ssn) WHERE ssn = 'CANARY-SSN-1'",
        "COPY orders TO '/tmp/out.parquet'",
        "COPY (SELECT * FROM orders) TO '/tmp/out.csv'",
        "INSERT INTO orders SELECT * FROM orders",
        "UPDATE orders SET region = 'DE' WHERE region = 'US'",
        "DELETE FROM orders",
        "TRUNCATE TABLE orders",
        "DROP TABLE orders",
        "ALTER TABLE orders ADD COLUMN x INT",
        "PREPARE p AS SELECT * FROM orders",
        "EXECUTE p",
        "BEGIN",
        "SELECT 1; SELECT * FROM orders",
    ] {
        let error = world.refusal("dana", sql).await;
        let codes = [ErrorCode::NotSupported, ErrorCode::SyntaxError];
        assert!(codes.contains(&error.code), "{sql}: {error:?}");
        assert!(!error.to_string().contains("CANARY"), "{sql}: {error}");
    }
    for name in [
        "input_file_name()",
        "file_row_index()",
        "version()",
        "arrow_metadata(ssn)",
        "with_metadata(ssn, 'a', 'b')",
        "lakegate_mask(ssn)",
    ] {
        let error = world.refusal("dana", &format!("SELECT {name} FROM orders")).await;
        assert_eq!(error.code, ErrorCode::FunctionNotFound, "{name}: {error:?}");
    }
    for table in [
        "'/etc/passwd'",
        "\"/etc/passwd\"",
        "read_parquet('/etc/passwd')",
        "\"orders$files\"",
        "parquet_metadata('x')",
    ] {
        world.refusal("dana", &format!("SELECT * FROM {table}")).await;
    }
    for column in ["_path", "ctid", "\"$path\"", "rowid", "_rowid_"] {
        let error = world.refusal("dana", &format!("SELECT {column} FROM orders")).await;
        assert_eq!(error.code, ErrorCode::ColumnNotFound, "{column}: {error:?}");
    }
}

/// What needs `TimeTravel` or `Export` has no way in, for nobody; what needs `PassthroughQuery`, for nobody without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_travel_export_and_passthrough_have_no_way_in() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    for sql in [
        "SELECT * FROM orders FOR SYSTEM_TIME AS OF TIMESTAMP '2020-01-01 00:00:00'",
        "SELECT * FROM orders FOR VERSION AS OF 1",
        "SELECT * FROM orders FOR TIMESTAMP AS OF TIMESTAMP '2020-01-01 00:00:00'",
        "SELECT * FROM orders VERSION AS OF 1",
        "SELECT * FROM orders AT (TIMESTAMP => '2020-01-01')",
        "EXPLAIN SELECT * FROM (SELECT * FROM orders FOR SYSTEM_TIME AS OF '2020-01-01') x",
        "EXPLAIN ANALYZE SELECT * FROM orders FOR SYSTEM_TIME AS OF '2020-01-01'",
        "SELECT * FROM \"orders@1\"",
        "UNLOAD (SELECT * FROM orders) TO 's3://mallory/'",
        "EXPORT DATA OPTIONS (uri = 's3://mallory/') AS SELECT * FROM orders",
        "SELECT * INTO x FROM orders",
        "CREATE MATERIALIZED VIEW x AS SELECT * FROM orders",
        "SELECT * FROM query('SELECT * FROM orders')",
        "SELECT * FROM TABLE(crm.system.query(query => 'SELECT * FROM secret'))",
        "SELECT * FROM crm.query('SELECT * FROM secret')",
        "CALL crm.execute('SELECT 1')",
        "ATTACH DATABASE 'crm.sqlite' AS x",
        "PRAGMA table_info(secret)",
        "LOAD 'x'",
    ] {
        for who in ["alice", "sue"] {
            let error = world.refusal(who, sql).await;
            let codes = [
                ErrorCode::NotSupported,
                ErrorCode::SyntaxError,
                ErrorCode::FunctionNotFound,
                ErrorCode::TableNotFound,
            ];
            let unpermitted = sql.contains("system.query") && error.code == ErrorCode::AccessDenied;
            assert!(unpermitted || codes.contains(&error.code), "{sql}: {error:?}");
        }
    }
}

/// B5, and what a schema may tell: declared type, nullable, no metadata.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_masked_column_keeps_its_type_and_nothing_else() {
    each(async |world, place| {
        let answer = world
            .ask("alice", "SELECT ssn, email, amount FROM orders LIMIT 1")
            .await;
        for field in answer.schema.fields() {
            assert!(
                field.is_nullable() && field.metadata().is_empty(),
                "{place:?} {field:?}"
            );
        }
        assert!(answer.schema.metadata().is_empty());
        assert!(
            answer.columns().starts_with("ssn Utf8?, email Utf8?"),
            "{}",
            answer.columns()
        );
    })
    .await;
}

/// I3: the lowest rank applies, whatever the order of names; equal ranks are refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_masks_the_lower_rank_applies() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let masks = |first: i32, second: i32| {
        format!(
            "lake: ranks\nusers:\n  eve: {{}}\ntables:\n  lake.sales.ranked: {{format: parquet, location: \"orders/\", columns: \
             [{{name: id, type: bigint}}, {{name: ssn, type: varchar}}], filters: {{some: {{where: \"id < 4\", columns: [id]}}}}, \
             masks: {{ssn: {{aa: {{func: show-first-4, rank: {first}}}, zz: {{func: show-last-4, rank: {second}}}}}}}}}\n\
             grants:\n  - {{to: \"user:eve\", privileges: [select-filtered], resource: \"filter:lake.sales.ranked/some\"}}\n\
             \u{20} - {{to: \"user:eve\", privileges: [select-masked], resource: \"mask:lake.sales.ranked.ssn/aa\"}}\n\
             \u{20} - {{to: \"user:eve\", privileges: [select-masked], resource: \"mask:lake.sales.ranked.ssn/zz\"}}\n"
        )
    };
    world.apply(&masks(10, 20), "").await;
    assert_eq!(
        world.rows("eve", "SELECT ssn FROM ranked WHERE id = 1").await,
        ["111-nn-nnnn"]
    );
    world.apply(&masks(20, 10), "").await;
    assert_eq!(
        world.rows("eve", "SELECT ssn FROM ranked WHERE id = 1").await,
        ["nnn-nn-3333"]
    );
    let refused = world.try_apply(&masks(10, 10), "").await.unwrap_err();
    assert!(refused.to_string().contains("rank"), "{refused}");
    // P5: a second mask never takes away what the first one shows.
    let inverted = masks(20, 10).replace("show-last-4", "mask-alphanum");
    let refused = world.try_apply(&inverted, "").await.unwrap_err();
    let told = "mask `zz` of `lake.sales.ranked.ssn` shows less than `aa` and has the lower rank";
    assert!(refused.to_string().contains(told), "{refused}");
    assert!(
        world
            .try_apply(&masks(10, 20).replace("show-last-4", "mask-alphanum"), "")
            .await
            .is_ok()
    );
}

/// H2: a hash that is local to the statement differs between statements and not within one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_local_hash_is_local() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    world
        .apply(
            "lake: local\nusers:\n  eve: {}\ntables:\n  lake.sales.local: {format: parquet, location: \"orders/\", columns: [{name: id, \
             type: bigint}, {name: ssn, type: varchar}], filters: {some: {where: \"id < 4\", columns: [id]}}, masks: {ssn: {h: {func: \
             sha-256-query-local, rank: 1}}}}\ngrants:\n  - {to: \"user:eve\", privileges: [select-filtered], resource: \
             \"filter:lake.sales.local/some\"}\n  - {to: \"user:eve\", privileges: [select-masked], resource: \"mask:lake.sales.local.ssn/h\"}\n",
            "",
        )
        .await;
    let sql = "SELECT a.ssn FROM local a JOIN local b ON a.ssn = b.ssn WHERE a.id = 1";
    let first = world.rows("eve", sql).await;
    assert_eq!(first.len(), 1);
    assert_ne!(first, world.rows("eve", sql).await);
}
