//! How is a database changed?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{database, error, list::MergePatch};

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{DatabaseName, Desk, IfMatch},
    to_wire,
};

/// Update a database
#[utoipa::path(
    patch, path = "/v1/catalogs/{catalog}/databases/{database}", tag = "catalog", request_body = MergePatch,
    params(("catalog" = String, Path), ("database" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = database::Database, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_database(
    desk: Desk,
    Path((catalog, database)): Path<(String, String)>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    let name = DatabaseName { catalog, database };
    let found = desk.database(&name)?;
    let patch = from_wire::entry::patch(patch);
    desk.require_change(Kind::Database, &found.id, &patch).await?;
    let changed = desk
        .update(Kind::Database, &name.to_string(), &patch, &if_match)
        .await?;
    let desk = desk.reopened().await?;
    Ok(to_wire::entry::with_version(
        changed.version,
        &to_wire::relation::database_of(&desk, &changed.id)?,
    ))
}
