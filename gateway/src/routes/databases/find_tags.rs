//! Which tags does a database have?

use axum::response::Response;
use lakegate_openapi::{error, tag};

use crate::{
    error::Result,
    extract::Path,
    stored::{DatabaseName, Desk, Tagged},
    to_wire,
};

/// Find the tags of a database
///
/// Its own, and the effective ones: the nearest value of catalog, database, table and column.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/tags", tag = "governance", params(("catalog" = String, Path), ("database" = String, Path)),
    responses(
        (status = 200, body = tag::ObjectTags, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_database_tags(desk: Desk, Path((catalog, database)): Path<(String, String)>) -> Result<Response> {
    let tagged = Tagged::database(&desk, DatabaseName { catalog, database })?;
    Ok(to_wire::entry::with_version(tagged.version, &tagged.tags))
}
