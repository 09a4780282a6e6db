//! How is the end of a query told? Final state, usage row and audit outcome are stored in one transaction, even if the store
//! is away when the query ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use lakegate_catalog::{
    audit::AuditEvent,
    record::{Decisions, QueryEnd, QueryFailure, ResultLocation},
};

use super::{Inner, final_state};
use crate::{
    audit::{Attempts, acting, event},
    context::QueryContext,
    error::{ErrorCode, QueryError, Result},
    results::Written,
};

/// How long the caller waits for the final state to be stored, beside one try.
const END_PATIENCE: Duration = Duration::from_secs(2);
/// Between two tries.
const END_PAUSE: Duration = Duration::from_millis(200);

/// What has happened when a query ends.
#[derive(Default)]
pub struct Outcome {
    pub written: Option<Written>,
    /// Audit attempts that are not stored yet.
    pub attempts: Attempts,
    pub billed_statement: bool,
    /// `SELECT`, `SHOW`, …
    pub statement: &'static str,
    /// Version that the query was decided under.
    pub version: Option<i64>,
    /// What its rows were decided by.
    pub decisions: Option<Decisions>,
}

/// Stores final state, usage row and audit outcome, in one transaction.
pub async fn end(inner: &Arc<Inner>, cx: &QueryContext, result: &Result<()>, outcome: Outcome) -> Result<()> {
    let error = result.as_ref().err();
    let state = final_state(error);
    let mut usage = cx.meter.usage();
    usage.billed_bytes = inner
        .options
        .billing
        .billed_bytes(outcome.billed_statement, state, cx.meter.raw());
    let now = Utc::now();
    let ended = QueryEnd {
        id: cx.query.clone(),
        state,
        ended_at: now,
        failure: error.map(failure),
        result: outcome.written.map(|written| ResultLocation {
            path: written.name,
            rows: written.rows,
            bytes: written.bytes,
            expires_at: inner.expiry(now),
            decisions: outcome.decisions,
        }),
        usage,
    };
    let mut events = outcome.attempts.pending();
    let outcome = AuditEvent {
        query_id: Some(cx.query.clone()),
        outcome: error.map_or("ok", |error| error.code.text()).to_owned(),
        rows: Some(ended.usage.rows),
        bytes: Some(ended.usage.scanned_bytes + ended.usage.connector_bytes),
        details: std::collections::BTreeMap::from([("state".to_owned(), state.word().to_owned())]),
        snapshot_version: Some(outcome.version.unwrap_or(cx.snapshot.version)),
        policy_version: Some(outcome.version.unwrap_or(cx.snapshot.version)),
        ..event(
            &cx.caller,
            "query.outcome",
            "Query",
            &format!("query:{}", cx.query),
            &cx.snapshot,
        )
    };
    events.push(acting(cx, outcome));
    store_end(inner, ended, events, result.is_ok()).await
}

/// Stores the final state; if the store is away for longer than the caller can wait, as soon as it is back.
async fn store_end(inner: &Arc<Inner>, ended: QueryEnd, events: Vec<AuditEvent>, succeeded: bool) -> Result<()> {
    let began = Instant::now();
    loop {
        match inner.store.end_query(&ended, &events).await {
            Ok(false) if succeeded => return not_lost(inner, &ended).await,
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() >= END_PATIENCE => {
                tracing::error!(query_id = %ended.id, %error, "the final state cannot be stored yet");
                inner.spawn(store_end_later(Arc::clone(inner), ended, events))?;
                return Err(inner.audit_failed(error));
            }
            Err(_) => tokio::time::sleep(END_PAUSE).await,
        }
    }
}

/// The query had ended already: by an earlier try whose answer was lost, or because this node was given up for lost. The
/// caller is told no other story than the record.
async fn not_lost(inner: &Inner, ended: &QueryEnd) -> Result<()> {
    let record = inner.store.find_query(&ended.id).await.map_err(crate::store_error)?;
    if record.is_some_and(|record| record.state == ended.state) {
        Ok(())
    } else {
        Err(QueryError::new(
            ErrorCode::ServerLost,
            "the query was given up for lost while it ran",
        ))
    }
}

/// Goes on until the store takes it: no record stays open while its server lives.
async fn store_end_later(inner: Arc<Inner>, ended: QueryEnd, events: Vec<AuditEvent>) {
    while inner.store.end_query(&ended, &events).await.is_err() {
        tokio::time::sleep(END_PAUSE).await;
    }
}

fn failure(error: &QueryError) -> QueryFailure {
    QueryFailure {
        code: error.code.text().to_owned(),
        message: error.message.clone(),
        retryable: error.retryable(),
        line: error.location.map(|location| location.line),
        column: error.location.map(|location| location.column),
    }
}
