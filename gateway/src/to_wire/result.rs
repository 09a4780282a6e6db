//! How do rows leave? As a streamed body in the format that was asked for.

use axum::{body::Body, response::Response};
use futures::TryStreamExt;
use http::{HeaderValue, header};
use lakegate_query::service::{RunningQuery, StoredResult};

use super::query::QUERY_ID;
use crate::{
    cursor::CursorSeal,
    error::{ApiError, Result},
    from_wire::result::ResultPage,
    results_format::{self, ResultFormat},
};

const NEXT_CURSOR: &str = "lakegate-next-cursor";

/// The rows of a query that runs.
///
/// # Errors
/// If the schema cannot be written in this format.
pub fn stream(format: ResultFormat, running: RunningQuery) -> Result<Response> {
    let body = results_format::encode(format, &running.schema, running.batches, None)?;
    Ok(response(
        format,
        &running.id,
        Body::from_stream(body.inspect_err(log_cut)),
    ))
}

/// A page of a stored result.
///
/// # Errors
/// If the schema cannot be written in this format.
pub fn page(seal: &CursorSeal, page: &ResultPage, format: ResultFormat, result: StoredResult) -> Result<Response> {
    let end = page
        .limit
        .and_then(|limit| page.offset.checked_add(limit))
        .filter(|end| *end < result.total_rows);
    let next = end.map(|offset| seal.seal(&page.scope, &offset));
    let body = results_format::encode(format, &result.schema, result.batches, next.clone())?;
    let mut response = response(format, &page.query_id, Body::from_stream(body.inspect_err(log_cut)));
    if let Some(Ok(cursor)) = next.map(|cursor| HeaderValue::from_str(&cursor)) {
        response.headers_mut().insert(NEXT_CURSOR, cursor);
    }
    Ok(response)
}

fn response(format: ResultFormat, query_id: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    if let Ok(id) = HeaderValue::from_str(query_id) {
        headers.insert(QUERY_ID, id);
    }
    response
}

/// The connection is about to be cut: the client sees no code any more, so the log must.
fn log_cut(error: &ApiError) {
    tracing::warn!(error.code = error.code().text(), "a result was cut");
}
