//! Is a node lost when its lease has lapsed, and not before?

use std::time::Duration;

use lakegate_catalog::{Dialect, LEASE, Renewal, Store, record::QueryState};

use crate::{make::query, place::Place};

async fn state(store: &Store, id: &str) -> QueryState {
    store.find_query(id).await.unwrap().unwrap().state
}

pub async fn a_lease_is_kept_until_it_lapses(place: &Place) {
    let store = place.store().await;
    assert_eq!(store.renew_lease(LEASE).await.unwrap(), Renewal::Taken);
    assert_eq!(store.renew_lease(LEASE).await.unwrap(), Renewal::Kept);
    place.tamper("UPDATE node_leases SET expires_ms = 1").await;
    assert_eq!(store.renew_lease(LEASE).await.unwrap(), Renewal::Taken);
    store.release_lease().await.unwrap();
    assert_eq!(store.renew_lease(LEASE).await.unwrap(), Renewal::Taken);
}

/// In an embedded store there is no other node: whoever left queries behind is lost at once.
pub async fn a_node_with_a_lease_is_not_lost(place: &Place) {
    let (alive, dead, store) = (place.store().await, place.store().await, place.store().await);
    for (id, node) in [("alive", &alive), ("dead", &dead)] {
        node.begin_query(&query(id, 1, node.boot_id())).await.unwrap();
    }
    alive.renew_lease(LEASE).await.unwrap();
    dead.renew_lease(Duration::ZERO).await.unwrap();
    let lost = store.recover_lost(store.boot_id()).await.unwrap();
    assert_eq!(state(&store, "dead").await, QueryState::Failed);
    if store.dialect() == Dialect::Sqlite {
        assert_eq!(lost, ["alive", "dead"]);
        return;
    }
    assert_eq!(lost, ["dead"]);
    assert_eq!(state(&store, "alive").await, QueryState::Queued);
    alive.release_lease().await.unwrap();
    assert_eq!(store.recover_lost(store.boot_id()).await.unwrap(), ["alive"]);
}
