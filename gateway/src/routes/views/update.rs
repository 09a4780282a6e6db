//! How is a view changed?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{error, list::MergePatch, view};

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update a view
///
/// Another `sql` or `security` settles anew what the view means; with the rights of anybody but the caller that needs
/// `ManagePolicy`.
#[utoipa::path(
    patch, path = "/v1/catalogs/{catalog}/databases/{database}/views/{view}", tag = "catalog", request_body = MergePatch,
    params(("catalog" = String, Path), ("database" = String, Path), ("view" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = view::View, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_view(
    desk: Desk,
    Path((catalog, database, view)): Path<(String, String, String)>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    let name = TableName::new(&catalog, &database, &view);
    let found = desk.view_path(&name)?;
    let patch = from_wire::entry::patch(patch);
    desk.require_change(Kind::View, &found.table.id, &patch).await?;
    let changed = desk.update(Kind::View, &name.to_string(), &patch, &if_match).await?;
    let desk = desk.reopened().await?;
    Ok(to_wire::entry::with_version(
        changed.version,
        &to_wire::view::of(&desk, &changed.id)?,
    ))
}
