//! What do EXPLAIN and the figures of a query tell a restricted caller? governance.md §6.1 and §6.4.

use crate::{
    directory,
    door::{self, Rows, open, plan, rows, shown},
    fixture::Lake,
};

#[tokio::test]
async fn explain_shows_visible_columns_and_accepted_conditions_only() {
    // With `de`, `id` is not clear for every reason to see a row, and nothing may be pushed.
    let mut lake = Lake::default();
    lake.grants.retain(|(_, _, _, object)| object != "f-de");
    let directory = directory();
    let (cx, context) = open(&lake, "alice", Rows::Files(directory.path())).await.unwrap();
    let sql = "SELECT id, ssn FROM orders WHERE id > 1 AND ssn <> 'x' AND 10 / qty > 0";
    let text = shown(&plan(&cx, &context, sql).await.unwrap());
    assert!(
        text.contains("GovernedScanExec: relation=lake.sales.orders, columns=[id, ssn, qty], filters=[id > Int64(1)]"),
        "{text}"
    );
    for inside in [
        "legal_hold",
        "parquet",
        "PolicyFilter",
        "'DE'",
        "lakegate_",
        "show-last",
    ] {
        assert!(!text.contains(inside), "{inside}: {text}");
    }
    let debug = format!("{:?}", plan(&cx, &context, sql).await.unwrap());
    assert!(!debug.contains("legal_hold"), "{debug}");
    let seen = rows(&cx, &context, &format!("EXPLAIN VERBOSE {sql}")).await;
    if let Ok(seen) = seen {
        let text = door::lines(&seen).join("\n");
        assert!(!text.contains("legal_hold") && !text.contains("PolicyFilter"), "{text}");
    }
}

#[tokio::test]
async fn restricted_callers_are_shown_what_the_policy_leaves() {
    let lake = Lake::default();
    let directory = directory();
    let mut figures = Vec::new();
    for sql in [
        "SELECT id FROM orders",
        "SELECT id FROM orders WHERE id = 1",
        "SELECT id FROM orders LIMIT 1",
    ] {
        let (cx, context) = open(&lake, "alice", Rows::Files(directory.path())).await.unwrap();
        rows(&cx, &context, sql).await.unwrap();
        let usage = cx.meter.usage();
        assert!(!usage.detailed && usage.scanned_bytes > 0);
        figures.push(usage.shown_scanned_bytes);
    }
    assert!(figures.windows(2).all(|pair| pair[0] == pair[1]), "{figures:?}");
    let (cx, context) = open(&lake, "dana", Rows::Files(directory.path())).await.unwrap();
    rows(&cx, &context, "SELECT id FROM orders").await.unwrap();
    assert!(cx.meter.usage().detailed);
}
