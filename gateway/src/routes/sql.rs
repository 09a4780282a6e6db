//! How are rows got in one call?

use axum::{extract::State, response::Response};
use http::HeaderMap;
use lakegate_openapi::{error, query, query_result};

use crate::{
    app::AppState,
    error::Result,
    extract::{Authenticated, Json},
    from_wire,
    results_format::ResultFormat,
    to_wire,
};

/// Run a query and stream its rows
///
/// The format follows `Accept`: Arrow stream (default), JSON, NDJSON, CSV or Parquet. The query's id is in the header
/// `Lakegate-Query-Id`. An error before the first byte has its status; after it, the stream ends abnormally. Leaving
/// early cancels the query.
#[utoipa::path(
    post, path = "/v1/sql", tag = "queries", request_body = query::SubmitQuery,
    params(("Lakegate-On-Behalf-Of" = Option<String>, Header, description = "as `on_behalf_of` in the body")),
    responses(
        (status = 200, description = "the rows", content(
            (query_result::QueryResult = "application/json"),
            (String = "application/vnd.apache.arrow.stream"),
            (String = "application/vnd.apache.parquet"),
            (String = "application/x-ndjson"),
            (String = "text/csv"),
        ), headers(("Lakegate-Query-Id" = String))),
        (status = "default", description = "refused, or failed before the first row", body = error::Error),
    )
)]
pub async fn run_sql(
    State(app): State<AppState>,
    Authenticated(caller): Authenticated,
    format: ResultFormat,
    headers: HeaderMap,
    Json(body): Json<query::SubmitQuery>,
) -> Result<Response> {
    let running = app.run(&caller, from_wire::query::request(body, &headers)?).await?;
    to_wire::result::stream(format, running)
}
