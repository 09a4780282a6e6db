//! Does a view show what its reader may see of it, through the rights that it reads with, and nothing behind it?
//!
//! governance.md §3 "Views", §6 and the cases D3, E2, E3. Whatever is hidden is full of canaries; the outcomes of two worlds that
//! differ only behind the view must be the same bytes.

use lakegate_tests::{
    fixture::{self, CANARIES, Hidden, Place},
    world::World,
};

mod barrier;
mod definer;
mod ending;
mod invoker;
mod limits;
mod making;
mod metadata;

/// Views over the fixture's `orders`, and who may read them. dana lends what she may pass on.
const VIEWS: &str = r#"
lake: fixture
tags:
  pii: {values: [none, email, ssn], ordered: true}
views:
  lake.sales.v_inv: {sql: "SELECT id, region, ssn, email, amount, qty, code FROM orders"}
  lake.sales.v_all: {sql: "SELECT * FROM orders"}
  lake.sales.v_def: {sql: "SELECT * FROM orders", security: {definer: "user:dana"}}
  lake.sales.v_de: {sql: "SELECT id, region, qty, code, note, ssn FROM orders WHERE region = 'DE' AND id < 900000", security: {definer: "user:dana"}}
  lake.sales.v_two: {sql: "SELECT id, code FROM v_de WHERE id < 3"}
grants:
  - {to: "user:dana", privileges: [select], resource: "table:ORDERS", with_grant_option: true}
  - {to: "user:dana", privileges: [select], resource: "view:lake.sales.v_de", with_grant_option: true}
  - {to: "user:alice", privileges: [select], resource: "view:lake.sales.v_inv"}
  - {to: "user:alice", privileges: [select], resource: "view:lake.sales.v_all"}
  - {to: "user:alice", privileges: [select], resource: "view:lake.sales.v_def"}
  - {to: "user:alice", privileges: [select], resource: "view:lake.sales.v_de"}
  - {to: "user:alice", privileges: [select], resource: "view:lake.sales.v_two"}
  - {to: "user:carol", privileges: [select], resource: "view:lake.sales.v_inv"}
  - {to: "user:dana", privileges: [select], resource: "view:lake.sales.v_def"}
"#;

async fn world(place: Place, hidden: Hidden) -> World {
    let mut world = fixture::world(place, hidden).await;
    world.set_defaults("lake", "sales");
    let orders = format!("{}.orders", place.database());
    let lake = VIEWS
        .replace("ORDERS", &orders)
        .replace("FROM orders", &format!("FROM {orders}"));
    world.apply(&lake, "").await;
    world
}

/// What is told of a relation that nobody made.
async fn missing(world: &World, user: &str, name: &str) {
    let refusal = world.refusal(user, &format!("SELECT id FROM {name}")).await;
    assert_eq!(refusal.code.text(), "TABLE_NOT_FOUND", "{user}: {refusal:?}");
    assert_eq!(
        refusal.to_string(),
        format!("table `lake.sales.{name}` does not exist"),
        "{user}"
    );
    assert_eq!(refusal.location, None);
}

fn no_canary(text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "`{canary}` in {text}");
    }
}
