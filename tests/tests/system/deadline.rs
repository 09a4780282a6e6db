//! Does a statement end when its time is over, whatever it computes? (reliability-tests.md §4: joins do not yield on cancel)

use std::time::{Duration, Instant};

use lakegate_tests::world::World;

async fn ends(sql: &str) {
    let world = World::new().await;
    world.apply("lake: small\nusers:\n  sam: {}\n", "").await;
    let mut request = world.request(sql);
    request.limits.timeout_ms = Some(300);
    let began = Instant::now();
    let outcome = tokio::time::timeout(Duration::from_secs(20), world.run_request("sam", request)).await;
    let outcome = outcome.unwrap_or_else(|_| panic!("no answer in 20 s: {sql}"));
    let code = outcome
        .map(|answer| answer.text())
        .map_err(|failure| failure.error.code.text());
    assert_eq!(code, Err("EXCEEDED_TIME_LIMIT"), "{sql}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}: {sql}", began.elapsed());
    assert_eq!(world.rows("sam", "SELECT 1").await, ["1"]);
}

const SERIES: &str = "generate_series(1, 1000000)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan() {
    ends("SELECT sum(value % 7) FROM generate_series(1, 1000000000000)").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sort() {
    ends("SELECT value FROM generate_series(1, 1000000000) ORDER BY value % 1000 LIMIT 1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hash_join() {
    ends(&format!(
        "SELECT count(*) FROM {SERIES} a JOIN {SERIES} b ON a.value % 10 = b.value % 10 WHERE a.value + b.value <> 3"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nested_loop_join() {
    ends(&format!(
        "SELECT count(*) FROM {SERIES} a JOIN {SERIES} b ON a.value * b.value % 7 = 3"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cross_join() {
    ends(&format!(
        "SELECT max(a.value * b.value) FROM {SERIES} a CROSS JOIN {SERIES} b"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recursion() {
    ends("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT max(i) FROM n")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_text() {
    let world = World::new().await;
    world.apply("lake: small\nusers:\n  sam: {}\n", "").await;
    let mut request = world.request("SELECT length(repeat('x', 1000000000))");
    request.limits.timeout_ms = Some(2_000);
    let _ = world.run_request("sam", request).await;
    assert_eq!(world.rows("sam", "SELECT 1").await, ["1"]);
}
