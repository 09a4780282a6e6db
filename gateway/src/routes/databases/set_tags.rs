//! How is a database tagged?

use axum::response::Response;
use lakegate_openapi::{error, tag};

use crate::{
    error::Result,
    extract::{Json, Path},
    stored::{DatabaseName, Desk, IfMatch, Tagged},
    to_wire,
};

/// Set the tags of a database
///
/// What it has itself is replaced. Needs `AssociateTag` on each key that changes, and on the database.
#[utoipa::path(
    put, path = "/v1/catalogs/{catalog}/databases/{database}/tags", tag = "governance", request_body = tag::SetTags,
    params(("catalog" = String, Path), ("database" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = tag::ObjectTags, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn set_database_tags(
    desk: Desk,
    Path((catalog, database)): Path<(String, String)>,
    if_match: IfMatch,
    Json(body): Json<tag::SetTags>,
) -> Result<Response> {
    let tagged = Tagged::database(&desk, DatabaseName { catalog, database })?;
    let tagged = tagged.set(&desk, body.own, &if_match).await?;
    Ok(to_wire::entry::with_version(tagged.version, &tagged.tags))
}
