//! How is a grant revoked?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::error;

use crate::{
    error::Result,
    extract::Path,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Revoke a grant
///
/// Needs `Revoke` on the object, in this context.
#[utoipa::path(
    delete, path = "/v1/grants/{id}", tag = "governance", params(("id" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_grant(desk: Desk, Path(id): Path<String>, if_match: IfMatch) -> Result<Response> {
    desk.find(Kind::Grant, &id)?;
    desk.delete(Kind::Grant, &id, &if_match).await?;
    Ok(to_wire::entry::deleted())
}
