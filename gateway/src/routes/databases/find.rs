//! What is one database?

use axum::response::Response;
use lakegate_openapi::{database, error};

use crate::{
    error::Result,
    extract::Path,
    stored::{DatabaseName, Desk},
    to_wire,
};

/// Find a database
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}", tag = "catalog",
    params(("catalog" = String, Path), ("database" = String, Path)),
    responses(
        (status = 200, body = database::Database, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_database(desk: Desk, Path((catalog, database)): Path<(String, String)>) -> Result<Response> {
    let desk = desk.with_listed(&catalog, Some(&database)).await?;
    let found = desk.database(&DatabaseName { catalog, database })?;
    Ok(to_wire::entry::with_version(
        found.version,
        &to_wire::relation::database(&desk, &found)?,
    ))
}
