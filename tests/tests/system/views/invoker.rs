//! An invoker view shows what its reader sees of what it reads.

use super::{missing, no_canary, world};
use lakegate_tests::{
    fixture::{Hidden, Place},
    sqlite,
};

#[tokio::test]
async fn rows_and_cells_are_those_of_the_reader() {
    for place in [Place::Parquet, Place::Csv, Place::Sqlite] {
        let world = world(place, Hidden::Canaries).await;
        let orders = format!("{}.orders", place.database());
        for columns in [
            "*",
            "id, ssn",
            "count(*)",
            "sum(amount), max(email)",
            "region, count(ssn)",
        ] {
            let group = if columns.starts_with("region") {
                "GROUP BY region"
            } else {
                ""
            };
            let direct = if columns == "*" {
                "id, region, ssn, email, amount, qty, code"
            } else {
                columns
            };
            let through = world
                .rows("alice", &format!("SELECT {columns} FROM v_inv {group}"))
                .await;
            let seen = world
                .rows("alice", &format!("SELECT {direct} FROM {orders} {group}"))
                .await;
            assert_eq!(through, seen, "{place:?} {columns}");
            no_canary(&through.join("\n"));
        }
        assert_eq!(world.ask("alice", "SELECT id FROM v_inv LIMIT 2").await.len(), 2);
        assert_eq!(
            world
                .ask("alice", "SELECT id FROM v_inv ORDER BY id DESC LIMIT 1")
                .await
                .text(),
            "3"
        );
        assert_eq!(
            world
                .rows("alice", "SELECT v.id FROM v_inv v JOIN v_two t ON v.id = t.id")
                .await,
            ["1"]
        );
    }
}

#[tokio::test]
async fn a_hidden_base_or_column_makes_it_missing() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    // carol may read the view, and of the table no ssn.
    missing(&world, "carol", "v_inv").await;
    // alice sees no customer.
    missing(&world, "alice", "v_all").await;
    // Nobody let rita or nobody read it; rita reads the table.
    for user in ["rita", "nobody", "bob"] {
        missing(&world, user, "v_inv").await;
    }
    missing(&world, "alice", "v_nope").await;
    // Describe alone shows that there is one; what it reads is still not told.
    let describe = r#"
lake: fixture
grants:
  - {to: "user:nobody", privileges: [describe], resource: "view:lake.sales.v_inv"}
  - {to: "user:carol", privileges: [describe], resource: "view:lake.sales.v_inv"}
"#;
    world.apply(describe, "").await;
    assert_eq!(
        world.refusal("nobody", "SELECT id FROM v_inv").await.code.text(),
        "ACCESS_DENIED"
    );
    missing(&world, "carol", "v_inv").await;
    // A column that a misspelt one is told from by nothing.
    let hidden = world.refusal("alice", "SELECT customer FROM v_inv").await;
    let none = world.refusal("alice", "SELECT custommer FROM v_inv").await;
    assert_eq!(hidden.to_string().replace("customer", "custommer"), none.to_string());
}

#[tokio::test]
async fn a_view_has_policies_of_its_own() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let lake = r#"
lake: fixture
views:
  lake.sales.v_own:
    sql: "SELECT id, region, code, qty AS amount_of FROM orders"
    filters:
      fr: {where: "region = 'FR'", columns: [id, amount_of]}
      small: {where: "id < 3", restrictive: true}
    masks:
      code: {fixed: {func: mask-to-fixed-value, rank: 10}}
grants:
  - {to: "user:alice", privileges: [select-filtered], resource: "filter:lake.sales.v_own/fr"}
  - {to: "user:alice", privileges: [select-masked], resource: "mask:lake.sales.v_own.code/fixed"}
  - {to: "user:dana", privileges: [select], resource: "view:lake.sales.v_own"}
"#;
    world.apply(lake, "").await;
    assert_eq!(world.rows("alice", "SELECT * FROM v_own").await, ["2 | XXXXXXXX | 2"]);
    assert_eq!(
        world.rows("alice", "SELECT id FROM v_own WHERE code = '20'").await,
        Vec::<String>::new()
    );
    assert_eq!(
        world.rows("dana", "SELECT id, code FROM v_own").await,
        ["1 | 10", "2 | 20"]
    );
    let hidden = world.refusal("alice", "SELECT region FROM v_own").await;
    assert_eq!(hidden.code.text(), "COLUMN_NOT_FOUND");
}

#[tokio::test]
async fn rights_that_end_end_the_view_and_its_stored_rows() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let caller = world.caller("alice").await;
    let submitted = world
        .queries
        .submit(&caller, world.request("SELECT id FROM v_inv"))
        .await
        .unwrap();
    let patience = std::time::Duration::from_secs(30);
    while !world
        .queries
        .wait(&caller, &submitted.id, patience)
        .await
        .unwrap()
        .state
        .is_final()
    {}
    let rows = world.queries.results(&caller, &submitted.id, 0, None).await;
    assert!(rows.is_ok(), "{:?}", rows.err());
    let lake = "lake: fixture\nviews:\n  lake.sales.v_inv: {sql: \"SELECT id, region, ssn, email, amount, qty, code FROM orders WHERE id < 2\"}\n";
    world.apply(lake, "").await;
    // The same columns of other rows.
    let changed = world
        .queries
        .results(&caller, &submitted.id, 0, None)
        .await
        .err()
        .unwrap();
    assert_eq!(changed.code.text(), "POLICY_CHANGED");
    assert_eq!(world.rows("alice", "SELECT id FROM v_inv").await, ["1"]);
    let forbid = "@id(\"stop\")\nforbid(principal == Lakegate::User::\"alice\", action == Lakegate::Action::\"SelectFiltered\", \
                  resource in Lakegate::Table::\"lake.sales.orders\");\n";
    world.apply("lake: fixture\n", forbid).await;
    missing(&world, "alice", "v_inv").await;
}

/// A base that its source has lost since is gone: the view answers as a missing table does, also through another view.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_that_its_source_lost_makes_it_missing() {
    let world = world(Place::Sqlite, Hidden::Canaries).await;
    sqlite::execute(&world.path("crm.sqlite"), "DROP TABLE orders").await;
    for view in ["v_inv", "v_def", "v_two"] {
        missing(&world, "alice", view).await;
    }
}
