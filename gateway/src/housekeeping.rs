//! What happens by itself while the server runs? The newest epoch, signatures, heartbeat, lease, looks at the store and the key sets, and sweeping.

use std::{collections::BTreeMap, time::Duration};

use lakegate_catalog::{
    Dialect, LEASE, Renewal, Store, StoreError,
    audit::AuditEvent,
    change::{ChangeSet, Delete},
    identity::Grant,
    object::{LOCAL_LAKE, Stored},
    snapshot::Snapshot,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{app::AppState, checkpoints, error::chain, lake};

const HEARTBEAT: Duration = Duration::from_secs(2);
/// Between two renewals of the lease: several may fail before it lapses.
const RENEWAL: Duration = Duration::from_secs(2);
const STORE_LOOK: Duration = Duration::from_secs(2);
const KEYS_LOOK: Duration = Duration::from_secs(15);
const SWEEP: Duration = Duration::from_secs(600);
/// Who removes what is over.
const SWEEPER: &str = "lakegate";
/// Idempotency keys are forgotten after a day.
const KEYS_KEPT: chrono::Duration = chrono::Duration::hours(24);

/// Starts everything; it ends with `tasks`.
pub fn start(tasks: &mut JoinSet<()>, app: &AppState) {
    tasks.spawn(app.queries.clone().follow_epochs());
    tasks.spawn(beat(app.clone()));
    tasks.spawn(checkpoints::keep(app.clone()));
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
        if !app.queries.is_sound() {
            app.health.set_unsound();
        }
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

/// Removes grants that are over: ended, or passed on from what is gone. They permit nothing any more as it is. Those that a
/// lake declares stay: its text says them. Answers how many went.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn sweep_grants(store: &Store) -> Result<usize, StoreError> {
    let (snapshot, now) = (store.snapshot().await?, chrono::Utc::now());
    let over: Vec<_> = snapshot
        .grants
        .iter()
        .filter(|grant| grant.lake == LOCAL_LAKE && lake::is_over(&snapshot, grant, now))
        .collect();
    if over.is_empty() {
        return Ok(0);
    }
    let change = ChangeSet {
        // Somebody may lengthen one meanwhile: then nothing goes.
        expected_version: Some(snapshot.version),
        deletes: over.iter().map(|grant| Delete::of(grant.as_ref())).collect(),
        audit: over.iter().map(|grant| removal(&snapshot, grant)).collect(),
        principal: SWEEPER.to_owned(),
        ..ChangeSet::default()
    };
    match store.commit(change).await {
        Ok(_) => Ok(over.len()),
        Err(StoreError::Conflict { .. }) => Ok(0),
        Err(error) => Err(error),
    }
}

fn removal(snapshot: &Snapshot, grant: &Stored<Grant>) -> AuditEvent {
    let object = &grant.body.object;
    let name = snapshot.name_of(&object.entity_type, object.id.as_str());
    AuditEvent {
        time: chrono::Utc::now(),
        kind: "change".to_owned(),
        principal: SWEEPER.to_owned(),
        principal_id: String::new(),
        method: "internal".to_owned(),
        address: None,
        door: "internal".to_owned(),
        action: "Revoke".to_owned(),
        resource: format!("grant:{}", grant.id),
        resource_id: Some(grant.id.to_string()),
        decision: "allow".to_owned(),
        outcome: "ok".to_owned(),
        policies: Vec::new(),
        filters: Vec::new(),
        restrictive: Vec::new(),
        masks: BTreeMap::new(),
        hidden: Vec::new(),
        snapshot_version: Some(snapshot.version),
        policy_version: Some(snapshot.version),
        query_id: None,
        trace_id: None,
        rows: None,
        bytes: None,
        details: BTreeMap::from([
            ("privilege".to_owned(), grant.body.privilege.clone()),
            ("object".to_owned(), name.unwrap_or_else(|| object.id.to_string())),
        ]),
    }
}

async fn sweep(app: AppState) {
    loop {
        sleep(SWEEP).await;
        app.queries.sweep_results();
        if let Err(error) = sweep_grants(&app.store).await {
            tracing::warn!(error = %chain(&error), "grants that are over were not removed");
        }
        if let Err(error) = app.store.forget_idempotent(chrono::Utc::now() - KEYS_KEPT).await {
            tracing::warn!(error = %chain(&error), "old idempotency keys were not forgotten");
        }
    }
}
