//! Is the newest epoch known without asking for it, and never an old one for long?

use std::time::{Duration, Instant};

use lakegate_catalog::{Dialect, Follower, Store, change::Put, identity::Role};
use tokio::time::sleep;

use crate::{
    make::{commit, event, put, set},
    place::Place,
};

/// Longer than a confirmation holds, and than two questions are apart.
const LONG: Duration = Duration::from_millis(1_000);

fn role(name: &str) -> Vec<Put> {
    vec![put(name, None, name, &Role::default())]
}

/// Asks once and lets statements rely on it.
async fn confirm(follower: &mut Follower) -> i64 {
    let seen = follower.next().await.unwrap();
    follower.confirm(seen);
    seen.version
}

async fn confirmed(store: &Store) -> i64 {
    store.confirmed_version().await.unwrap().version
}

pub async fn a_confirmation_holds_for_less_than_a_second(place: &Place) {
    let store = place.store().await;
    let mut follower = store.follow();
    // What a new connection of the listener hints at is taken first.
    sleep(LONG).await;
    assert_eq!(confirm(&mut follower).await, 0);
    place.tamper("UPDATE epoch SET version = 7").await;
    assert_eq!(confirmed(&store).await, 0, "nobody was asked");
    sleep(LONG).await;
    assert_eq!(confirmed(&store).await, 7, "asked when it is too old");
    drop(follower);
    place.tamper("UPDATE epoch SET version = 8").await;
    assert_eq!(confirmed(&store).await, 8, "asked each time when nobody follows");
}

pub async fn a_change_binds_the_next_statement_of_its_process(place: &Place) {
    let store = place.store().await;
    let mut follower = store.follow();
    let mut epochs = store.epochs();
    confirm(&mut follower).await;
    epochs.mark_unchanged();
    for n in 1..=20 {
        let version = commit(&store, role(&format!("r{n}"))).await.version;
        assert_eq!(confirmed(&store).await, version);
        assert_eq!(store.confirmed_snapshot().await.unwrap().version, version);
        assert!(epochs.has_changed().unwrap(), "who runs is woken");
        epochs.mark_unchanged();
    }
}

pub async fn a_change_that_may_have_happened_leaves_nothing_confirmed(place: &Place) {
    let store = place.store().await;
    let mut follower = store.follow();
    let mut happened = 0;
    // Dropped in the middle, also in the middle of the commit itself.
    for n in 0..3_000_u64 {
        let before = confirm(&mut follower).await;
        let limit = Duration::from_micros(n % 80 * 100);
        let dropped = tokio::time::timeout(limit, store.commit(set(role(&format!("r{n}")))))
            .await
            .is_err();
        // Whatever became of it has happened when the next writer is through.
        store.append_audit(&[event("next")]).await.unwrap();
        sleep(Duration::from_millis(2)).await;
        let truth = store.version().await.unwrap();
        assert!(confirmed(&store).await >= truth);
        happened += i32::from(dropped && truth > before);
        if happened == 1 {
            return;
        }
    }
    assert_eq!(happened, 1, "none of the dropped changes has happened");
}

pub async fn a_change_of_another_process_is_told(place: &Place) {
    let (here, there) = (place.store().await, place.store().await);
    let mut follower = here.follow();
    sleep(LONG).await;
    confirm(&mut follower).await;
    let mut slowest = Duration::ZERO;
    for n in 0..10 {
        let version = commit(&there, role(&format!("r{n}"))).await.version;
        let told = Instant::now();
        while confirm(&mut follower).await < version {}
        slowest = slowest.max(told.elapsed());
        assert_eq!(confirmed(&here).await, version);
    }
    let limit = match here.dialect() {
        Dialect::Postgres => Duration::from_millis(400),
        Dialect::Sqlite => Duration::from_millis(900),
    };
    assert!(slowest < limit, "{slowest:?}");
}

pub async fn a_new_epoch_is_current_when_its_follower_says_so(place: &Place) {
    let (here, there) = (place.store().await, place.store().await);
    let mut follower = here.follow();
    sleep(LONG).await;
    confirm(&mut follower).await;
    let version = commit(&there, role("r")).await.version;
    let seen = loop {
        let seen = follower.next().await.unwrap();
        if seen.version == version {
            break seen;
        }
        follower.confirm(seen);
    };
    assert_eq!(confirmed(&here).await, 0, "it is being made ready");
    assert_eq!(here.version().await.unwrap(), version, "whoever asks is told the truth");
    assert_eq!(confirmed(&here).await, 0, "and changes nothing for others");
    follower.confirm(seen);
    assert_eq!(confirmed(&here).await, version);
}
