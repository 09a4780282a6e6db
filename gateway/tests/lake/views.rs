//! Are views declared, exported and changed by those who may – and by nobody with rights that they were not lent?

use lakegate::lake::{self, Applier, ApplyOptions, ExportOptions};
use lakegate_catalog::relation::ViewSecurity;

use super::fixture::{Fixture, changed, problems};

const LAKE: &str = r#"
lake: acme
connections: {store: {connector: files, options: {root: "s3://acme/"}}}
catalogs: {lake: {connection: store, default: true}}
databases: {lake.sales: {location: "sales/"}}
tags: {pii: {values: [none, ssn], ordered: true}}
tables:
  lake.sales.orders: {format: parquet, location: "orders/", columns: [{name: id, type: bigint}, {name: ssn, type: varchar, tags: {pii: ssn}}]}
  lake.sales.hidden: {format: parquet, location: "hidden/", columns: [{name: id, type: bigint}]}
views:
  lake.sales.top: {sql: "SELECT id, low FROM middle"}
  lake.sales.middle:
    sql: "SELECT id, lower(ssn) AS low FROM orders"
    security: {definer: "user:dana"}
    columns: [{name: low, comment: "in small letters"}]
    comment: "what dana lends"
    filters: {few: {where: "id < 10", except: [low]}}
    masks: {low: {last4: {func: show-last-4, rank: 10}}}
roles: {makers: {}}
users: {dana: {}, eve: {roles: [makers]}, ana: {}}
grants:
  - {to: "role:makers", privileges: [create-view], resource: "database:lake.sales"}
  - {to: "role:makers", privileges: [alter, drop, describe], resource: "view:lake.sales.middle"}
  - {to: "role:makers", privileges: [describe], resource: "table:lake.sales.orders"}
  - {to: "user:ana", privileges: [describe], resource: "view:lake.sales.top"}
  - {to: "user:ana", privileges: [select-filtered], resource: "filter:lake.sales.middle/few"}
  - {to: "user:ana", privileges: [select-masked], resource: "mask:lake.sales.middle.low/last4"}
"#;

async fn made() -> Fixture {
    let fixture = Fixture::new().await;
    fixture
        .apply(&[("a.yaml", LAKE)])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    fixture
}

#[tokio::test]
async fn views_come_back_whole_and_go_when_they_are_no_longer_named() {
    let fixture = made().await;
    let again = fixture.apply(&[("a.yaml", LAKE)]).await.unwrap();
    assert!(again.is_unchanged(), "{:#?}", changed(&again));
    let exported = fixture.round_trip("acme").await;
    for part in [
        "definer: \"user:dana\"",
        "in small letters",
        "few:",
        "last4:",
        "view:lake.sales.top",
    ] {
        assert!(exported.contains(part), "{part}: {exported}");
    }
    let view = |snapshot: &lakegate_catalog::snapshot::Snapshot| {
        let views = snapshot.views.iter();
        views.map(|view| (view.name.clone(), view.version)).collect::<Vec<_>>()
    };
    // A comment is no reason to settle the text anew.
    let before = fixture.snapshot().await;
    let commented = LAKE.replace("what dana lends", "lent");
    let report = fixture.apply(&[("a.yaml", &commented)]).await.unwrap();
    assert_eq!(changed(&report), ["updated view lake.sales.middle comment"]);
    let after = fixture.snapshot().await;
    assert_eq!(view(&after), [("middle".to_owned(), 2), ("top".to_owned(), 1)]);
    assert_eq!(before.views[0].body.bases, after.views[0].body.bases);
    assert_eq!(before.views[0].body.columns[0].id, after.views[0].body.columns[0].id);
    let definer = problems(
        fixture
            .apply_with(&[("a.yaml", &LAKE.replace("dana: {}, ", ""))], prune())
            .await,
    );
    assert!(definer.iter().any(|problem| problem.contains("dana")), "{definer:?}");
    let without: String = LAKE
        .lines()
        .filter(|line| !line.contains("lake.sales.top"))
        .map(|line| format!("{line}\n"))
        .collect();
    let report = fixture.apply_with(&[("a.yaml", &without)], prune()).await.unwrap();
    assert!(
        changed(&report).contains(&"deleted view lake.sales.top ".to_owned()),
        "{:?}",
        changed(&report)
    );
}

fn prune() -> ApplyOptions {
    ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    }
}

#[tokio::test]
async fn nobody_reads_with_rights_that_they_were_not_lent() {
    let fixture = made().await;
    let entry = |name: &str, sql: &str, security: &str| {
        format!("lake: acme\nviews:\n  lake.sales.{name}: {{sql: \"{sql}\", security: {security}, comment: c}}\n")
    };
    let same = "SELECT id, lower(ssn) AS low FROM orders";
    let dana = "{definer: \"user:dana\"}";
    let denied = |view: &str| format!("ACCESS_DENIED you may not change view `lake.sales.{view}`");
    // eve may alter the view, not what it reads with dana's rights.
    for (name, sql, security) in [
        ("middle", "SELECT id, ssn AS low FROM orders", dana),
        ("new", "SELECT id FROM orders", dana),
        // A user that is not there is refused as one who is.
        ("new", "SELECT id FROM orders", "{definer: \"user:zoe\"}"),
        ("middle", same, "{definer: \"user:ana\"}"),
    ] {
        let found = problems(
            fixture
                .apply_as("eve", &[("a.yaml", &entry(name, sql, security))])
                .await,
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with(&denied(name)), "{name} {sql} {security}: {found:?}");
    }
    assert_eq!(fixture.snapshot().await.views.len(), 2);
    // Her own rights, and those of whoever reads, are hers to lend.
    for (name, security) in [("own", "{definer: \"user:eve\"}"), ("plain", "invoker")] {
        let lake = entry(name, "SELECT id FROM orders", security);
        fixture
            .apply_as("eve", &[("a.yaml", &lake)])
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }
    fixture
        .apply_as("eve", &[("a.yaml", &entry("middle", same, dana))])
        .await
        .unwrap();
    let snapshot = fixture.snapshot().await;
    let middle = snapshot.views.iter().find(|view| view.name == "middle").unwrap();
    assert_eq!(middle.body.comment.as_deref(), Some("c"));
    assert!(matches!(middle.body.security, ViewSecurity::Definer(_)));
    // Filters and masks of a view belong to the policies.
    let filter = "lake: acme\nviews:\n  lake.sales.plain: {sql: \"SELECT id FROM orders\", comment: c, filters: {all: {where: \"TRUE\"}}}\n";
    let found = problems(fixture.apply_as("eve", &[("a.yaml", filter)]).await);
    assert!(
        found[0].contains("ACCESS_DENIED you may not change data-filter"),
        "{found:?}"
    );
    // What a view of dana's rights reads is read with them, too.
    let plain = entry("plain", "SELECT id FROM orders", "invoker");
    let grants =
        "grants:\n  - {to: \"role:makers\", privileges: [alter, describe], resource: \"view:lake.sales.plain\"}\n";
    let over = entry("over", "SELECT id FROM plain", dana) + grants;
    fixture.apply(&[("a.yaml", &over)]).await.unwrap();
    let other = entry("plain", "SELECT id FROM lake.sales.orders WHERE id > 0", "invoker");
    let found = problems(fixture.apply_as("eve", &[("a.yaml", &other)]).await);
    assert!(found[0].ends_with(&denied("plain")), "{found:?}");
    fixture.apply_as("eve", &[("a.yaml", &plain)]).await.unwrap();
    // The administrator manages the policies.
    let lake = entry("middle", "SELECT id, ssn AS low FROM lake.sales.orders", dana);
    fixture
        .apply_as("admin", &[("a.yaml", &lake)])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn names_resolve_as_the_applier_sees_them() {
    let fixture = made().await;
    let lake = |base: &str| format!("lake: acme\nviews:\n  lake.sales.new: {{sql: \"SELECT id FROM {base}\"}}\n");
    let told = async |base: &str| problems(fixture.apply_as("eve", &[("a.yaml", &lake(base))]).await).join("\n");
    let (hidden, nothing) = (told("hidden").await, told("nothing").await);
    assert!(
        nothing.contains("table `lake.sales.nothing` does not exist"),
        "{nothing}"
    );
    assert_eq!(hidden.replace("hidden", "nothing"), nothing);
    // A view that she may not see, and one of its columns.
    let top = told("top").await;
    assert_eq!(top.replace("top", "nothing"), nothing);
}

#[tokio::test]
async fn a_view_is_exported_for_who_may_know_its_text() {
    let fixture = made().await;
    let text = async |user: &str| {
        let (caller, governor) = fixture.caller(user).await;
        let options = ExportOptions {
            lake: Some("acme".to_owned()),
            ..ExportOptions::default()
        };
        let exported = lake::export(&fixture.store, Some((&caller, &governor)), &options).await;
        exported.map(|exported| exported.yaml).unwrap_or_default()
    };
    let eve = text("eve").await;
    assert!(eve.contains("lower(ssn)") && !eve.contains("FROM middle"), "{eve}");
    let ana = text("ana").await;
    assert!(!ana.contains("SELECT"), "{ana}");
    let by = Applier::Operator;
    assert_eq!(by.name(), "bootstrap");
}
