//! What happens by itself while the server runs? The newest epoch, heartbeat, lease, looks at the store and the key sets, and sweeping.

use std::time::Duration;

use lakegate_catalog::{Dialect, LEASE, Renewal};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{app::AppState, error::chain};

const HEARTBEAT: Duration = Duration::from_secs(2);
/// Between two renewals of the lease: several may fail before it lapses.
const RENEWAL: Duration = Duration::from_secs(2);
const STORE_LOOK: Duration = Duration::from_secs(2);
const KEYS_LOOK: Duration = Duration::from_secs(15);
const SWEEP: Duration = Duration::from_secs(600);
/// Idempotency keys are forgotten after a day.
const KEYS_KEPT: chrono::Duration = chrono::Duration::hours(24);

/// Starts everything; it ends with `tasks`.
pub fn start(tasks: &mut JoinSet<()>, app: &AppState) {
    tasks.spawn(app.queries.clone().follow_epochs());
    tasks.spawn(beat(app.clone()));
    tasks.spawn(look_at_store(app.clone()));
    tasks.spawn(look_at_keys(app.clone()));
    tasks.spawn(hold_lease(app.clone()));
    tasks.spawn(sweep(app.clone()));
}

/// Waits for nothing but time: a store that hangs must not make the process look dead.
async fn beat(app: AppState) {
    loop {
        app.health.beat();
        app.metrics.set_figures(&app.queries.figures());
        app.metrics.set_store(&app.store.figures());
        sleep(HEARTBEAT).await;
    }
}

async fn look_at_store(app: AppState) {
    loop {
        // Asking for the version also tells that what is decided by is the newest.
        match app.store.version().await {
            Ok(_) => app.health.store_reached(),
            Err(error) => tracing::warn!(error = %chain(&error), "the store does not answer"),
        }
        sleep(STORE_LOOK).await;
    }
}

/// Fetches key sets that are missing or old: without traffic nobody else would, and the server would stay unready.
async fn look_at_keys(app: AppState) {
    loop {
        app.auth.refresh_keys().await;
        app.health.set_keys_usable(app.auth.keys_usable());
        for (issuer, seconds) in app.auth.key_ages() {
            app.metrics.set_key_age(issuer, seconds);
        }
        sleep(KEYS_LOOK).await;
    }
}

/// Says that this node is alive, and ends the queries of nodes that are not. An embedded store has one node only.
async fn hold_lease(app: AppState) {
    if app.store.dialect() == Dialect::Sqlite {
        return;
    }
    let mut judging = Instant::now() + LEASE;
    loop {
        match app.store.renew_lease(LEASE).await {
            // INVARIANT: whoever was away judges nobody before all others have had the time to renew: the store may have
            // been away for all of them.
            Ok(Renewal::Taken) => judging = Instant::now() + LEASE,
            Ok(Renewal::Kept) if Instant::now() >= judging => match app.queries.end_lost().await {
                Ok(0) => {}
                Ok(lost) => tracing::warn!(lost, "queries of nodes that are gone were ended as lost"),
                Err(error) => tracing::warn!(cause = %error.log_text(), "lost queries cannot be looked for"),
            },
            Ok(Renewal::Kept) => {}
            Err(error) => tracing::warn!(error = %chain(&error), "the lease of this node cannot be renewed"),
        }
        sleep(RENEWAL).await;
    }
}

async fn sweep(app: AppState) {
    loop {
        sleep(SWEEP).await;
        app.queries.sweep_results();
        if let Err(error) = app.store.forget_idempotent(chrono::Utc::now() - KEYS_KEPT).await {
            tracing::warn!(error = %chain(&error), "old idempotency keys were not forgotten");
        }
    }
}
