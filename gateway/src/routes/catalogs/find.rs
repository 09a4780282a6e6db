//! What is one catalog?

use axum::response::Response;
use lakegate_openapi::{catalog, error};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find a catalog
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}", tag = "catalog", params(("catalog" = String, Path)),
    responses(
        (status = 200, body = catalog::Catalog, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_catalog(desk: Desk, Path(name): Path<String>) -> Result<Response> {
    let found = desk.catalog(&name)?;
    Ok(to_wire::entry::with_version(
        found.version,
        &to_wire::relation::catalog(&desk, &found)?,
    ))
}
