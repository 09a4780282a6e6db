//! Do single routes go through the same checks, with `ETag`s and merge patches?

use lakegate::lake::{Applier, Precondition, ProblemCode, resource};
use lakegate_catalog::object::Kind;
use serde_json::json;

use super::fixture::Fixture;

const LAKE: &str = "lake: acme\nusers: {eve: {}}\nconnections: {store: {connector: files, options: {root: \"s3://b/\"}}}\ncatalogs: {lake: {connection: store}}\n\
    databases: {lake.sales: {}}\ntables:\n  lake.sales.orders: {format: parquet, location: \"orders/\", columns: [{name: id, type: bigint}, {name: ssn, type: varchar}]}\n";

#[tokio::test]
async fn an_entry_is_made_patched_and_deleted() {
    let fixture = Fixture::new().await;
    fixture.apply(&[("a.yaml", LAKE)]).await.unwrap();
    let (caller, governor) = fixture.caller("admin").await;
    let cx = fixture.context(Applier::Caller {
        caller: &caller,
        governor: &governor,
    });
    let name = "lake.sales.orders.ssn/last4";
    let mask = json!({"func": "show-last-4", "rank": 10});
    let made = resource::put_entry(&cx, Kind::ColumnMask, name, mask.clone(), Precondition::Create)
        .await
        .unwrap();
    assert_eq!(
        (made.name.as_str(), made.version, &made.body["rank"]),
        (name, 1, &json!(10))
    );
    let again = resource::put_entry(&cx, Kind::ColumnMask, name, mask, Precondition::Create)
        .await
        .unwrap_err();
    assert_eq!(again.code(), ProblemCode::AlreadyExists);
    let patched = resource::patch_entry(&cx, Kind::ColumnMask, name, &json!({"rank": 5}), 1)
        .await
        .unwrap();
    assert_eq!(
        (patched.version, &patched.body["rank"], &patched.body["func"]),
        (2, &json!(5), &json!("show-last-4"))
    );
    let stale = resource::patch_entry(&cx, Kind::ColumnMask, name, &json!({"rank": 6}), 1)
        .await
        .unwrap_err();
    assert_eq!(stale.code(), ProblemCode::StaleVersion);
    let wrong = resource::patch_entry(&cx, Kind::ColumnMask, name, &json!({"rnk": 6}), 2)
        .await
        .unwrap_err();
    assert!(wrong.to_string().contains("did you mean `rank`?"), "{wrong}");
    resource::delete_entry(&cx, Kind::ColumnMask, name, 2).await.unwrap();
    assert!(fixture.snapshot().await.column_masks.is_empty());
    let filter = json!({"where": "id > 1", "except": ["ssn"]});
    resource::put_entry(
        &cx,
        Kind::DataFilter,
        "lake.sales.orders/f",
        filter,
        Precondition::Create,
    )
    .await
    .unwrap();
    let used = resource::delete_entry(&cx, Kind::Database, "lake.sales", 1)
        .await
        .unwrap_err();
    assert!(used.to_string().contains("still used by"), "{used}");
    resource::delete_entry(&cx, Kind::Table, "lake.sales.orders", 1)
        .await
        .unwrap();
    assert!(fixture.snapshot().await.data_filters.is_empty());
}

/// The two languages of a filter are two members of its entry, of which there is one.
#[tokio::test]
async fn a_filter_is_written_in_one_language() {
    let fixture = Fixture::new().await;
    fixture.apply(&[("a.yaml", LAKE)]).await.unwrap();
    let cx = fixture.context(Applier::Operator);
    let name = "lake.sales.orders/f";
    let cedar = json!({"cedar": "when { resource.n.hasTag(\"id\") && resource.n.getTag(\"id\") > 1 }"});
    let put = |entry| resource::put_entry(&cx, Kind::DataFilter, name, entry, Precondition::Create);
    for (wrong, expected) in [
        (
            json!({"cedar": "when { true }", "where": "TRUE"}),
            "has both `where` and `cedar`",
        ),
        (json!({"restrictive": true}), "lacks `where`"),
        (
            json!({"cedar": "when { resource.n.hasTag(\"ids\") }"}),
            "line 1, column 8: column `ids` does not exist",
        ),
    ] {
        let refusal = put(wrong).await.unwrap_err();
        assert!(refusal.to_string().contains(expected), "{refusal}");
    }
    let made = put(cedar).await.unwrap();
    assert!(made.body.get("where").is_none() && made.body["cedar"].is_string());
    let stored = &fixture.snapshot().await.data_filters[0];
    assert_eq!(stored.body.reads[0].name, "id");
    let patch = json!({"where": "id > 1"});
    let refusal = resource::patch_entry(&cx, Kind::DataFilter, name, &patch, 1)
        .await
        .unwrap_err();
    assert!(refusal.to_string().contains("has both"), "{refusal}");
    let patch = json!({"where": "id > 1", "cedar": null});
    let patched = resource::patch_entry(&cx, Kind::DataFilter, name, &patch, 1)
        .await
        .unwrap();
    assert_eq!(
        (patched.body["where"].as_str(), patched.body.get("cedar")),
        (Some("id > 1"), None)
    );
    assert!(fixture.snapshot().await.data_filters[0].body.resolved.is_none());
}

#[tokio::test]
async fn every_kind_has_a_view_that_is_an_entry_again() {
    let fixture = Fixture::new().await;
    fixture.apply(&[("a.yaml", LAKE)]).await.unwrap();
    let cx = fixture.context(Applier::Operator);
    for (kind, name, entry) in [
        (Kind::Role, "crew", json!({"member_of": ["admin"]})),
        (Kind::User, "bob", json!({"roles": ["crew"], "kind": "service"})),
        (Kind::Workgroup, "etl", json!({"concurrency": 2, "queue": 5})),
        (Kind::Tag, "pii", json!({"values": ["none", "card"], "ordered": true})),
        (Kind::Key, "bob-key", json!({"user": "bob", "secret": "env://BOB_KEY"})),
        (
            Kind::Policy,
            "p",
            json!({"text": "@id(\"p\")\nforbid(principal in Lakegate::Role::\"crew\", action, resource);"}),
        ),
        (
            Kind::DataFilter,
            "lake.sales.orders/c",
            json!({"cedar": "when { principal in Lakegate::Role::\"crew\" && resource.n.hasTag(\"id\") }", "except": ["ssn"]}),
        ),
        (
            Kind::Grant,
            "",
            json!({"to": "role:crew", "privileges": ["select"], "resource": "table:lake.sales.orders"}),
        ),
        (Kind::Catalog, "second", json!({"connection": "store"})),
    ] {
        let made = resource::put_entry(&cx, kind, name, entry.clone(), Precondition::Create)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        for (key, value) in entry.as_object().unwrap() {
            assert_eq!(&made.body[key], value, "{kind}");
        }
        assert!(made.body["created_at"].is_string() && made.body["id"].is_string());
        let by = if kind == Kind::Grant {
            made.id.to_string()
        } else {
            made.name.clone()
        };
        assert_eq!(
            resource::find(&*fixture.snapshot().await, kind, &by),
            Some((made.id.clone(), 1))
        );
    }
}

#[tokio::test]
async fn hidden_is_missing() {
    let fixture = Fixture::new().await;
    fixture.apply(&[("a.yaml", LAKE)]).await.unwrap();
    let (caller, governor) = fixture.caller("eve").await;
    let cx = fixture.context(Applier::Caller {
        caller: &caller,
        governor: &governor,
    });
    let patch = json!({"comment": "x"});
    let hidden = resource::patch_entry(&cx, Kind::Table, "lake.sales.orders", &patch, 1)
        .await
        .unwrap_err();
    let missing = resource::patch_entry(&cx, Kind::Table, "lake.sales.others", &patch, 1)
        .await
        .unwrap_err();
    assert_eq!(hidden.to_string().replace("orders", "others"), missing.to_string());
    assert_eq!(hidden.code(), ProblemCode::NotFound);
    let entry = json!({"format": "parquet", "location": "x/", "columns": [{"name": "a", "type": "int"}]});
    let mut refusals = Vec::new();
    for name in ["lake.sales.orders", "lake.sales.others"] {
        let refusal = resource::put_entry(&cx, Kind::Table, name, entry.clone(), Precondition::Create)
            .await
            .unwrap_err();
        refusals.push(refusal.to_string().replace("orders", "others"));
    }
    assert_eq!(refusals[0], refusals[1]);
}
