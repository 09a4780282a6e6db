//! Nothing of a statement passes a view: two worlds that differ only behind it answer with the same bytes.

use super::world;
use lakegate_tests::{
    fixture::{CANARIES, Hidden, Place},
    world::World,
};

/// Every clause that might look behind the view, with every kind of expression that might fail on what lies there.
const QUESTIONS: &[&str] = &[
    "SELECT * FROM v_de",
    "SELECT count(*) FROM v_de",
    "SELECT id FROM v_de LIMIT 2",
    "SELECT id FROM v_de LIMIT 1 OFFSET 1",
    "SELECT id, 6/qty FROM v_de",
    "SELECT id FROM v_de WHERE 1/qty > 0",
    "SELECT id FROM v_de WHERE 1/(id - 900001) < 1",
    "SELECT id FROM v_de WHERE CAST(code AS int) > 10",
    "SELECT CAST(code AS int) FROM v_de",
    "SELECT CAST(note AS date) FROM v_de",
    "SELECT CAST(id AS smallint) FROM v_de",
    "SELECT id FROM v_de ORDER BY CAST(code AS int) DESC LIMIT 1",
    "SELECT id FROM v_de ORDER BY 6/qty",
    "SELECT max(CAST(code AS int)), min(id), max(id) FROM v_de",
    "SELECT count(*) FROM v_de GROUP BY 6/qty",
    "SELECT a.id FROM v_de a JOIN v_de b ON 6/a.qty = 6/b.qty",
    "SELECT a.id FROM v_de a LEFT JOIN v_two b ON a.id = b.id AND CAST(b.code AS int) > 1",
    "SELECT id FROM v_de WHERE EXISTS (SELECT 1 FROM v_two t WHERE 6/t.id = v_de.qty)",
    "SELECT column1 FROM (VALUES (900001), (900003), (3)) v WHERE column1 NOT IN (SELECT id FROM v_de)",
    "SELECT id FROM v_de WHERE region <> 'DE' OR region IS NULL",
    "SELECT id FROM v_de WHERE region = 'US' OR id > 100",
    "SELECT DISTINCT region FROM v_de",
    "SELECT id, sum(6/qty) OVER (ORDER BY id) FROM v_de",
    "SELECT regexp_like('x', code) FROM v_de",
    "SELECT repeat('x', CAST(code AS bigint)) FROM v_de",
    "SELECT to_timestamp(note) FROM v_de",
    "SELECT 1/qty FROM v_de UNION SELECT 2/id FROM v_two",
    "SELECT id FROM v_two WHERE 1/(id - 3) < 0",
    "SELECT 1/(id - 900001) FROM v_inv",
    "SELECT nope FROM v_de",
    "SELECT customer FROM v_de",
];

#[tokio::test]
async fn what_a_view_hides_cannot_be_told() {
    for place in [Place::Parquet, Place::Csv, Place::Sqlite] {
        let worlds = [
            world(place, Hidden::Canaries).await,
            world(place, Hidden::Others).await,
            world(place, Hidden::Nothing).await,
        ];
        let mut differences = Vec::new();
        for sql in QUESTIONS {
            let [canaries, others, nothing] = [
                observed(&worlds[0], sql).await,
                observed(&worlds[1], sql).await,
                observed(&worlds[2], sql).await,
            ];
            if canaries != others || canaries != nothing {
                differences.push(format!(
                    "{sql}\n{canaries}\n--- others\n{others}\n--- nothing\n{nothing}"
                ));
            }
            let told = CANARIES
                .into_iter()
                .find(|canary| !sql.contains(*canary) && canaries.contains(*canary));
            differences.extend(told.map(|canary| format!("{sql}: `{canary}` in\n{canaries}")));
        }
        assert!(differences.is_empty(), "{place:?}\n{}", differences.join("\n\n"));
    }
}

/// Everything that alice can see of a statement: rows or error, figures, plan.
async fn observed(world: &World, sql: &str) -> String {
    let (seen, id) = match world.run_request("alice", world.request(sql)).await {
        Ok(answer) => {
            let mut lines = answer.lines();
            if !sql.contains("ORDER BY") && !sql.contains("LIMIT") {
                lines.sort();
            }
            (format!("{}\n{}", answer.columns(), lines.join("\n")), Some(answer.id))
        }
        Err(failure) => {
            let code = failure.error.code.text();
            assert!(
                !["PLAN_INVARIANT", "INTERNAL_ERROR"].contains(&code),
                "{sql}: {:?}",
                failure.error
            );
            (format!("{code} {}", failure.error), failure.query_id)
        }
    };
    let mut shown = String::new();
    if let Some(id) = id {
        let usage = world.shown_usage("alice", &id).await;
        assert!(!usage.detailed || seen.contains("NOT_FOUND"), "{sql}: {usage:?}");
        shown = format!("{usage:?}");
    }
    let plan = world.run("alice", &format!("EXPLAIN {sql}")).await;
    let plan = plan.map_or_else(|error| format!("{} {error}", error.code.text()), |answer| answer.text());
    for secret in [
        "orders",
        "ViewExec",
        "PolicyFilter",
        "DE'",
        "legal_hold",
        ".parquet",
        "dana",
    ] {
        assert!(
            sql.contains(secret) || !plan.contains(secret),
            "{sql}: `{secret}` in\n{plan}"
        );
    }
    format!("{seen}\n{shown}\n{plan}")
}

#[tokio::test]
async fn a_failure_inside_says_that_there_was_one() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let lake = r#"
lake: fixture
views:
  lake.sales.v_bad: {sql: "SELECT id, CAST(code AS int) AS n FROM orders", security: {definer: "user:dana"}}
grants:
  - {to: "user:alice", privileges: [select], resource: "view:lake.sales.v_bad"}
"#;
    world.apply(lake, "").await;
    for sql in [
        "SELECT n FROM v_bad",
        "SELECT sum(n) FROM v_bad WHERE id < 3",
        "SELECT id FROM v_bad WHERE n > 1",
    ] {
        let error = world.refusal("alice", sql).await;
        assert_eq!(
            (error.code.text(), error.to_string().as_str()),
            ("VIEW_FAILED", "view `lake.sales.v_bad` could not be computed")
        );
    }
    // What the statement itself does wrong is told as ever.
    let own = world.refusal("alice", "SELECT 1/(id - 1) FROM v_bad").await;
    assert_eq!(own.code.text(), "DIVISION_BY_ZERO");
}

#[tokio::test]
async fn the_explained_plan_shows_one_relation() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let plan = world
        .ask("alice", "EXPLAIN SELECT id FROM v_two WHERE id > 1")
        .await
        .text();
    assert!(
        plan.contains("GovernedScanExec: relation=lake.sales.v_two, columns=[id], filters=[id > Int64(1)]"),
        "{plan}"
    );
    assert_eq!(plan.matches("relation=").count(), 1, "{plan}");
}
