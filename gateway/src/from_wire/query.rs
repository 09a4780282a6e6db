//! What does a request about queries ask for?

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::HeaderMap;
use lakegate_catalog::record::{QueryRecord, QueryState};
use lakegate_openapi::query as wire;
use lakegate_query::{
    context::Caller,
    service::{ListQueries, RequestLimits, SubmitRequest},
};

use crate::{
    cursor::{CursorScope, CursorSeal, page_limit},
    error::{ApiError, Result},
    prefer::MAX_WAIT,
};

/// A page of the list of queries, with what its next cursor is bound to.
#[derive(Clone, Debug)]
pub struct QueryPage {
    pub request: ListQueries,
    pub scope: CursorScope,
}

/// Names whom the caller acts for, for clients that cannot say it in the body.
pub const ON_BEHALF_OF: &str = "lakegate-on-behalf-of";

/// A statement with everything that is said about it.
///
/// # Errors
/// `INVALID_REQUEST` if header and body act for two users, or the header is no text.
pub fn request(body: wire::SubmitQuery, headers: &HeaderMap) -> Result<SubmitRequest> {
    let on_behalf_of = on_behalf_of(body.on_behalf_of, headers)?;
    Ok(SubmitRequest {
        sql: body.sql,
        catalog: body.catalog,
        database: body.database,
        workgroup: body.workgroup,
        parameters: body.parameters,
        dialect: body.dialect,
        labels: body.labels,
        purpose: body.purpose,
        on_behalf_of,
        limits: RequestLimits {
            scanned_bytes: body.limits.scanned_bytes,
            rows: body.limits.rows,
            result_bytes: body.limits.result_bytes,
            memory_bytes: body.limits.memory_bytes,
            timeout_ms: body.limits.timeout_ms,
        },
    })
}

/// INVARIANT: what cannot be understood is refused: without it the caller would see more.
fn on_behalf_of(body: Option<String>, headers: &HeaderMap) -> Result<Option<String>> {
    let Some(named) = acting_for(headers)? else {
        return Ok(body);
    };
    if body.as_deref().is_some_and(|body| body != named) {
        return Err(ApiError::invalid(
            "`on_behalf_of` and the header `Lakegate-On-Behalf-Of` name two users: leave one out",
        ));
    }
    Ok(Some(named.to_owned()))
}

/// Whom the header names.
///
/// # Errors
/// `INVALID_REQUEST` if it is no text.
pub fn acting_for(headers: &HeaderMap) -> Result<Option<&str>> {
    let Some(value) = headers.get(ON_BEHALF_OF) else {
        return Ok(None);
    };
    let named = value.to_str().ok().filter(|name| !name.is_empty());
    let named = named.ok_or_else(|| ApiError::invalid("the header `Lakegate-On-Behalf-Of` names no user"))?;
    Ok(Some(named))
}

/// Rows that were made for somebody else, or for nobody but the caller, may be more than the named user may see.
///
/// # Errors
/// `INVALID_REQUEST` if the query was not run on behalf of the named user.
pub fn check_acted_for(record: &QueryRecord, named: &str) -> Result<()> {
    match &record.on_behalf_of {
        Some(user) if user.name == named => Ok(()),
        _ => Err(ApiError::invalid(format!(
            "query `{}` was not run on behalf of `{named}`: leave `Lakegate-On-Behalf-Of` out, or run it for them",
            record.id
        ))),
    }
}

/// How long to wait for a change.
///
/// # Errors
/// `INVALID_REQUEST` beyond a minute.
pub fn wait(parameters: wire::FindQuery) -> Result<Duration> {
    let wait = Duration::from_millis(parameters.wait_ms.unwrap_or_default());
    if wait > MAX_WAIT {
        Err(ApiError::invalid("`wait_ms` must be at most 60000"))
    } else {
        Ok(wait)
    }
}

/// The page of the list that the parameters ask for.
///
/// # Errors
/// `INVALID_CURSOR`, or `INVALID_REQUEST` for the limit.
pub fn page(seal: &CursorSeal, caller: &Caller, parameters: &wire::ListQueries) -> Result<QueryPage> {
    let scope = CursorScope::new(caller, "/v1/queries", &(parameters.state, &parameters.workgroup));
    let before: Option<(DateTime<Utc>, String)> = match &parameters.cursor {
        Some(cursor) => Some(seal.open(&scope, cursor)?),
        None => None,
    };
    let request = ListQueries {
        state: parameters.state.map(state),
        workgroup: parameters.workgroup.clone(),
        before,
        limit: page_limit(parameters.limit)?,
    };
    Ok(QueryPage { request, scope })
}

/// The last event that the client has seen.
#[must_use]
pub fn last_event(headers: &HeaderMap) -> u64 {
    let value = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    value.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

fn state(state: wire::QueryState) -> QueryState {
    match state {
        wire::QueryState::Queued => QueryState::Queued,
        wire::QueryState::Running => QueryState::Running,
        wire::QueryState::Succeeded => QueryState::Succeeded,
        wire::QueryState::Failed => QueryState::Failed,
        wire::QueryState::Cancelled => QueryState::Cancelled,
    }
}
