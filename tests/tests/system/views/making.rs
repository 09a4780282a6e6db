//! A view means for ever what it meant when it was made, or it is broken.

use super::{missing, world};
use lakegate_tests::fixture::{Hidden, Place};

async fn refused(world: &lakegate_tests::world::World, view: &str) -> String {
    let lake = format!("lake: fixture\nviews:\n{view}\n");
    world.try_apply(&lake, "").await.expect_err("refused").to_string()
}

#[tokio::test]
async fn the_star_is_fixed_and_names_are_bound_to_objects() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let secret = |columns: &str| {
        format!(
            "lake: fixture\nviews:\n  lake.sales.v_secret: {{sql: \"SELECT * FROM secret\"}}\ngrants:\n  \
             - {{to: \"user:alice\", privileges: [select], resource: \"view:lake.sales.v_secret\"}}\n  \
             - {{to: \"user:alice\", privileges: [select], resource: \"table:lake.sales.secret\"}}\n\
             tables:\n  lake.sales.secret: {{format: parquet, location: \"secret/\", columns: [{columns}]}}\n"
        )
    };
    world.apply(&secret("{name: id, type: bigint}"), "").await;
    assert_eq!(world.rows("alice", "SELECT * FROM v_secret").await, ["1"]);
    // A column that comes later is no part of it.
    let again = world
        .apply(&secret("{name: id, type: bigint}, {name: more, type: varchar}"), "")
        .await;
    assert_eq!(again.counts.updated, 1, "the table only");
    assert_eq!(
        world.ask("alice", "SELECT * FROM v_secret").await.columns(),
        "id Int64?"
    );
    assert_eq!(world.rows("alice", "SELECT * FROM secret").await, ["1 | NULL"]);
    // Another type is another column.
    world
        .apply(&secret("{name: id, type: int}, {name: more, type: varchar}"), "")
        .await;
    missing(&world, "alice", "v_secret").await;
    world.apply(&secret("{name: id, type: bigint}"), "").await;
    assert_eq!(world.rows("alice", "SELECT * FROM v_secret").await, ["1"]);
}

#[tokio::test]
async fn a_base_that_is_dropped_and_made_again_is_another_one() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let own =
        "tables:\n  lake.mallory.new: {format: parquet, location: \"own/\", columns: [{name: id, type: bigint}]}\n";
    let view = "views:\n  lake.mallory.v: {sql: \"SELECT id FROM new\"}\n";
    let grants = "grants:\n  - {to: \"user:alice\", privileges: [select], resource: \"database:lake.mallory\"}\n";
    world.apply(&format!("lake: other\n{own}{view}{grants}"), "").await;
    assert_eq!(
        world.ask("alice", "SELECT count(*) FROM lake.mallory.v").await.text(),
        "2"
    );
    let prune = lakegate::lake::ApplyOptions {
        prune: true,
        ..Default::default()
    };
    world
        .apply_with(&format!("lake: other\n{view}{grants}"), "", prune)
        .await
        .unwrap();
    let gone = world.refusal("alice", "SELECT id FROM lake.mallory.v").await;
    assert_eq!(gone.to_string(), "table `lake.mallory.v` does not exist");
    world.apply(&format!("lake: other\n{own}{view}{grants}"), "").await;
    assert_eq!(
        world.ask("alice", "SELECT count(*) FROM lake.mallory.new").await.text(),
        "2"
    );
    assert_eq!(
        world
            .refusal("alice", "SELECT id FROM lake.mallory.v")
            .await
            .code
            .text(),
        "TABLE_NOT_FOUND"
    );
}

#[tokio::test]
async fn what_no_view_can_be_is_refused_with_place_and_remedy() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    for (view, expected) in [
        (
            "  lake.sales.x: {sql: \"SELECT nope FROM orders\"}",
            "column `nope` does not exist",
        ),
        (
            "  lake.sales.x: {sql: \"SELECT id FROM nothing\"}",
            "table `lake.sales.nothing` does not exist",
        ),
        ("  lake.sales.x: {sql: \"SELECT 1 + 1\"}", "has no name of its own"),
        ("  lake.sales.x: {sql: \"DROP TABLE orders\"}", "NOT_SUPPORTED"),
        (
            "  lake.sales.x: {sql: \"SELECT id FROM orders WHERE id = $1\"}",
            "a parameter in a view",
        ),
        ("  lake.sales.x: {sql: \"SELECT id FROM\"}", "CONFIGURATION_INVALID"),
        ("  lake.sales.x: {}", "lacks `sql`"),
        (
            "  lake.sales.orders: {sql: \"SELECT id FROM secret\"}",
            "exists already as a table",
        ),
        ("  crm.main.x: {sql: \"SELECT 1 AS a\"}", "shows what its source has"),
        ("  lake.sales.x: {sql: \"SELECT id FROM x\"}", "reads itself"),
        (
            "  lake.sales.x: {sql: \"SELECT id FROM y\"}\n  lake.sales.y: {sql: \"SELECT id FROM x\"}",
            "reads itself through other views",
        ),
        // v_two reads v_de, which would read v_two.
        (
            "  lake.sales.v_de: {sql: \"SELECT id, code FROM v_two\"}",
            "stands on itself",
        ),
        (
            "  lake.sales.x: {sql: \"SELECT 1 AS a\", security: {definer: \"user:zoe\"}}",
            "user `zoe` does not exist",
        ),
        (
            "  lake.sales.x: {sql: \"SELECT 1 AS a\", columns: [{name: b, tags: {pii: ssn}}]}",
            "has no column `b`",
        ),
    ] {
        let told = refused(&world, view).await;
        assert!(told.contains(expected) && told.contains("lake.yaml:"), "{view}\n{told}");
    }
    let mut tower = String::new();
    for floor in 0..11 {
        let base = if floor == 0 {
            "secret".to_owned()
        } else {
            format!("t{}", floor - 1)
        };
        tower.push_str(&format!("  lake.sales.t{floor}: {{sql: \"SELECT id FROM {base}\"}}\n"));
    }
    assert!(
        refused(&world, &tower).await.contains("more than 10 views"),
        "eleven floors"
    );
    let ten = tower.lines().take(10).collect::<Vec<_>>().join("\n");
    world.apply(&format!("lake: fixture\nviews:\n{ten}\n"), "").await;
    let grants =
        "lake: fixture\ngrants:\n  - {to: \"user:sue\", privileges: [select], resource: \"database:lake.sales\"}\n";
    world.apply(grants, "").await;
    assert_eq!(world.rows("sue", "SELECT id FROM t9").await, ["1"]);
}

#[tokio::test]
async fn tags_follow_the_values() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let columns =
        "{name: id, type: bigint}, {name: ssn, type: varchar, tags: {pii: ssn}}, {name: region, type: varchar}";
    let lake = format!(
        r#"
lake: fixture
tags:
  domain: {{values: [hr, sales]}}
tables:
  lake.sales.people: {{format: parquet, location: "orders/", columns: [{columns}], tags: {{domain: hr}}}}
  lake.sales.sold: {{format: parquet, location: "orders/", columns: [{{name: id, type: bigint}}], tags: {{domain: sales}}}}
views:
  lake.sales.v_tags: {{sql: "SELECT id, upper(region || ssn) AS mixed, region FROM people"}}
  lake.sales.v_low: {{sql: "SELECT id, mixed AS low FROM v_tags", columns: [{{name: low, tags: {{pii: none}}}}]}}
grants:
  - {{to: "user:sue", privileges: [select], resource: "database:lake.sales"}}
"#
    );
    let forbid = "@id(\"pii\")\nforbid(principal, action == Lakegate::Action::\"Select\", resource is Lakegate::Column) when { \
                  resource.hasTag(\"pii\") && resource.getTag(\"pii\") != \"none\" && resource.name != \"ssn\" };\n";
    world.apply(&lake, forbid).await;
    assert_eq!(
        world.ask("sue", "SELECT * FROM v_tags LIMIT 0").await.columns(),
        "id Int64?, region Utf8?"
    );
    // `v_low` reads what sue may not see in `v_tags`.
    missing(&world, "sue", "v_low").await;
    let both = "  lake.sales.v_both: {sql: \"SELECT p.id + s.id AS total FROM people p JOIN sold s ON p.id = s.id\"}";
    let told = refused(&world, both).await;
    assert!(
        told.contains("column `total`") && told.contains("different values of tag `domain`"),
        "{told}"
    );
    let said = both.replace("\"}", "\", columns: [{name: total, tags: {domain: sales}}]}");
    world.apply(&format!("lake: fixture\nviews:\n{said}\n"), "").await;
    assert_eq!(
        world
            .ask("sue", "SELECT count(total) FROM v_both WHERE total = 2")
            .await
            .text(),
        "1"
    );
}
