//! What is shown of a query? The record comes redacted; absent figures stay absent.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use lakegate_catalog::record::{QueryFailure, QueryRecord, QueryState, Usage};
use lakegate_openapi::{error::ErrorLocation, query as wire};

use super::time;
use crate::{cursor::CursorSeal, extract::Json, from_wire::query::QueryPage};

/// Header of a query's id.
pub const QUERY_ID: &str = "lakegate-query-id";

/// A query.
#[must_use]
pub fn query(record: &QueryRecord) -> wire::Query {
    wire::Query {
        id: record.id.clone(),
        state: state(record.state),
        sql: record.sql.clone(),
        catalog: record.catalog.clone(),
        database: record.database.clone(),
        workgroup: record.workgroup.clone(),
        principal: record.principal.clone(),
        door: record.door.clone(),
        client: record.client.clone(),
        labels: record.labels.clone(),
        purpose: record.purpose.clone(),
        on_behalf_of: record.on_behalf_of.as_ref().map(|user| user.name.clone()),
        statement: record.statement.clone(),
        submitted_at: time(record.submitted_at),
        started_at: record.started_at.map(time),
        ended_at: record.ended_at.map(time),
        rows: record.usage.rows,
        usage: usage(&record.usage, &record.price_per_tb),
        error: record.failure.as_ref().map(failure),
        results_expire_at: record.result.as_ref().map(|result| time(result.expires_at)),
    }
}

/// The answer that shows a query.
#[must_use]
pub fn found(record: &QueryRecord) -> Response {
    let mut response = Json(query(record)).into_response();
    if let Ok(id) = HeaderValue::from_str(&record.id) {
        response.headers_mut().insert(QUERY_ID, id);
    }
    response
}

/// The answer to a submission: 200 if it has ended within the wait, else 202.
#[must_use]
pub fn submitted(record: &QueryRecord, wait: Option<Duration>) -> Response {
    let mut response = found(record);
    if wait.is_none() || !record.state.is_final() {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/queries/{}", record.id)) {
        headers.insert(header::LOCATION, location);
    }
    if let Some(Ok(applied)) = wait.map(|wait| HeaderValue::from_str(&format!("wait={}", wait.as_secs()))) {
        headers.insert("preference-applied", applied);
    }
    response
}

/// A page of queries. A full page has a cursor, even if nothing follows.
pub fn list(seal: &CursorSeal, page: &QueryPage, records: &[QueryRecord]) -> wire::QueryList {
    let full = u32::try_from(records.len()).is_ok_and(|length| length >= page.request.limit);
    let last = records.last().filter(|_| full);
    wire::QueryList {
        items: records.iter().map(query).collect(),
        next_cursor: last.map(|record| seal.seal(&page.scope, &(record.submitted_at, &record.id))),
    }
}

pub(super) fn state(state: QueryState) -> wire::QueryState {
    match state {
        QueryState::Queued => wire::QueryState::Queued,
        QueryState::Running => wire::QueryState::Running,
        QueryState::Succeeded => wire::QueryState::Succeeded,
        QueryState::Failed => wire::QueryState::Failed,
        QueryState::Cancelled => wire::QueryState::Cancelled,
    }
}

fn usage(usage: &Usage, price_per_tb: &str) -> wire::QueryUsage {
    let detail = |figure: u64| usage.detailed.then_some(figure);
    wire::QueryUsage {
        scanned_bytes: if usage.detailed {
            usage.scanned_bytes
        } else {
            usage.shown_scanned_bytes
        },
        fetched_bytes: detail(usage.fetched_bytes),
        connector_bytes: detail(usage.connector_bytes),
        // The service has computed it from what may be shown.
        billed_bytes: Some(usage.billed_bytes),
        peak_memory_bytes: detail(usage.peak_memory_bytes),
        spilled_bytes: detail(usage.spilled_bytes),
        by_connection: if usage.detailed {
            usage.by_connection.clone()
        } else {
            Default::default()
        },
        price_per_tb: price_per_tb.to_owned(),
    }
}

fn failure(failure: &QueryFailure) -> wire::QueryFailure {
    wire::QueryFailure {
        code: failure.code.clone(),
        message: failure.message.clone(),
        retryable: failure.retryable,
        location: failure
            .line
            .zip(failure.column)
            .map(|(line, column)| ErrorLocation { line, column }),
    }
}
