//! How does a catalog go?

use axum::response::Response;
use lakegate_catalog::{name::quoted, object::Kind};
use lakegate_openapi::error;

use crate::{
    error::Result,
    extract::Path,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Delete a catalog
///
/// It must be empty, or discovered. Grants on it go with it.
#[utoipa::path(
    delete, path = "/v1/catalogs/{catalog}", tag = "catalog", params(("catalog" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_catalog(desk: Desk, Path(name): Path<String>, if_match: IfMatch) -> Result<Response> {
    let found = desk.catalog(&name)?;
    desk.require_drop(Kind::Catalog, &found.id).await?;
    desk.delete(Kind::Catalog, &quoted(&found.name), &if_match).await?;
    Ok(to_wire::entry::deleted())
}
