//! Are orphans impossible?

use lakegate_catalog::{
    StoreError,
    change::{ChangeSet, Delete, Expected, Put},
    identity::{Grantee, Key, Role},
    object::Kind,
    relation::{Database, Partition},
};

use crate::{
    make::{commit, grant, id, lake, mask, put, set, user},
    place::Place,
};

fn deletes(objects: &[(Kind, &str)]) -> ChangeSet {
    let deletes = objects.iter().map(|(kind, word)| Delete {
        kind: *kind,
        id: id(word),
        expected: Expected::Any,
    });
    ChangeSet {
        deletes: deletes.collect(),
        ..set(Vec::new())
    }
}

pub async fn a_child_stops_a_delete(place: &Place) {
    let store = place.store().await;
    commit(&store, lake()).await;
    for (kind, word, text) in [
        (
            Kind::Connection,
            "conn",
            "connection `store` is still used by catalog `lake`",
        ),
        (
            Kind::Catalog,
            "lake",
            "catalog `lake` is still used by database `Sales`",
        ),
        (
            Kind::Database,
            "sales",
            "database `Sales` is still used by table `Orders`",
        ),
    ] {
        let error = store.commit(deletes(&[(kind, word)])).await.unwrap_err();
        assert_eq!(error.to_string(), text);
    }
    let all = [
        (Kind::Connection, "conn"),
        (Kind::Catalog, "lake"),
        (Kind::Database, "sales"),
        (Kind::Table, "orders"),
    ];
    store.commit(deletes(&all)).await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().column_masks.len(), 0);
}

pub async fn a_dropped_column_takes_its_masks_and_grants(place: &Place) {
    let store = place.store().await;
    commit(&store, lake()).await;
    let mut orders = store
        .snapshot()
        .await
        .unwrap()
        .table(&id("orders"))
        .unwrap()
        .as_ref()
        .clone();
    orders.body.columns.retain(|column| column.name == "id");
    let done = commit(&store, vec![Put::update(&orders).unwrap()]).await;
    let mut gone: Vec<_> = done.cascaded.iter().map(|(_, id)| id.as_str()).collect();
    gone.sort_unstable();
    assert_eq!(gone, ["g-column", "m-last4", "m-null", "m-street"]);
    let last = store
        .history(Kind::ColumnMask, &id("m-null"))
        .await
        .unwrap()
        .pop()
        .unwrap();
    assert!(last.deleted && last.epoch == done.version);
}

pub async fn a_table_takes_what_belongs_to_it(place: &Place) {
    let store = place.store().await;
    commit(&store, lake()).await;
    let day = |day: &str| Partition {
        values: vec![Some(day.to_owned())],
        location: format!("{day}/"),
    };
    commit(
        &store,
        vec![
            put("p1", Some("orders"), "day=1", &day("1")),
            put("p2", Some("orders"), "day=2", &day("2")),
        ],
    )
    .await;
    assert_eq!(store.partitions(&id("orders")).await.unwrap().len(), 2);
    store.commit(deletes(&[(Kind::Table, "orders")])).await.unwrap();
    let snapshot = store.snapshot().await.unwrap();
    assert!(snapshot.data_filters.is_empty() && snapshot.column_masks.is_empty());
    let grants: Vec<_> = snapshot.grants.iter().map(|grant| grant.id.as_str()).collect();
    assert_eq!(grants, ["g-tenant"]);
    assert!(store.partitions(&id("orders")).await.unwrap().is_empty());
}

pub async fn a_wrong_body_is_refused(place: &Place) {
    let store = place.store().await;
    let mut wrong = put("a", None, "a", &Role::default());
    wrong.body = serde_json::json!({"member_of": 7});
    assert!(matches!(
        store.commit(set(vec![wrong])).await,
        Err(StoreError::Invalid { .. })
    ));
    let error = store
        .commit(set(vec![put("d", None, "d", &Database::default())]))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the change is not valid: a database needs a parent");
    let error = store
        .commit(set(vec![put("r", Some("d"), "r", &Role::default())]))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the change is not valid: a role has no parent");
}

pub async fn missing_references_are_refused(place: &Place) {
    let store = place.store().await;
    commit(&store, lake()).await;
    let wrong = [
        (
            put("d", Some("nowhere"), "d", &Database::default()),
            "catalog `nowhere` does not exist",
        ),
        (put("u", None, "u", &user(&["r-none"])), "role `r-none` does not exist"),
        (
            put("g", None, "g", &grant(Grantee::Role(id("r-no")), "Table", "orders")),
            "role `r-no` does not exist",
        ),
        (
            put("g", None, "g", &grant(Grantee::Role(id("r-eu")), "Table", "gone")),
            "table `gone` does not exist",
        ),
        (
            put("m", Some("c-none"), "m", &mask(1)),
            "the change is not valid: table `Orders` has no column `c-none`",
        ),
    ];
    for (wrong, text) in wrong {
        assert_eq!(store.commit(set(vec![wrong])).await.unwrap_err().to_string(), text);
    }
}

pub async fn roles_and_users_in_use_stay(place: &Place) {
    let store = place.store().await;
    commit(&store, lake()).await;
    let key = Key {
        user: id("u-ana"),
        hmac: "00".to_owned(),
        secret_ref: None,
        expires: None,
    };
    let owned = Database {
        owner: Some(id("r-staff")),
        ..Database::default()
    };
    commit(
        &store,
        vec![put("k", None, "laptop", &key), put("hr", Some("lake"), "hr", &owned)],
    )
    .await;
    for (kind, word, text) in [
        (Kind::Role, "r-eu", "role `eu-analyst` is still used by user `Ana`"),
        (
            Kind::Role,
            "r-staff",
            "role `staff` is still used by database `hr`, role `eu-analyst`",
        ),
        (Kind::User, "u-ana", "user `Ana` is still used by key `laptop`"),
    ] {
        assert_eq!(
            store.commit(deletes(&[(kind, word)])).await.unwrap_err().to_string(),
            text
        );
    }
    // The same set may take the reference away; grants to the deleted go with them.
    let mut ana = store
        .snapshot()
        .await
        .unwrap()
        .user(&id("u-ana"))
        .unwrap()
        .as_ref()
        .clone();
    ana.body.roles.clear();
    let change = ChangeSet {
        puts: vec![Put::update(&ana).unwrap()],
        ..deletes(&[(Kind::Role, "r-eu")])
    };
    let done = store.commit(change).await.unwrap();
    assert_eq!(done.cascaded, [(Kind::Grant, id("g-filter"))]);
    store
        .commit(deletes(&[(Kind::User, "u-ana"), (Kind::Key, "k")]))
        .await
        .unwrap();
    assert!(store.snapshot().await.unwrap().grants.is_empty());
}
