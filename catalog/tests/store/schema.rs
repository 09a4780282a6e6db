//! Is the schema made once, and never by the wrong binary? Are settings set once?

use lakegate_catalog::{Store, StoreError, StoreOptions};
use tokio::task::JoinSet;

use crate::place::Place;

pub async fn an_empty_store_needs_a_migration(place: &Place) {
    let store = Store::open(&place.options).await.unwrap();
    store.ping().await.unwrap();
    assert!(matches!(
        store.require_current().await,
        Err(StoreError::SchemaBehind { found: 0, needed: 4 })
    ));
    let status = store.migration_status().await.unwrap();
    assert_eq!(
        (status.version, status.applied.len(), status.pending.as_slice()),
        (
            0,
            0,
            &[
                "0001_first",
                "0002_node_leases",
                "0003_secrets",
                "0004_audit_checkpoints"
            ]
            .map(str::to_owned)[..]
        )
    );
    assert!(store.snapshot().await.is_err());
    #[cfg(unix)]
    if let Some(path) = place.options.url.strip_prefix("sqlite://") {
        store.migrate().await.unwrap();
        for file in [path.to_owned(), format!("{path}-wal"), format!("{path}-shm")] {
            let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }
    let nowhere = StoreOptions {
        url: "mysql://root:secret@host/db".to_owned(),
        max_connections: 1,
    };
    let error = Store::open(&nowhere).await.unwrap_err();
    assert!(matches!(error, StoreError::Address { .. }) && !format!("{error:?} {nowhere:?}").contains("secret"));
}

pub async fn migrating_twice_changes_nothing(place: &Place) {
    let (one, two) = (
        Store::open(&place.options).await.unwrap(),
        Store::open(&place.options).await.unwrap(),
    );
    let (first, second) = tokio::join!(one.migrate(), two.migrate());
    let mut applied: Vec<_> = [first.unwrap(), second.unwrap()]
        .iter()
        .map(|report| report.applied.len())
        .collect();
    applied.sort_unstable();
    assert_eq!(applied, [0, 4]);
    let report = one.migrate().await.unwrap();
    assert_eq!((report.from, report.to, report.applied.len()), (4, 4, 0));
    one.require_current().await.unwrap();
    assert_eq!(one.snapshot().await.unwrap().version, 0);
}

pub async fn a_newer_schema_is_refused(place: &Place) {
    let store = place.store().await;
    let row = |version: i64, min_binary: &str| {
        format!("INSERT INTO lakegate_schema VALUES ({version}, '{version}', '{min_binary}', 'x', 'now')")
    };
    // A newer schema that this binary may still use.
    place.tamper(&row(5, "0.0.9")).await;
    Store::open(&place.options)
        .await
        .unwrap()
        .require_current()
        .await
        .unwrap();
    assert_eq!(store.migrate().await.unwrap().to, 5);
    place.tamper(&row(6, "0.10.0")).await;
    let error = Store::open(&place.options).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the store's schema (version 6) needs lakegate 0.10.0 or newer"
    );
    assert!(matches!(store.migrate().await, Err(StoreError::SchemaTooNew { .. })));
    assert!(matches!(
        store.require_current().await,
        Err(StoreError::SchemaTooNew { .. })
    ));
}

pub async fn a_changed_migration_is_refused(place: &Place) {
    place.store().await;
    place.tamper("UPDATE lakegate_schema SET checksum = 'other'").await;
    let error = Store::open(&place.options).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the store is damaged: migration `0001_first` is not the one that was applied"
    );
}

pub async fn settings_are_set_once(place: &Place) {
    let store = place.store().await;
    assert_eq!(store.setting("pepper").await.unwrap(), None);
    let mut tasks = JoinSet::new();
    for n in 0..8_u8 {
        let store = store.clone();
        tasks.spawn(async move { store.put_setting_if_absent("pepper", &[n, 0, 255]).await.unwrap() });
    }
    let stored = store.put_setting_if_absent("pepper", b"late").await.unwrap();
    assert!(tasks.join_all().await.into_iter().all(|answer| answer == stored));
    assert_eq!(store.setting("pepper").await.unwrap().as_ref(), Some(&stored));
    store.put_setting("pepper", b"").await.unwrap();
    assert_eq!(store.setting("pepper").await.unwrap().as_deref(), Some(&b""[..]));
}
