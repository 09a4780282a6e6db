//! What has become of a query?

use std::time::Duration;

use axum::{extract::State, response::Response};
use lakegate_openapi::{error, query};

use crate::{
    app::AppState,
    error::Result,
    extract::{Authenticated, Path, Query},
    from_wire, to_wire,
};

/// Find a query
///
/// With `wait_ms` the answer comes when the state changes, or after that time. A query of somebody else does not exist,
/// unless a policy permits to view it.
#[utoipa::path(
    get, path = "/v1/queries/{id}", tag = "queries", params(("id" = String, Path), query::FindQuery),
    responses((status = 200, body = query::Query), (status = "default", description = "refused", body = error::Error))
)]
pub async fn find_query(
    State(app): State<AppState>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(parameters): Query<query::FindQuery>,
) -> Result<Response> {
    let record = match from_wire::query::wait(parameters)? {
        Duration::ZERO => app.queries.find(&caller, &id).await?,
        wait => app.queries.wait(&caller, &id, wait).await?,
    };
    Ok(to_wire::query::found(&record))
}
