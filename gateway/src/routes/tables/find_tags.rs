//! Which tags does a table have?

use axum::response::Response;
use lakegate_catalog::name::TableName;
use lakegate_openapi::{error, tag};

use crate::{
    error::Result,
    extract::Path,
    stored::{Desk, Tagged},
    to_wire,
};

/// Find the tags of a table
///
/// Its own, and the effective ones: the nearest value of catalog, database, table and column.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/tags", tag = "governance", params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view")),
    responses(
        (status = 200, body = tag::ObjectTags, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_table_tags(
    desk: Desk,
    Path((catalog, database, table)): Path<(String, String, String)>,
) -> Result<Response> {
    let tagged = Tagged::table(&desk, &TableName::new(&catalog, &database, &table))?;
    Ok(to_wire::entry::with_version(tagged.version, &tagged.tags))
}
