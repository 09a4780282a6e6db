//! How is a table changed?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{error, list::MergePatch, table};

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update a table
///
/// Columns that the caller does not see stay as and where they are.
#[utoipa::path(
    patch, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}", tag = "catalog", request_body = MergePatch,
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = table::Table, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_table(
    desk: Desk,
    Path((catalog, database, table)): Path<(String, String, String)>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    let name = TableName::new(&catalog, &database, &table);
    let found = desk.table(&name)?;
    let patch = from_wire::entry::patch(patch);
    desk.require_change(Kind::Table, &found.table.id, &patch).await?;
    let changed = desk.update(Kind::Table, &name.to_string(), &patch, &if_match).await?;
    let desk = desk.reopened().await?;
    Ok(to_wire::entry::with_version(
        changed.version,
        &to_wire::relation::table_of(&desk, &changed.id)?,
    ))
}
