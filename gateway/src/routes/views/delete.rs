//! How does a view go?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::error;

use crate::{
    error::Result,
    extract::Path,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Delete a view
///
/// Its filters, masks and grants go with it. Views that read it are broken from then on.
#[utoipa::path(
    delete, path = "/v1/catalogs/{catalog}/databases/{database}/views/{view}", tag = "catalog",
    params(("catalog" = String, Path), ("database" = String, Path), ("view" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_view(
    desk: Desk,
    Path((catalog, database, view)): Path<(String, String, String)>,
    if_match: IfMatch,
) -> Result<Response> {
    let name = TableName::new(&catalog, &database, &view);
    let found = desk.view_path(&name)?;
    desk.require_drop(Kind::View, &found.table.id).await?;
    desk.delete(Kind::View, &name.to_string(), &if_match).await?;
    Ok(to_wire::entry::deleted())
}
