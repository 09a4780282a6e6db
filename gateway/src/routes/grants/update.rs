//! How is a grant changed?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, grant, list::MergePatch};

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update a grant
///
/// Its `expires` and `with_grant_option`: who has what on which object is another grant. Needs `Revoke` on what it was and
/// `Grant` on what it becomes. Nobody changes a grant to themselves.
#[utoipa::path(
    patch, path = "/v1/grants/{id}", tag = "governance", request_body = MergePatch,
    params(("id" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = grant::Grant, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_grant(
    desk: Desk,
    Path(id): Path<String>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    desk.find(Kind::Grant, &id)?;
    let patch = from_wire::grant::patch(patch)?;
    let view = desk.update(Kind::Grant, &id, &patch, &if_match).await?;
    to_wire::entry::found::<grant::Grant>(view)
}
