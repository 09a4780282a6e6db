//! Which tags does a catalog have?

use axum::response::Response;
use lakegate_openapi::{error, tag};

use crate::{
    error::Result,
    extract::Path,
    stored::{Desk, Tagged},
    to_wire,
};

/// Find the tags of a catalog
///
/// Its own, and the effective ones: the nearest value of catalog, database, table and column.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/tags", tag = "governance", params(("catalog" = String, Path)),
    responses(
        (status = 200, body = tag::ObjectTags, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_catalog_tags(desk: Desk, Path(catalog): Path<String>) -> Result<Response> {
    let tagged = Tagged::catalog(&desk, &catalog)?;
    Ok(to_wire::entry::with_version(tagged.version, &tagged.tags))
}
