//! What do EXPLAIN and the figures of a query tell a restricted caller? governance.md §6.1 and §6.4.

use std::sync::Arc;

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
    let mut leaf = plan(&cx, &context, sql).await.unwrap();
    while let Some(below) = leaf.children().first().map(|child| Arc::clone(child)) {
        leaf = below;
    }
    assert_eq!(leaf.name(), "GovernedScanExec");
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

/// One thing that is kept back, a row, a value or a column, hides the figures of all of it.
#[tokio::test]
async fn whoever_is_kept_from_anything_is_not_shown_figures() {
    let mut held = Lake::default();
    held.grants.retain(|(_, privilege, ..)| privilege != "bypass-filter");
    let mut masked = Lake::default();
    let forbid = "@id(\"no.ssn\") forbid(principal, action == Lakegate::Action::\"Select\", resource == \
                  Lakegate::Column::\"c-ssn\");";
    masked.policies.push(("no.ssn".to_owned(), forbid.to_owned()));
    // A column that is not there for her makes files as large as it is.
    let mut narrowed = Lake::default();
    narrowed.policies.clone_from(&masked.policies);
    let [user, privilege, kind, object] = ["dana", "select-masked", "Table", "t-orders"].map(str::to_owned);
    masked.grants.push((user, privilege, kind, object));
    for (lake, rows_seen, detailed) in [
        (Lake::default(), 10, true),
        (held, 9, false),
        (masked, 10, false),
        (narrowed, 10, false),
    ] {
        let directory = directory();
        let (cx, context) = open(&lake, "dana", Rows::Files(directory.path())).await.unwrap();
        let seen = rows(&cx, &context, "SELECT id FROM orders").await.unwrap();
        assert_eq!(door::lines(&seen).len(), rows_seen);
        assert_eq!(cx.meter.usage().detailed, detailed, "{rows_seen} rows");
    }
}
