//! What are the rows of a query?

use axum::{extract::State, response::Response};
use lakegate_openapi::{error, query_result};

use crate::{
    app::AppState,
    error::Result,
    extract::{Authenticated, Path, Query},
    from_wire,
    results_format::ResultFormat,
    to_wire,
};

/// Fetch the results of a query
///
/// The format follows `Accept`: Arrow stream (default), JSON, NDJSON, CSV or Parquet. Without `limit` all rows are
/// streamed. The cursor of the next page is in the header `Lakegate-Next-Cursor`, in JSON also in the body.
#[utoipa::path(
    get, path = "/v1/queries/{id}/results", tag = "queries", params(("id" = String, Path), query_result::FetchResults),
    responses(
        (status = 200, description = "the rows", content(
            (query_result::QueryResult = "application/json"),
            (String = "application/vnd.apache.arrow.stream"),
            (String = "application/vnd.apache.parquet"),
            (String = "application/x-ndjson"),
            (String = "text/csv"),
        )),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn fetch_results(
    State(app): State<AppState>,
    Authenticated(caller): Authenticated,
    format: ResultFormat,
    Path(id): Path<String>,
    Query(parameters): Query<query_result::FetchResults>,
) -> Result<Response> {
    let page = from_wire::result::page(&app.cursors, &caller, &id, &parameters)?;
    let result = app.queries.results(&caller, &id, page.offset, page.limit).await?;
    to_wire::result::page(&app.cursors, &page, format, result)
}
