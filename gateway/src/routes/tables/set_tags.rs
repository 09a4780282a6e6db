//! How is a table tagged?

use axum::response::Response;
use lakegate_catalog::name::TableName;
use lakegate_openapi::{error, tag};

use crate::{
    error::Result,
    extract::{Json, Path},
    stored::{Desk, IfMatch, Tagged},
    to_wire,
};

/// Set the tags of a table
///
/// What it has itself is replaced. Needs `AssociateTag` on each key that changes, and on the table.
#[utoipa::path(
    put, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/tags", tag = "governance", request_body = tag::SetTags,
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = tag::ObjectTags, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn set_table_tags(
    desk: Desk,
    Path((catalog, database, table)): Path<(String, String, String)>,
    if_match: IfMatch,
    Json(body): Json<tag::SetTags>,
) -> Result<Response> {
    let tagged = Tagged::table(&desk, &TableName::new(&catalog, &database, &table))?;
    let tagged = tagged.set(&desk, body.own, &if_match).await?;
    Ok(to_wire::entry::with_version(tagged.version, &tagged.tags))
}
