//! Which queries were there?

use axum::extract::State;
use lakegate_openapi::{error, query};

use crate::{
    app::AppState,
    error::Result,
    extract::{Authenticated, Json, Query},
    from_wire, to_wire,
};

/// List queries
///
/// Newest first; only those that the caller may view.
#[utoipa::path(
    get, path = "/v1/queries", tag = "queries", params(query::ListQueries),
    responses((status = 200, body = query::QueryList), (status = "default", description = "refused", body = error::Error))
)]
pub async fn list_queries(
    State(app): State<AppState>,
    Authenticated(caller): Authenticated,
    Query(parameters): Query<query::ListQueries>,
) -> Result<Json<query::QueryList>> {
    let page = from_wire::query::page(&app.cursors, &caller, &parameters)?;
    let records = app.queries.list(&caller, page.request.clone()).await?;
    Ok(Json(to_wire::query::list(&app.cursors, &page, &records)))
}
