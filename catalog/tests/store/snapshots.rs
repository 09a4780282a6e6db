//! Is a snapshot what is stored, and found by name and id?

use std::sync::Arc;

use lakegate_catalog::{
    change::Put,
    governance::TagKey,
    identity::{Key, Workgroup},
    name::TableName,
    object::Kind,
    relation::{Partition, View, ViewSecurity},
};

use crate::{
    make::{column, commit, filter, id, lake, put},
    place::Place,
};

pub async fn a_snapshot_is_read_once_per_epoch(place: &Place) {
    let store = place.store().await;
    let empty = store.snapshot().await.unwrap();
    assert_eq!(empty.version, 0);
    let version = commit(&store, lake()).await.version;
    let first = store.snapshot().await.unwrap();
    assert_eq!((first.version, store.version().await.unwrap()), (version, version));
    assert!(Arc::ptr_eq(&first, &store.snapshot().await.unwrap()));
    let mut orders = first.table(&id("orders")).unwrap().as_ref().clone();
    orders.body.comment = Some("changed".to_owned());
    commit(&store, vec![Put::update(&orders).unwrap()]).await;
    let second = store.snapshot().await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second) && first.table(&id("orders")).unwrap().body.comment.is_none());
    let changed = second.table(&id("orders")).unwrap();
    assert_eq!((changed.version, changed.body.comment.as_deref()), (2, Some("changed")));
    // What did not change is shared.
    assert!(Arc::ptr_eq(
        first.database(&id("sales")).unwrap(),
        second.database(&id("sales")).unwrap()
    ));
    // Another process sees the same.
    let other = place.store().await.snapshot().await.unwrap();
    assert_eq!(other.tables, second.tables);
    assert_eq!(other.grants, second.grants);
}

pub async fn look_ups_find_what_is_stored(place: &Place) {
    let store = place.store().await;
    commit(&store, lake()).await;
    let key = Key {
        user: id("u-ana"),
        hmac: "abcd".to_owned(),
        secret_ref: None,
        expires: None,
    };
    let workgroup = Workgroup {
        concurrency: 1,
        queue: 1,
        max_scanned_bytes_per_query: None,
        price_per_tb: None,
        disabled: false,
    };
    commit(
        &store,
        vec![
            put("k", None, "laptop", &key),
            put("primary", None, "primary", &workgroup),
        ],
    )
    .await;
    let snapshot = store.snapshot().await.unwrap();
    let path = snapshot.find_table(&TableName::new("LAKE", "SALES", "ORDERS")).unwrap();
    assert_eq!(
        (path.table.id.as_str(), path.connection.name.as_str()),
        ("orders", "store")
    );
    assert_eq!(snapshot.default_catalog().unwrap().name, "lake");
    assert_eq!(snapshot.databases_of(&id("lake")).len(), 1);
    let masks: Vec<_> = snapshot
        .masks_of(&id("c-ssn"))
        .iter()
        .map(|mask| mask.name.as_str())
        .collect();
    assert_eq!(masks, ["null", "last4"]);
    assert_eq!(snapshot.filters_of(&id("orders")).len(), 1);
    assert_eq!(snapshot.roles_of(&id("u-ana")), [id("r-eu"), id("r-staff")].into());
    assert_eq!(snapshot.owner_role(&None), id("admin"));
    assert_eq!(
        snapshot.user_by_subject("https://id.example~ana").unwrap().id,
        id("u-ana")
    );
    assert_eq!(snapshot.key_by_hmac("abcd").unwrap().name, "laptop");
    assert_eq!(snapshot.column_path(&id("c-addr.street")).unwrap().column.name, "addr");
    assert!(snapshot.find_workgroup("PRIMARY").is_some() && snapshot.find_user("ana").is_some());
    assert!(snapshot.find_table(&TableName::new("lake", "sales", "none")).is_none());
}

pub async fn entities_are_named_and_resolved(place: &Place) {
    let store = place.store().await;
    let view = View {
        sql: "SELECT 1".to_owned(),
        security: ViewSecurity::Invoker,
        columns: vec![column("v-x", "x", "bigint")],
        lineage: vec![Vec::new()],
        within: Default::default(),
        bases: Vec::new(),
        comment: None,
        owner: None,
        tags: Default::default(),
    };
    let odd = Put::create_as(
        id("odd"),
        Some(&id("sales")),
        "a.b/c \"d\"",
        "local",
        &crate::make::table(Vec::new()),
    );
    let more = vec![
        put("view", Some("sales"), "eu_orders", &view),
        put("f-view", Some("view"), "x/y", &filter()),
        put("t-pii", None, "pii", &TagKey::default()),
        odd.unwrap(),
    ];
    commit(&store, lake().into_iter().chain(more).collect()).await;
    let snapshot = store.snapshot().await.unwrap();
    let names = [
        ("Tenant", "default", "default"),
        ("PolicyStore", "default", "default"),
        ("Catalog", "lake", "lake"),
        ("Database", "lake.Sales", "sales"),
        ("Table", "lake.Sales.Orders", "orders"),
        ("Table", "lake.Sales.\"a.b/c \"\"d\"\"\"", "odd"),
        ("View", "lake.Sales.eu_orders", "view"),
        ("Column", "lake.Sales.Orders.ssn", "c-ssn"),
        ("Column", "lake.Sales.Orders.addr.geo.lat", "c-addr.geo.lat"),
        ("Column", "lake.Sales.eu_orders.x", "v-x"),
        ("DataFilter", "lake.Sales.Orders/EU", "f-eu"),
        ("DataFilter", "lake.Sales.eu_orders/\"x/y\"", "f-view"),
        ("ColumnMask", "lake.Sales.Orders.ssn/last4", "m-last4"),
        ("ColumnMask", "lake.Sales.Orders.addr.street/street", "m-street"),
        ("Role", "eu-analyst", "r-eu"),
        ("User", "Ana", "u-ana"),
        ("Connection", "store", "conn"),
        ("TagKey", "pii", "t-pii"),
    ];
    for (entity_type, name, object) in names {
        assert_eq!(
            snapshot.name_of(entity_type, object).as_deref(),
            Some(name),
            "{entity_type} {object}"
        );
        assert_eq!(
            snapshot.resolve(entity_type, name),
            Some(id(object)),
            "{entity_type} {name}"
        );
        let upper = name.to_uppercase();
        if name != "default" {
            assert_eq!(
                snapshot.resolve(entity_type, &upper),
                Some(id(object)),
                "{entity_type} {upper}"
            );
        }
    }
    for (entity_type, name) in [
        ("Table", "lake.sales"),
        ("Table", "lake.sales.none"),
        ("Table", "lake.sales.eu_orders"),
        ("Column", "lake.sales.orders.addr.zip"),
        ("Column", "lake.sales.orders.id.x"),
        ("DataFilter", "lake.sales.orders"),
        ("ColumnMask", "lake.sales.orders.id/last4"),
        ("Workgroup", "none"),
        ("Nothing", "lake"),
        ("Role", ""),
    ] {
        assert_eq!(snapshot.resolve(entity_type, name), None, "{entity_type} {name}");
    }
}

pub async fn partitions_are_read_per_table(place: &Place) {
    let store = place.store().await;
    commit(&store, lake()).await;
    let part = |n: usize| Partition {
        values: vec![Some(n.to_string()), None],
        location: format!("{n}/"),
    };
    let puts = [2, 1].map(|n| put(&format!("p{n}"), Some("orders"), &format!("day={n}"), &part(n)));
    commit(&store, puts.to_vec()).await;
    let partitions = store.partitions(&id("orders")).await.unwrap();
    let names: Vec<_> = partitions.iter().map(|partition| partition.name.as_str()).collect();
    assert_eq!(names, ["day=1", "day=2"]);
    assert_eq!(partitions.first().map(|partition| &partition.body), Some(&part(1)));
    assert!(store.history(Kind::Partition, &id("p1")).await.unwrap().is_empty());
}

pub async fn tags_of_the_nearest_win(place: &Place) {
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
    orders.body.tags = [("domain".to_owned(), "sales".to_owned())].into();
    orders
        .body
        .columns
        .iter_mut()
        .filter(|column| column.name == "ssn")
        .for_each(|column| {
            column.tags = [("pii".to_owned(), "ssn".to_owned())].into();
        });
    commit(&store, vec![Put::update(&orders).unwrap()]).await;
    let snapshot = store.snapshot().await.unwrap();
    let tags = |domain: &str, pii: &str| {
        [("domain", domain), ("pii", pii)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    };
    assert_eq!(snapshot.effective_tags_of_catalog(&id("lake")), tags("lake", "none"));
    assert_eq!(snapshot.effective_tags_of_database(&id("sales")), tags("lake", "none"));
    assert_eq!(snapshot.effective_tags_of_table(&id("orders")), tags("sales", "none"));
    assert_eq!(snapshot.effective_tags_of_filter(&id("f-eu")), tags("sales", "none"));
    assert_eq!(snapshot.effective_tags_of_column(&id("c-id")), tags("sales", "none"));
    assert_eq!(snapshot.effective_tags_of_column(&id("c-ssn")), tags("sales", "ssn"));
    assert_eq!(snapshot.effective_tags_of_mask(&id("m-last4")), tags("sales", "ssn"));
    assert_eq!(
        snapshot.effective_tags_of_column(&id("c-addr.street")),
        tags("sales", "none")
    );
    assert!(snapshot.effective_tags_of_table(&id("none")).is_empty());
}
