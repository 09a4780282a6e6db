//! A view is decided as a whole: what ends for its definer, or in what it reads, ends for its reader, at once.

use std::time::Duration;

use lakegate_catalog::{
    change::{ChangeSet, Put},
    id::ObjectId,
    record::{QueryFilter, QueryState},
};
use lakegate_query::error::ErrorCode;
use lakegate_tests::{
    fixture::{Hidden, Place},
    world::World,
};

use super::{missing, world};

const ENDLESS: &str =
    "SELECT count(*) FROM VIEW v JOIN generate_series(1, 1000000000000) g ON g.value % 7 <> v.id + 100";

async fn is_running(world: &World) -> bool {
    let filter = QueryFilter {
        limit: 100,
        ..QueryFilter::default()
    };
    let records = world.store.list_queries(&filter).await.unwrap();
    records.iter().any(|record| record.state == QueryState::Running)
}

/// How a statement ends that would never end, if this is applied while it runs.
async fn ends(world: &World, view: &str, lake: &str, cedar: &str) -> ErrorCode {
    let sql = ENDLESS.replace("VIEW", view);
    let change = async {
        while !is_running(world).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        world.apply(lake, cedar).await;
    };
    let both = async { tokio::join!(world.run("alice", &sql), change) };
    let (outcome, ()) = tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .expect("an end");
    outcome.expect_err("an end").code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_statements_end_with_what_their_views_stand_on() {
    let grants = "lake: fixture\ngrants:\n  - {to: \"user:dana\", privileges: [select], resource: \"table:lake.sales.orders\"}\n";
    let text = "lake: fixture\nviews:\n  lake.sales.v_de: {sql: \"SELECT id, code FROM orders WHERE id < 3\", security: {definer: \"user:dana\"}}\n";
    let filter = "lake: fixture\ntables:\n  lake.sales.orders: {filters: {hold: {where: \"legal_hold IS NULL\", restrictive: true}}}\n";
    let forbid = "@id(\"stop\")\nforbid(principal == Lakegate::User::\"alice\", action == Lakegate::Action::\"SelectFiltered\", \
                  resource in Lakegate::Table::\"lake.sales.orders\");\n";
    for (what, view, lake, cedar) in [
        ("the definer may no longer lend", "v_two", grants, ""),
        ("a view below is another one", "v_two", text, ""),
        ("a filter that binds the reader changes", "v_def", filter, ""),
        ("the reader loses the base", "v_inv", "lake: fixture\n", forbid),
    ] {
        let world = world(Place::Parquet, Hidden::Canaries).await;
        assert_eq!(
            ends(&world, view, lake, cedar).await,
            ErrorCode::PolicyChanged,
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_definer_has_no_role_of_the_readers_token() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let lake = r#"
lake: fixture
roles: {lender: {}}
views:
  lake.sales.v_bob: {sql: "SELECT id FROM orders", security: {definer: "user:bob"}}
grants:
  - {to: "role:lender", privileges: [select], resource: "table:lake.sales.orders", with_grant_option: true}
  - {to: "user:alice", privileges: [select], resource: "view:lake.sales.v_bob"}
"#;
    // bob may grant what he may not read.
    let grants = "@id(\"bob.grants\")\npermit(principal == Lakegate::User::\"bob\", action == Lakegate::Action::\"Grant\", \
                  resource in Lakegate::Database::\"lake.sales\");\n";
    world.apply(lake, grants).await;
    let mut caller = world.caller("alice").await;
    let role = world
        .store
        .snapshot()
        .await
        .unwrap()
        .find_role("lender")
        .unwrap()
        .id
        .clone();
    caller.extra_roles = vec![role];
    let direct = world
        .queries
        .run(&caller, world.request("SELECT customer FROM orders"))
        .await;
    assert!(direct.is_ok(), "the role reads the table: {:?}", direct.err());
    let through = world.queries.run(&caller, world.request("SELECT id FROM v_bob")).await;
    assert_eq!(through.err().unwrap().error.code, ErrorCode::TableNotFound);
    // bob himself in the role may lend.
    world
        .apply("lake: fixture\nusers: {bob: {roles: [lender]}}\n", "")
        .await;
    assert_eq!(world.ask("alice", "SELECT count(*) FROM v_bob").await.text(), "9");
}

/// What the front doors refuse is not followed either when it stands in the store.
#[tokio::test]
async fn a_circle_in_the_store_is_not_followed() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let snapshot = world.store.snapshot().await.unwrap();
    let mut view = snapshot
        .views
        .iter()
        .find(|view| view.name == "v_two")
        .unwrap()
        .as_ref()
        .clone();
    let own: ObjectId = view.id.clone();
    for base in &mut view.body.bases {
        base.id = own.clone();
        base.columns.clear();
        base.uses.clear();
    }
    let change = ChangeSet {
        puts: vec![Put::update(&view).unwrap()],
        principal: "test".to_owned(),
        ..ChangeSet::default()
    };
    world.store.commit(change).await.unwrap();
    missing(&world, "alice", "v_two").await;
    assert_eq!(
        world.rows("alice", "SHOW TABLES").await,
        ["orders", "v_de", "v_def", "v_inv"]
    );
}

#[tokio::test]
async fn stored_rows_are_decided_again_with_what_lies_below() {
    let world = world(Place::Parquet, Hidden::Canaries).await;
    let caller = world.caller("alice").await;
    let stored = async || {
        let submitted = world
            .queries
            .submit(&caller, world.request("SELECT id FROM v_two"))
            .await
            .unwrap();
        let patience = Duration::from_secs(30);
        while !world
            .queries
            .wait(&caller, &submitted.id, patience)
            .await
            .unwrap()
            .state
            .is_final()
        {}
        submitted.id
    };
    let fetched = async |id: &str| {
        let rows = world.queries.results(&caller, id, 0, None).await;
        rows.map(drop).map_err(|error| error.code)
    };
    let id = stored().await;
    assert_eq!(fetched(&id).await, Ok(()));
    // The filter two views below is another one: the same columns, other rows.
    let lake = "lake: fixture\ntables:\n  lake.sales.orders: {filters: {hold: {where: \"legal_hold IS NULL\", restrictive: true}}}\n";
    world.apply(lake, "").await;
    assert_eq!(fetched(&id).await, Err(ErrorCode::PolicyChanged));
    assert_eq!(fetched(&stored().await).await, Ok(()));
    // Whoever else fetches them must see all of everything that lies below.
    let sue = world.caller("sue").await;
    world.apply("lake: fixture\ngrants:\n  - {to: \"user:sue\", privileges: [select], resource: \"view:lake.sales.v_def\"}\n", "").await;
    let others = world.queries.results(&sue, &stored().await, 0, None).await;
    assert!(others.is_err());
}
