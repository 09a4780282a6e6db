//! How is an audit event shown? As it is stored, with its place in the chain.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};
use lakegate_catalog::audit::AuditRecord;
use lakegate_openapi::{audit_event as wire, list::List};

use super::{ocsf, time};
use crate::{from_wire::audit_event::AuditPage, stored::Desk};

/// Where a page without an envelope says how to go on.
const NEXT_CURSOR: HeaderName = HeaderName::from_static("lakegate-next-cursor");

/// A page of events; `records` may hold one more than it has.
#[must_use]
pub fn list(desk: &Desk, page: &AuditPage, records: Vec<AuditRecord>) -> List<wire::AuditEvent> {
    let more = records.len() > page.limit;
    let shown: Vec<AuditRecord> = records.into_iter().take(page.limit).collect();
    let last = shown.last().filter(|_| more);
    let next_cursor = last.map(|record| desk.app().cursors.seal(&page.scope, &record.position));
    List {
        items: shown.into_iter().map(audit_event).collect(),
        next_cursor,
    }
}

/// The same page as JSON lines of OCSF; the next cursor is a header.
#[must_use]
pub fn ocsf_lines(page: List<wire::AuditEvent>) -> Response {
    let lines: String = page
        .items
        .iter()
        .map(|event| format!("{}\n", ocsf::event(event)))
        .collect();
    let mut response = ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response();
    if let Some(cursor) = page.next_cursor.and_then(|cursor| HeaderValue::from_str(&cursor).ok()) {
        response.headers_mut().insert(NEXT_CURSOR, cursor);
    }
    response
}

/// An event.
#[must_use]
pub fn audit_event(record: AuditRecord) -> wire::AuditEvent {
    let event = record.event;
    wire::AuditEvent {
        time: time(event.time),
        kind: event.kind,
        principal: event.principal,
        principal_id: event.principal_id,
        method: event.method,
        address: event.address,
        door: event.door,
        action: event.action,
        resource: event.resource,
        resource_id: event.resource_id,
        decision: event.decision,
        outcome: event.outcome,
        policies: event.policies,
        filters: event.filters,
        restrictive: event.restrictive,
        masks: event.masks,
        hidden: event.hidden,
        snapshot_version: event.snapshot_version,
        policy_version: event.policy_version,
        query_id: event.query_id,
        trace_id: event.trace_id,
        rows: event.rows,
        bytes: event.bytes,
        details: event.details,
        stream: record.stream,
        seq: record.seq,
        prev: record.prev,
        hash: record.hash,
    }
}
