//! How is a query stopped?

use axum::{extract::State, response::Response};
use lakegate_openapi::{error, query};

use crate::{
    app::AppState,
    error::Result,
    extract::{Authenticated, Path},
    to_wire,
};

/// Cancel a query
///
/// Idempotent: a query that has ended stays as it is.
#[utoipa::path(
    post, path = "/v1/queries/{id}/cancel", tag = "queries", params(("id" = String, Path)),
    responses((status = 200, body = query::Query), (status = "default", description = "refused", body = error::Error))
)]
pub async fn cancel_query(
    State(app): State<AppState>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Response> {
    let record = app.queries.cancel(&caller, &id).await?;
    Ok(to_wire::query::found(&record))
}
