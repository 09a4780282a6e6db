//! What does EXPLAIN ANALYZE tell, and whom? Rows and time of the operators above the barrier (governance.md §6.4).

use lakegate_query::error::ErrorCode;
use lakegate_tests::{
    fixture::{self, CANARIES, Hidden, Place},
    world::World,
};

async fn world(place: Place, hidden: Hidden) -> World {
    let world = fixture::world(place, hidden).await;
    let table = format!("table:{}.orders", place.database());
    let grant =
        |who: &str| format!("  - {{to: \"user:{who}\", privileges: [explain-analyze], resource: \"{table}\"}}\n");
    let lake = format!(
        "lake: analysts\ngrants:\n{}{}{}",
        grant("alice"),
        grant("sue"),
        grant("nobody")
    );
    world.apply(&lake, "").await;
    world
}

const SQL: &str = "EXPLAIN ANALYZE SELECT region, count(*) FROM orders WHERE qty > 0 GROUP BY region";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_and_time_stop_at_the_barrier() {
    for place in [Place::Parquet, Place::Csv, Place::Sqlite] {
        let world = world(place, Hidden::Canaries).await;
        let lines = world.ask("sue", SQL).await.lines();
        let scan = lines.iter().find(|line| line.contains("GovernedScanExec")).unwrap();
        // A text is converted above the barrier, so the condition on it stands there too.
        let rows = if place == Place::Parquet {
            "[rows=9, time="
        } else {
            ", time="
        };
        assert!(scan.contains(rows), "{place:?}: {lines:?}");
        assert_eq!(lines[0], "rows: 7", "{lines:?}");
        let top = lines.iter().find(|line| line.contains("AggregateExec")).unwrap();
        assert!(top.contains("rows=7"), "{lines:?}");
        let text = lines.join("\n");
        for inside in [
            "PolicyFilterExec",
            "DataSourceExec",
            "Connector",
            ".parquet",
            ".csv",
            "bytes",
            "legal_hold",
        ] {
            assert!(!text.contains(inside), "{place:?} {inside}: {text}");
        }
        // It ran, so it is billed and its record says what it was.
        let answer = world.ask("sue", SQL).await;
        let record = world.record(&answer.id).await;
        assert_eq!(record.statement.as_deref(), Some("EXPLAIN ANALYZE"));
        assert!(record.usage.billed_bytes > 0, "{:?}", record.usage);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_restricted_learns_no_more_than_by_asking() {
    let limited = "EXPLAIN ANALYZE SELECT id FROM orders LIMIT 1";
    let mut told = Vec::new();
    for hidden in [Hidden::Canaries, Hidden::Others, Hidden::Nothing] {
        let world = world(Place::Parquet, hidden).await;
        let texts = [
            world.ask("alice", SQL).await.text(),
            world.ask("alice", limited).await.text(),
        ];
        for text in &texts {
            assert!(CANARIES.iter().all(|canary| !text.contains(canary)), "{text}");
            assert!(
                text.starts_with("rows: ") && text.contains("GovernedScanExec"),
                "{text}"
            );
            assert!(!text.contains("rows=") && !text.contains("time="), "{text}");
        }
        told.push(texts);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_needs_the_right_on_every_table() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let refused = world.refusal("dana", SQL).await;
    assert_eq!(refused.code, ErrorCode::AccessDenied);
    let audit = world.audit().await;
    let denied = audit.iter().find(|event| event.action == "ExplainAnalyze").unwrap();
    assert_eq!((denied.principal.as_str(), denied.decision.as_str()), ("dana", "deny"));
    assert_eq!(denied.resource, "table:lake.sales.orders");
    // The right alone shows nothing: what may not be read is not there.
    let hidden = world.refusal("nobody", SQL).await;
    let missing = world.refusal("nobody", &SQL.replace("orders", "orderz")).await;
    assert_eq!(hidden.to_string().replace("orders", "orderz"), missing.to_string());
    for sql in [
        "EXPLAIN ANALYZE SHOW TABLES",
        "EXPLAIN ANALYZE EXPLAIN SELECT 1",
        "EXPLAIN EXPLAIN ANALYZE SELECT 1",
    ] {
        let error = world.refusal("sue", sql).await;
        let codes = [ErrorCode::NotSupported, ErrorCode::SyntaxError];
        assert!(codes.contains(&error.code), "{sql}: {error:?}");
    }
    assert_eq!(
        world.ask("nobody", "EXPLAIN ANALYZE SELECT 1").await.lines()[0],
        "rows: 1"
    );
    // An error of the query is an error, without a value.
    let error = world
        .refusal("alice", "EXPLAIN ANALYZE SELECT 1 / (qty - qty) FROM orders")
        .await;
    assert_eq!(error.code, ErrorCode::DivisionByZero);
}
