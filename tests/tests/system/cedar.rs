//! Do row filters in Cedar show what the same filters in SQL show, over every source? (governance.md §4.2)

use lakegate_tests::{
    fixture::{self, CANARIES, Hidden, Place},
    world::World,
};

const PEOPLE: &[&str] = &["alice", "carol", "dana", "empty", "nobody", "right", "sly", "tagless"];

const STATEMENTS: &[&str] = &[
    "SELECT * FROM orders ORDER BY id",
    "SELECT count(*) FROM orders",
    "SELECT id FROM orders WHERE id > 1 ORDER BY id",
    "SELECT id FROM orders ORDER BY id LIMIT 1 OFFSET 1",
    "SELECT a.id FROM orders a JOIN orders b ON a.id = b.id ORDER BY a.id",
    "SELECT id FROM orders WHERE 1/qty > 0",
    "SELECT CAST(code AS int) FROM orders ORDER BY 1",
    "EXPLAIN SELECT id FROM orders WHERE id = 1",
];

async fn answers(world: &World, who: &str) -> Vec<Result<Vec<String>, (&'static str, String)>> {
    let mut answers = Vec::new();
    for sql in STATEMENTS {
        answers.push(world.outcome(who, sql).await);
    }
    answers
}

/// Permissive and restrictive filters, cells, and what an attribute of the caller says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_in_cedar_show_what_filters_in_sql_show() {
    for place in Place::ALL {
        let (sql, cedar) = (
            fixture::world(place, Hidden::Canaries).await,
            fixture::cedar_world(place, Hidden::Canaries).await,
        );
        for who in PEOPLE {
            assert_eq!(answers(&cedar, who).await, answers(&sql, who).await, "{place:?} {who}");
        }
        let rows = cedar.rows("alice", "SELECT id FROM orders ORDER BY id").await;
        assert_eq!(rows, ["1", "2", "3"], "{place:?}");
        let rows = cedar.rows("right", "SELECT count(*) FROM orders").await;
        assert_eq!(rows, ["8"], "{place:?}: all of t1 but the one on hold");
    }
}

/// P3 for filters in Cedar: other hidden rows, or none, change no byte of an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_hidden_by_cedar_is_observable() {
    for place in Place::ALL {
        let mut seen = Vec::new();
        for hidden in [Hidden::Canaries, Hidden::Others, Hidden::Nothing] {
            let world = fixture::cedar_world(place, hidden).await;
            seen.push(answers(&world, "alice").await);
        }
        assert_eq!(seen[0], seen[1], "{place:?}");
        assert_eq!(seen[0], seen[2], "{place:?}");
        let text = format!("{:?}", seen[0]);
        assert!(CANARIES.iter().all(|canary| !text.contains(canary)), "{text}");
    }
}

/// The text of a body, its ids and its constants stay inside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_shows_nothing_of_a_body() {
    let world = fixture::cedar_world(Place::Parquet, Hidden::Canaries).await;
    for sql in ["EXPLAIN SELECT id FROM orders", "EXPLAIN VERBOSE SELECT id FROM orders"] {
        let shown = format!("{:?}", world.outcome("alice", sql).await);
        for inside in ["legal_hold", "'FR'", "lakegate_cedar", "hasTag"] {
            assert!(!shown.contains(inside), "{inside}: {shown}");
        }
    }
}

const OWN: &str = r#"
lake: own
connections:
  files: {connector: files, options: {root: "./data"}}
catalogs:
  lake: {connection: files, default: true}
databases:
  lake.t: {location: "t/"}
roles:
  staff: {}
  inner: {}
users:
  eve: {roles: [staff]}
tables:
  lake.t.x: {format: parquet, location: "x/", columns: [{name: id, type: bigint}, {name: region, type: varchar}, {name: score, type: double}], filters: {f: {BODY}}}
grants:
  - {to: "user:eve", privileges: [select-filtered], resource: "filter:lake.t.x/f"}
"#;

async fn own() -> World {
    let mut world = World::new().await;
    lakegate_tests::files::parquet(
        &world.path("data/t/x/a.parquet"),
        "id bigint, region varchar, score double",
        "1,DE,0.5\n9223372036854775807,US,0.5",
    );
    world.set_defaults("lake", "t");
    world
}

/// A name is bound when the filter is stored: what is later made under that name is another thing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_is_gone_closes_the_table() {
    let world = own().await;
    let body = r#"cedar: 'when { resource.n.hasTag("id") } unless { principal in Lakegate::Role::"inner" }'"#;
    let lake = OWN.replace("BODY", body);
    world.apply(&lake, "").await;
    assert_eq!(world.rows("eve", "SELECT count(*) FROM x").await, ["2"]);
    // Applied again: nothing changes.
    let again = world.apply(&lake, "").await;
    assert!(
        again
            .changes
            .iter()
            .all(|change| change.change == lakegate::lake::ChangeKind::Unchanged)
    );
    let without = lake.replace("  inner: {}\n", "");
    let prune = lakegate::lake::ApplyOptions {
        prune: true,
        ..Default::default()
    };
    let dropped = without.replace(body, r#"where: "TRUE""#);
    assert_ne!(dropped, without);
    // As long as the filter names it the role cannot be told from a new one of its name: it denies.
    let snapshot = world.store.snapshot().await.unwrap();
    let role = std::sync::Arc::clone(snapshot.find_role("inner").unwrap());
    let change = lakegate_catalog::change::ChangeSet {
        deletes: vec![lakegate_catalog::change::Delete::of(&role)],
        principal: "test".to_owned(),
        ..Default::default()
    };
    world.store.commit(change).await.unwrap();
    let refusal = world.refusal("eve", "SELECT count(*) FROM x").await;
    assert!(!refusal.to_string().contains("inner"), "{refusal}");
    world.apply_with(&dropped, "", prune).await.unwrap();
    assert_eq!(world.rows("eve", "SELECT count(*) FROM x").await, ["2"]);
}

/// Every problem of a body has its line and column, and nothing is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_with_problems_is_not_stored() {
    let world = own().await;
    for (body, expected) in [
        (
            r#"cedar: 'when { resource.s.hasTag("regoin") }'"#,
            "line 1, column 8: column `regoin` does not exist",
        ),
        (
            r#"cedar: 'when { resource.n.hasTag("score") }'"#,
            "is double, a type that Cedar does not have",
        ),
        (
            r#"cedar: 'when { principal in Lakegate::Role::"nobody" }'"#,
            "unknown name `nobody` of type `Role`",
        ),
        (
            r#"cedar: 'when { true }', where: "TRUE""#,
            "has both `where` and `cedar`",
        ),
        ("restrictive: true", "lacks `where`"),
    ] {
        let error = world.try_apply(&OWN.replace("BODY", body), "").await.unwrap_err();
        assert!(error.to_string().contains(expected), "{body}: {error}");
        assert!(world.store.snapshot().await.unwrap().data_filters.is_empty());
    }
}
