//! May these stored rows be fetched, and what does the audit trail keep of it? What the submitter gets was audited when the
//! query ran; rows that somebody else gets are audited as if they had asked for them, and so is every refusal.

use std::collections::BTreeMap;

use lakegate_catalog::{
    audit::AuditEvent,
    id::ObjectId,
    record::{Decisions, QueryRecord},
};
use lakegate_policy::Action;

use super::{Inner, prepare::has_purpose};
use crate::{
    audit::{acting, event},
    authorize::authorize,
    context::{Caller, QueryContext},
    decided,
    error::{QueryError, Result},
};

/// The circumstances in which a caller fetches the rows of a query.
///
/// # Errors
/// `STORE_UNAVAILABLE`.
pub(super) async fn circumstances(inner: &Inner, caller: &Caller, record: &QueryRecord) -> Result<QueryContext> {
    let snapshot = inner.store.confirmed_snapshot().await.map_err(crate::store_error)?;
    let governor = inner.governor(snapshot)?;
    let workgroup = governor.snapshot().find_workgroup(&record.workgroup);
    let mut cx = QueryContext::clone(&*QueryContext::observing(&governor, caller));
    cx.query.clone_from(&record.id);
    cx.request.workgroup = workgroup.map(|group| group.id.as_str().to_owned()).unwrap_or_default();
    // INVARIANT: whoever else fetches the rows must see all of every table by right of their own, for a purpose of their own.
    if record.principal_id == caller.user.as_str() {
        cx.request.purpose.clone_from(&record.purpose);
        cx.request.on_behalf_of = record.on_behalf_of.as_ref().map(|user| user.id.clone());
    } else {
        cx.request.purpose.clone_from(&caller.purpose);
    }
    Ok(cx)
}

/// Decides again what the rows were decided by: may the caller still see them?
///
/// # Errors
/// Those of [`decided::confirm`]; `INVALID_REQUEST` for a purpose that is not the caller's.
pub(super) fn decide(cx: &QueryContext, record: &QueryRecord, decisions: Option<&Decisions>) -> Result<()> {
    let (caller, purpose) = (&cx.caller, cx.request.purpose.as_deref());
    if record.principal_id != caller.user.as_str() {
        has_purpose(&cx.snapshot, &caller.user, &caller.name, purpose)?;
    }
    decided::confirm(cx, &record.principal_id, decisions)
}

/// As [`decide`]; what is to be audited is durable before the answer.
///
/// # Errors
/// Those of [`decide`]; `AUDIT_UNAVAILABLE`.
pub(super) async fn confirm(
    inner: &Inner,
    cx: &QueryContext,
    record: &QueryRecord,
    decisions: Option<&Decisions>,
) -> Result<()> {
    let confirmed = decide(cx, record, decisions);
    let own = record.principal_id == cx.caller.user.as_str();
    let events = match &confirmed {
        Ok(()) if own => Vec::new(),
        Ok(()) => [vec![fetch(cx, record, None)], objects(cx, decisions)].concat(),
        Err(refusal) => vec![fetch(cx, record, Some(refusal))],
    };
    let audited = inner.store.append_audit(&events).await;
    audited.map_err(|error| inner.audit_failed(error))?;
    confirmed
}

/// The fetch itself.
fn fetch(cx: &QueryContext, record: &QueryRecord, refusal: Option<&QueryError>) -> AuditEvent {
    let (name, resource) = (Action::FetchResult.name(), format!("query:{}", record.id));
    let fetched = AuditEvent {
        decision: if refusal.is_none() { "allow" } else { "deny" }.to_owned(),
        outcome: refusal.map_or("ok", |error| error.code.text()).to_owned(),
        query_id: Some(record.id.clone()),
        details: BTreeMap::from([("submitter".to_owned(), record.principal.clone())]),
        ..event(&cx.caller, "query.attempt", name, &resource, &cx.snapshot)
    };
    acting(cx, fetched)
}

/// One event for each object that the rows are made of, as it was decided for the caller.
fn objects(cx: &QueryContext, decisions: Option<&Decisions>) -> Vec<AuditEvent> {
    let tables = decisions.iter().flat_map(|decisions| decisions.tables.keys());
    let paths = tables.filter_map(|table| cx.snapshot.relation_path(&ObjectId::from_stored(table.as_str())));
    let attempts = authorize(cx, &paths.collect::<Vec<_>>());
    let events = attempts
        .into_iter()
        .flat_map(|attempt| std::iter::once(attempt.event).chain(attempt.below));
    events.collect()
}
