//! What are the rows of a query?

use axum::{
    extract::{FromRequestParts, State},
    response::Response,
};
use http::request::Parts;
use lakegate_openapi::{error, query_result};

use crate::{
    app::AppState,
    error::{ApiError, Result},
    extract::{Authenticated, Path, Query},
    from_wire,
    results_format::ResultFormat,
    to_wire,
};

/// What the headers say of rows.
#[derive(Debug)]
pub struct Wanted {
    format: ResultFormat,
    acting_for: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self {
            format: ResultFormat::negotiate(&parts.headers)?,
            acting_for: from_wire::query::acting_for(&parts.headers)?.map(str::to_owned),
        })
    }
}

/// Fetch the results of a query
///
/// The format follows `Accept`: Arrow stream (default), JSON, NDJSON, CSV or Parquet. Without `limit` all rows are
/// streamed. `Lakegate-On-Behalf-Of`, if it is sent, must name whom the query was run for. The cursor
/// of the next page is in the header `Lakegate-Next-Cursor`, in JSON also in the body.
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
    wanted: Wanted,
    Path(id): Path<String>,
    Query(parameters): Query<query_result::FetchResults>,
) -> Result<Response> {
    if let Some(named) = wanted.acting_for {
        let record = app.queries.find(&caller, &id).await?;
        from_wire::query::check_acted_for(&record, &named)?;
    }
    let page = from_wire::result::page(&app.cursors, &caller, &id, &parameters)?;
    let result = app.queries.results(&caller, &id, page.offset, page.limit).await?;
    to_wire::result::page(&app.cursors, &page, wanted.format, result)
}
