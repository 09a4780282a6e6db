//! Which figures does a caller learn? Whole megabytes under a filter or mask, true ones with `ReadStats` (governance.md D4, §6.4).

use lakegate_catalog::record::Usage;
use lakegate_tests::fixture::{self, Hidden, Place};

const MEGABYTE: u64 = 1_048_576;

/// Statements whose true figures differ.
const STATEMENTS: [&str; 5] = [
    "SELECT * FROM orders",
    "SELECT id FROM orders",
    "SELECT id FROM orders WHERE id > 900000",
    "SELECT count(*) FROM orders LIMIT 1",
    "SELECT a.id FROM orders a JOIN orders b ON a.id = b.id",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_restricted_see_whole_megabytes_only() {
    for place in Place::ALL {
        let world = fixture::world(place, Hidden::Canaries).await;
        for sql in STATEMENTS {
            for who in ["alice", "carol"] {
                let answer = world.ask(who, sql).await;
                let shown = world.shown_usage(who, &answer.id).await;
                let rows = answer.len() as u64;
                let expected = Usage {
                    scanned_bytes: shown.scanned_bytes,
                    shown_scanned_bytes: shown.scanned_bytes,
                    billed_bytes: 10 * MEGABYTE,
                    rows,
                    ..Usage::default()
                };
                assert_eq!(shown, expected, "{place:?} {who}: {sql}");
                assert!(
                    shown.scanned_bytes >= MEGABYTE && shown.scanned_bytes % MEGABYTE == 0,
                    "{place:?} {sql}: {shown:?}"
                );
                // The ledger has the truth.
                let usage = world.store.find_usage(&answer.id).await.unwrap().unwrap().usage;
                assert!(usage.scanned_bytes + usage.connector_bytes > 0, "{place:?} {sql}");
                assert!(
                    usage.scanned_bytes + usage.connector_bytes < MEGABYTE,
                    "{place:?} {sql}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holders_of_read_stats_see_the_truth() {
    for place in Place::ALL {
        let world = fixture::world(place, Hidden::Canaries).await;
        for who in ["rita", "sue"] {
            let answer = world.ask(who, "SELECT id, qty FROM orders").await;
            let shown = world.shown_usage(who, &answer.id).await;
            let record = world.record(&answer.id).await.usage;
            assert_eq!(shown, record, "{place:?} {who}");
            assert!(
                shown.detailed && shown.scanned_bytes + shown.connector_bytes > 0,
                "{place:?} {who}: {shown:?}"
            );
            let connection = if place == Place::Sqlite { "crm" } else { "files" };
            assert_eq!(
                shown.by_connection.keys().collect::<Vec<_>>(),
                [connection],
                "{place:?}"
            );
            if place == Place::Sqlite {
                assert_eq!(shown.scanned_bytes, 0);
            } else {
                assert_eq!(shown.connector_bytes, 0);
            }
        }
    }
}

/// A failed statement tells no more than one that succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_have_the_same_figures() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let request = world.request("SELECT 1/(qty - 1) FROM orders");
    let failure = world.run_request("alice", request).await.unwrap_err();
    assert_eq!(failure.error.code.text(), "DIVISION_BY_ZERO");
    let shown = world.shown_usage("alice", &failure.query_id.unwrap()).await;
    assert!(
        !shown.detailed && shown.scanned_bytes % MEGABYTE == 0 && shown.fetched_bytes == 0,
        "{shown:?}"
    );
    assert_eq!(shown.billed_bytes, 0);
}

/// The caller's own limit counts what the caller is shown; a tighter one is refused before anything is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_callers_limit_counts_the_shown_figure() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    for (bytes, ends) in [(MEGABYTE, true), (MEGABYTE - 1, false)] {
        let mut request = world.request("SELECT id FROM orders WHERE id > 5");
        request.limits.scanned_bytes = Some(bytes);
        let outcome = world.run_request("alice", request).await;
        assert_eq!(outcome.is_ok(), ends, "{bytes}");
        if let Err(failure) = outcome {
            assert_eq!(failure.error.code.text(), "EXCEEDED_SCAN_LIMIT");
        }
    }
}

/// Another user's query is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_belong_to_their_submitter() {
    let world = fixture::world(Place::Parquet, Hidden::Canaries).await;
    let answer = world.ask("dana", "SELECT * FROM orders").await;
    let mallory = world.caller("mallory").await;
    let hidden = world.queries.find(&mallory, &answer.id).await.unwrap_err();
    let other = "00000000-0000-7000-8000-000000000000";
    let missing = world.queries.find(&mallory, other).await.unwrap_err();
    assert_eq!(hidden.to_string().replace(&answer.id, other), missing.to_string());
    assert_eq!(hidden.code, missing.code);
    assert!(world.queries.cancel(&mallory, &answer.id).await.is_err());
    assert!(world.queries.results(&mallory, &answer.id, 0, None).await.is_err());
    assert!(
        world
            .queries
            .list(
                &mallory,
                lakegate_query::service::ListQueries {
                    limit: 10,
                    ..Default::default()
                }
            )
            .await
            .unwrap()
            .is_empty()
    );
}
