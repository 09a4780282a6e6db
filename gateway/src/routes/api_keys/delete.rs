//! How is an API key revoked?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::error;

use crate::{
    error::Result,
    extract::Path,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Revoke an API key
///
/// It is refused from the next request on. One's own needs no permission.
#[utoipa::path(
    delete, path = "/v1/api-keys/{name}", tag = "identity", params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_api_key(desk: Desk, Path(name): Path<String>, if_match: IfMatch) -> Result<Response> {
    desk.find(Kind::Key, &name)?;
    desk.delete(Kind::Key, &name, &if_match).await?;
    Ok(to_wire::entry::deleted())
}
