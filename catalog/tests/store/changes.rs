//! Does a change happen as a whole, once, and on what its author saw?

use lakegate_catalog::{
    StoreError,
    change::{ChangeSet, Delete, Expected, Put},
    identity::Role,
    object::Kind,
    relation::{Database, RemoteTable, Table},
};
use tokio::task::JoinSet;

use crate::{
    make::{commit, event, id, lake, orders, put, set, table},
    place::Place,
};

fn delete(kind: Kind, word: &str) -> Delete {
    Delete {
        kind,
        id: id(word),
        expected: Expected::Any,
    }
}

pub async fn a_failing_put_leaves_nothing(place: &Place) {
    let store = place.store().await;
    commit(&store, lake()).await;
    let before = store.snapshot().await.unwrap();
    let mut change = set(vec![
        put("r-new", None, "new", &Role::default()),
        put("sales2", Some("lake"), "sales", &Database::default()),
    ]);
    change.deletes.push(delete(Kind::Grant, "g-tenant"));
    change.audit.push(event("create"));
    let error = store.commit(change).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::AlreadyExists {
                kind: Kind::Database,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "database `sales` exists already");
    let after = store.snapshot().await.unwrap();
    assert_eq!(after.version, before.version);
    assert!(after.find_role("new").is_none() && after.grants.len() == before.grants.len());
    assert!(store.history(Kind::Role, &id("r-new")).await.unwrap().is_empty());
    assert_eq!(store.verify_audit().await.unwrap().records, 0);
}

pub async fn a_stale_epoch_is_refused(place: &Place) {
    let store = place.store().await;
    let epoch = commit(&store, vec![put("a", None, "a", &Role::default())])
        .await
        .version;
    commit(&store, vec![put("b", None, "b", &Role::default())]).await;
    let change = ChangeSet {
        expected_version: Some(epoch),
        ..set(vec![put("c", None, "c", &Role::default())])
    };
    let error = store.commit(change.clone()).await.unwrap_err();
    assert_eq!(error.to_string(), "the catalog is at version 2, not 1");
    let done = store
        .commit(ChangeSet {
            expected_version: Some(epoch + 1),
            ..change
        })
        .await
        .unwrap();
    assert_eq!(done.version, epoch + 2);
}

pub async fn a_stale_version_is_refused(place: &Place) {
    let store = place.store().await;
    let made = commit(&store, vec![put("a", None, "A", &Role::default())]).await;
    assert_eq!(made.puts.first().map(|put| put.version), Some(1));
    let stale = store.snapshot().await.unwrap().find_role("a").unwrap().as_ref().clone();
    let renew = || Put::update(&stale).unwrap();
    let second = commit(&store, vec![renew()]).await;
    let second = second.puts.first().unwrap();
    assert_eq!((second.version, second.created_at), (2, stale.created_at));
    let error = store.commit(set(vec![renew()])).await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Conflict {
                expected: 1,
                found: 2,
                ..
            }
        ),
        "{error:?}"
    );
    let mut change = set(Vec::new());
    change.deletes.push(Delete::of(&stale));
    assert_eq!(
        store.commit(change).await.unwrap_err().to_string(),
        "role `A` is at version 2, not 1"
    );
    let any = commit(&store, vec![renew().expecting(Expected::Any)]).await;
    assert_eq!(any.puts.first().map(|put| put.version), Some(3));
    let mut unknown = renew();
    unknown.id = id("nobody");
    assert!(matches!(
        store.commit(set(vec![unknown])).await,
        Err(StoreError::NotFound { kind: Kind::Role, .. })
    ));
}

pub async fn deletes_come_first_and_names_are_free_again(place: &Place) {
    let store = place.store().await;
    commit(
        &store,
        vec![
            put("a", None, "x", &Role::default()),
            put("b", None, "y", &Role::default()),
        ],
    )
    .await;
    let mut rename = Put::update(store.snapshot().await.unwrap().find_role("y").unwrap()).unwrap();
    rename.name = "z".to_owned();
    let mut change = set(vec![
        put("c", None, "X", &Role::default()),
        put("d", None, "Y", &Role::default()),
        rename,
    ]);
    change.deletes.push(delete(Kind::Role, "a"));
    store.commit(change).await.unwrap();
    let snapshot = store.snapshot().await.unwrap();
    let ids = ["x", "y", "z"].map(|name| snapshot.find_role(name).unwrap().id.to_string());
    assert_eq!(ids, ["c", "d", "b"]);
    let mut change = set(Vec::new());
    change.deletes.push(delete(Kind::Role, "a"));
    assert!(matches!(store.commit(change).await, Err(StoreError::NotFound { .. })));
}

pub async fn every_version_stays_in_the_history(place: &Place) {
    let store = place.store().await;
    commit(&store, vec![put("a", None, "first", &Role::default())]).await;
    let mut role = store
        .snapshot()
        .await
        .unwrap()
        .find_role("first")
        .unwrap()
        .as_ref()
        .clone();
    role.name = "second".to_owned();
    role.body.comment = Some("renamed".to_owned());
    commit(&store, vec![Put::update(&role).unwrap()]).await;
    let mut change = set(Vec::new());
    change.deletes.push(delete(Kind::Role, "a"));
    store.commit(change).await.unwrap();
    commit(&store, vec![put("a", None, "again", &Role::default())]).await;
    let history = store.history(Kind::Role, &id("a")).await.unwrap();
    let seen: Vec<_> = history
        .iter()
        .map(|h| (h.name.as_str(), h.version, h.epoch, h.deleted))
        .collect();
    assert_eq!(
        seen,
        [
            ("first", 1, 1, false),
            ("second", 2, 2, false),
            ("second", 2, 3, true),
            ("again", 3, 4, false)
        ]
    );
    assert!(history.iter().all(|h| h.principal == "ana"));
    assert_eq!(
        history.get(1).and_then(|h| h.body.get("comment")?.as_str()),
        Some("renamed")
    );
    let mut names = Vec::new();
    for epoch in 0..=4 {
        names.push(
            store
                .objects_at(Kind::Role, epoch)
                .await
                .unwrap()
                .into_iter()
                .map(|o| o.name)
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(
        names,
        [
            vec![],
            vec!["first".to_owned()],
            vec!["second".to_owned()],
            vec![],
            vec!["again".to_owned()]
        ]
    );
    // What comes back under its id goes on counting: not to be mistaken for the one before.
    assert_eq!(store.snapshot().await.unwrap().role(&id("a")).unwrap().name, "again");
}

pub async fn an_epoch_is_seen_as_it_was(place: &Place) {
    let store = place.store().await;
    let first = commit(&store, lake()).await.version;
    let before = store.snapshot().await.unwrap();
    commit(&store, vec![put("r-new", None, "new", &Role::default())]).await;
    let mut change = set(Vec::new());
    change.deletes.push(delete(Kind::Role, "r-new"));
    let last = store.commit(change).await.unwrap().version;
    let then = store.snapshot_at(first).await.unwrap().unwrap();
    assert_eq!(then.version, first);
    let names = |snapshot: &lakegate_catalog::snapshot::Snapshot| {
        let tables = snapshot
            .tables
            .iter()
            .map(|one| (one.id.clone(), one.body.clone(), one.version));
        (
            tables.collect::<Vec<_>>(),
            snapshot.grants.len(),
            snapshot.roles.len(),
            snapshot.data_filters.len(),
        )
    };
    assert_eq!(names(&then), names(&before));
    let middle = store.snapshot_at(first + 1).await.unwrap().unwrap();
    assert!(middle.find_role("new").is_some());
    for none in [0, last + 1] {
        assert!(store.snapshot_at(none).await.unwrap().is_none());
    }
    let epochs = store.epoch_history(first + 1, last).await.unwrap();
    let told: Vec<_> = epochs
        .iter()
        .map(|one| {
            (
                one.epoch,
                one.principal.as_str(),
                one.changes.len(),
                one.changes.iter().all(|change| change.deleted),
            )
        })
        .collect();
    assert_eq!(told, [(last, "ana", 1, true), (first + 1, "ana", 1, false)]);
    assert_eq!(
        epochs.first().map(|one| one
            .changes
            .first()
            .map(|change| (change.kind, change.objects, change.name.as_str()))),
        Some(Some((Kind::Role, 1, "new")))
    );
}

pub async fn names_are_unique_without_regard_to_case(place: &Place) {
    let store = place.store().await;
    commit(&store, vec![put("a", None, "Ärger", &Role::default())]).await;
    let error = store
        .commit(set(vec![put("b", None, "äRGER", &Role::default())]))
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::AlreadyExists { kind: Kind::Role, .. }),
        "{error:?}"
    );
    commit(&store, lake()).await;
    // The same name below another parent is another name.
    commit(&store, vec![put("hr", Some("lake"), "hr", &Database::default())]).await;
    commit(&store, vec![put("orders-hr", Some("hr"), "ORDERS", &table(Vec::new()))]).await;
    let error = store
        .commit(set(vec![put("o2", Some("hr"), "orders", &table(Vec::new()))]))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "table `orders` exists already");
}

pub async fn nothing_to_change_leaves_the_epoch(place: &Place) {
    let store = place.store().await;
    let epoch = commit(&store, lake()).await.version;
    let change = ChangeSet {
        audit: vec![event("read")],
        ..set(Vec::new())
    };
    assert_eq!(store.commit(change).await.unwrap().version, epoch);
    assert_eq!(store.verify_audit().await.unwrap().records, 1);
}

pub async fn one_object_is_named_once(place: &Place) {
    let store = place.store().await;
    let mut change = set(vec![put("a", None, "a", &Role::default())]);
    change.deletes.push(delete(Kind::Role, "a"));
    assert_eq!(
        store.commit(change).await.unwrap_err().to_string(),
        "the change is not valid: role `a` is named twice"
    );
}

pub async fn one_store_serves_many_writers(place: &Place) {
    let store = place.store().await;
    let other = if place.options.url.starts_with("sqlite") {
        store.clone()
    } else {
        place.store().await
    };
    let mut tasks = JoinSet::new();
    for n in 0..20 {
        let store = if n % 2 == 0 { store.clone() } else { other.clone() };
        tasks.spawn(async move {
            let (word, name) = (format!("r{n}"), format!("role {n}"));
            let mut change = set(vec![put(&word, None, &name, &Role::default())]);
            change.audit.push(event("create"));
            let version = store.commit(change).await.unwrap().version;
            let snapshot = store.snapshot().await.unwrap();
            assert!(snapshot.version >= version && snapshot.find_role(&name).is_some());
            // Every commit made one role: a snapshot is never between two epochs.
            assert_eq!(snapshot.roles.len(), usize::try_from(snapshot.version).unwrap());
            version
        });
    }
    let mut versions = tasks.join_all().await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=20).collect::<Vec<i64>>());
    let report = store.verify_audit().await.unwrap();
    assert_eq!((report.records, report.fault), (20, None));
}

pub async fn retired_tables_give_up_their_name(place: &Place) {
    let store = place.store().await;
    commit(&store, lake()).await;
    let mut old = store
        .snapshot()
        .await
        .unwrap()
        .table(&id("orders"))
        .unwrap()
        .as_ref()
        .clone();
    old.body.remote = Some(RemoteTable {
        database: "sales".into(),
        table: "orders".into(),
        source_id: None,
        retired: true,
        sampled: false,
    });
    let puts = vec![
        put("orders2", Some("sales"), "orders", &orders_with_new_columns()),
        Put::update(&old).unwrap(),
    ];
    commit(&store, puts).await;
    let snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.resolve("Table", "lake.sales.orders"), Some(id("orders2")));
    assert_eq!(snapshot.name_of("Table", "orders"), None);
    assert_eq!(snapshot.tables_of(&id("sales")).len(), 1);
    assert!(snapshot.table_path(&id("orders")).is_some());
    // It goes with its database, although nobody can name it.
    let mut change = set(Vec::new());
    change.deletes = vec![delete(Kind::Table, "orders2"), delete(Kind::Database, "sales")];
    let done = store.commit(change).await.unwrap();
    assert!(done.cascaded.contains(&(Kind::Table, id("orders"))), "{done:?}");
    let snapshot = store.snapshot().await.unwrap();
    assert!(snapshot.tables.is_empty() && snapshot.data_filters.is_empty() && snapshot.column_masks.is_empty());
}

fn orders_with_new_columns() -> Table {
    let mut table = orders();
    for column in &mut table.columns {
        column.id = id(&format!("{}-2", column.id));
    }
    table
}
