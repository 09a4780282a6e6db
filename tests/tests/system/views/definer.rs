//! A definer view lends the rights of its definer, as long as they may be lent, to whoever may read the view.

use super::{missing, no_canary, world};
use lakegate_tests::fixture::{Hidden, Place};

#[tokio::test]
async fn it_lends_the_definers_rights_but_not_what_binds_everybody() {
    for place in [Place::Parquet, Place::Sqlite] {
        let world = world(place, Hidden::Canaries).await;
        // E2: all but 900003, which the restrictive filter hides from alice, though not from dana.
        let ids = world.rows("alice", "SELECT id FROM v_def").await;
        assert_eq!(
            ids,
            [
                "1", "2", "3", "900001", "900002", "900004", "900005", "900006", "900007"
            ],
            "{place:?}"
        );
        assert_eq!(
            world.rows("alice", "SELECT customer FROM v_def WHERE id = 1").await,
            ["Ann"]
        );
        assert_eq!(world.ask("dana", "SELECT count(*) FROM v_def").await.text(), "10");
        assert_eq!(world.rows("alice", "SELECT id FROM v_de").await, ["1", "3"]);
        assert_eq!(
            world.rows("alice", "SELECT ssn FROM v_de WHERE id = 3").await,
            ["333-44-5555"]
        );
        for user in ["carol", "bob", "nobody"] {
            missing(&world, user, "v_def").await;
        }
    }
}

#[tokio::test]
async fn a_filter_that_reads_the_principal_binds_definer_and_reader_each_for_themselves() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let lake = r#"
lake: fixture
users:
  dana: {attributes: {dept: [DE, FR]}}
  alice: {attributes: {dept: [FR, US]}}
tables:
  lake.sales.orders:
    filters:
      mine: {where: "region IN principal.tag('dept')", restrictive: true}
"#;
    world.apply(lake, "").await;
    assert_eq!(world.rows("alice", "SELECT id FROM v_def").await, ["2"]);
}

#[tokio::test]
async fn it_is_gone_when_the_definer_may_not_lend() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let grant = |option: &str| {
        format!(
            "lake: fixture\ngrants:\n  - {{to: \"user:dana\", privileges: [select], resource: \"table:lake.sales.orders\", {option}}}\n"
        )
    };
    world.apply(&grant("with_grant_option: false"), "").await;
    missing(&world, "alice", "v_def").await;
    missing(&world, "alice", "v_two").await;
    assert_eq!(world.ask("dana", "SELECT count(*) FROM orders").await.text(), "10");
    world
        .apply(&grant("with_grant_option: true, expires: \"2020-01-01T00:00:00Z\""), "")
        .await;
    missing(&world, "alice", "v_def").await;
    // What may be read without that end may not be lent.
    let wide =
        "lake: fixture\ngrants:\n  - {to: \"user:dana\", privileges: [select], resource: \"database:lake.sales\"}\n";
    world.apply(wide, "").await;
    assert_eq!(world.ask("dana", "SELECT count(*) FROM orders").await.text(), "10");
    missing(&world, "alice", "v_def").await;
    // Whom a policy lets grant it may lend it.
    let steward = "@id(\"steward\")\npermit(principal == Lakegate::User::\"dana\", action == Lakegate::Action::\"Grant\", resource in \
                   Lakegate::Database::\"lake.sales\") when { context.privilege == \"Select\" };\n";
    world.apply(&grant("with_grant_option: false"), steward).await;
    assert_eq!(world.ask("alice", "SELECT count(*) FROM v_def").await.text(), "9");
    let forbid = "@id(\"stop\")\nforbid(principal == Lakegate::User::\"dana\", action == Lakegate::Action::\"Select\", resource in \
                  Lakegate::Table::\"lake.sales.orders\");\n";
    world.apply("lake: fixture\n", forbid).await;
    missing(&world, "alice", "v_def").await;
}

#[tokio::test]
async fn what_it_reads_on_the_way_must_be_lendable_too() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let lake = r#"
lake: fixture
views:
  lake.sales.v_over: {sql: "SELECT id FROM v_inv", security: {definer: "user:dana"}}
  lake.sales.v_more: {sql: "SELECT id FROM v_over"}
grants:
  - {to: "user:dana", privileges: [select], resource: "view:lake.sales.v_inv"}
  - {to: "user:alice", privileges: [select], resource: "view:lake.sales.v_over"}
  - {to: "user:alice", privileges: [select], resource: "view:lake.sales.v_more"}
"#;
    world.apply(lake, "").await;
    // dana may read v_inv and lend orders, but not lend v_inv.
    missing(&world, "alice", "v_over").await;
    missing(&world, "alice", "v_more").await;
    let lend = "lake: fixture\ngrants:\n  - {to: \"user:dana\", privileges: [select], resource: \"view:lake.sales.v_inv\", \
                with_grant_option: true}\n";
    world.apply(lend, "").await;
    assert_eq!(world.ask("alice", "SELECT count(*) FROM v_more").await.text(), "9");
    // And the same below: v_inv reads orders with dana's rights.
    let take = "lake: fixture\ngrants:\n  - {to: \"user:dana\", privileges: [select], resource: \"table:lake.sales.orders\"}\n";
    world.apply(take, "").await;
    missing(&world, "alice", "v_more").await;
}

#[tokio::test]
async fn policies_see_the_definer_the_view_and_the_callers_circumstances() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let only = |view: &str| {
        format!(
            "@id(\"via\")\nforbid(principal == Lakegate::User::\"dana\", action == Lakegate::Action::\"Select\", resource == \
             Lakegate::Table::\"lake.sales.orders\") unless {{ context has via_view && context.via_view == Lakegate::View::\"lake.sales.{view}\" \
             && context.client == \"internal\" }};\n"
        )
    };
    world.apply("lake: fixture\n", &only("v_def")).await;
    missing(&world, "dana", "orders").await;
    assert_eq!(world.ask("alice", "SELECT count(*) FROM v_def").await.text(), "9");
    world.apply("lake: fixture\n", &only("v_de")).await;
    missing(&world, "alice", "v_def").await;
    assert_eq!(world.ask("alice", "SELECT count(*) FROM v_de").await.text(), "2");
}

/// The ledger has what was read; the caller is shown a rounded figure, whatever `ReadStats` the definer or the caller has.
#[tokio::test]
async fn what_it_reads_is_metered_and_not_told() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let stats = r#"
lake: fixture
grants:
  - {to: "user:dana", privileges: [read-stats], resource: "table:lake.sales.orders"}
  - {to: "user:alice", privileges: [read-stats], resource: "view:lake.sales.v_def"}
"#;
    world.apply(stats, "").await;
    let answer = world.ask("alice", "SELECT count(*), max(customer) FROM v_def").await;
    let kept = world.record(&answer.id).await.usage;
    assert!(
        kept.scanned_bytes > 0 && kept.by_connection.contains_key("files"),
        "{kept:?}"
    );
    let shown = world.shown_usage("alice", &answer.id).await;
    assert!(!shown.detailed, "{shown:?}");
    assert_eq!(shown.shown_scanned_bytes, 1_048_576);
    // So where no filter binds anybody: it is the view that hides.
    let plain = r#"
lake: fixture
views:
  lake.sales.v_plain: {sql: "SELECT id FROM secret WHERE id > 9", security: {definer: "user:dana"}}
grants:
  - {to: "user:dana", privileges: [select], resource: "table:lake.sales.secret", with_grant_option: true}
  - {to: "user:alice", privileges: [select], resource: "view:lake.sales.v_plain"}
"#;
    world.apply(plain, "").await;
    let answer = world.ask("alice", "SELECT * FROM v_plain").await;
    let shown = world.shown_usage("alice", &answer.id).await;
    assert!(!shown.detailed && answer.is_empty(), "{shown:?}");
    assert_eq!(shown.shown_scanned_bytes, 1_048_576);
}

#[tokio::test]
async fn every_relation_on_the_way_is_audited() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let answer = world.ask("alice", "SELECT id FROM v_two").await;
    let events: Vec<_> = world
        .audit()
        .await
        .into_iter()
        .filter(|event| event.query_id.as_ref() == Some(&answer.id))
        .collect();
    let attempts: Vec<_> = events.iter().filter(|event| event.kind == "query.attempt").collect();
    let mut told: Vec<String> = attempts
        .iter()
        .map(|event| {
            let detail = |key: &str| event.details.get(key).cloned().unwrap_or_default();
            assert_eq!(event.principal, "alice");
            let via = if detail("via_view").is_empty() { "" } else { "lent" };
            format!("{} {} {} {}", event.resource, detail("view"), detail("rights_of"), via)
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "table:lake.sales.orders lake.sales.v_de@1 dana lent",
            "view:lake.sales.v_de lake.sales.v_two@1 alice ",
            "view:lake.sales.v_two   ",
        ]
    );
    let base = attempts
        .iter()
        .find(|event| event.resource == "table:lake.sales.orders")
        .unwrap();
    assert_eq!(base.restrictive, ["orders#hold@1"], "the filter binds alice");
    missing(&world, "alice", "v_all").await;
    let denied: Vec<_> = world
        .audit()
        .await
        .into_iter()
        .filter(|event| event.decision == "deny")
        .collect();
    assert!(
        denied.iter().any(|event| event.details.contains_key("broken")),
        "{denied:?}"
    );
    no_canary(&format!("{events:?}"));
}
