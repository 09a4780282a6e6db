//! How does a database go?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::error;

use crate::{
    error::Result,
    extract::Path,
    stored::{DatabaseName, Desk, IfMatch},
    to_wire,
};

/// Delete a database
///
/// It must be empty. Grants on it go with it.
#[utoipa::path(
    delete, path = "/v1/catalogs/{catalog}/databases/{database}", tag = "catalog",
    params(("catalog" = String, Path), ("database" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_database(
    desk: Desk,
    Path((catalog, database)): Path<(String, String)>,
    if_match: IfMatch,
) -> Result<Response> {
    let name = DatabaseName { catalog, database };
    let found = desk.database(&name)?;
    desk.require_drop(Kind::Database, &found.id).await?;
    desk.delete(Kind::Database, &name.to_string(), &if_match).await?;
    Ok(to_wire::entry::deleted())
}
