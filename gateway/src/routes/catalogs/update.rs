//! How is a catalog changed?

use axum::response::Response;
use lakegate_catalog::{name::quoted, object::Kind};
use lakegate_openapi::{catalog, error, list::MergePatch};

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update a catalog
#[utoipa::path(
    patch, path = "/v1/catalogs/{catalog}", tag = "catalog", request_body = MergePatch,
    params(("catalog" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = catalog::Catalog, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_catalog(
    desk: Desk,
    Path(name): Path<String>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    let found = desk.catalog(&name)?;
    let patch = from_wire::entry::patch(patch);
    desk.require_change(Kind::Catalog, &found.id, &patch).await?;
    let changed = desk
        .update(Kind::Catalog, &quoted(&found.name), &patch, &if_match)
        .await?;
    let desk = desk.reopened().await?;
    Ok(to_wire::entry::with_version(
        changed.version,
        &to_wire::relation::catalog_of(&desk, &changed.id)?,
    ))
}
