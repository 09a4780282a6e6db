//! How is a query submitted?

use axum::{extract::State, response::Response};
use http::HeaderMap;
use lakegate_openapi::{error, query};

use crate::{
    app::AppState,
    error::Result,
    extract::{Authenticated, Json},
    from_wire,
    prefer::PreferWait,
    to_wire,
};

/// Submit a query
///
/// It runs in the background and its result is kept. With `Prefer: wait=N` (at most 60 seconds) the answer comes when it
/// has ended, or after N seconds. Size, workgroup and syntax are checked at once; everything later ends the query in FAILED.
#[utoipa::path(
    post, path = "/v1/queries", tag = "queries", request_body = query::SubmitQuery,
    params(
        ("Prefer" = Option<String>, Header, description = "`wait=10`: wait for the end"),
        ("Lakegate-On-Behalf-Of" = Option<String>, Header, description = "as `on_behalf_of` in the body"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body start one query only"),
    ),
    responses(
        (status = 200, description = "it has ended within the wait", body = query::Query),
        (status = 202, description = "it is on its way", body = query::Query, headers(("Location" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn submit_query(
    State(app): State<AppState>,
    Authenticated(caller): Authenticated,
    PreferWait(wait): PreferWait,
    headers: HeaderMap,
    Json(body): Json<query::SubmitQuery>,
) -> Result<Response> {
    let record = app.submit(&caller, from_wire::query::request(body, &headers)?).await?;
    let record = app.wait_for_end(&caller, record, wait.unwrap_or_default()).await?;
    Ok(to_wire::query::submitted(&record, wait))
}
