//! How is a role changed?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, list::MergePatch, role};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update a role
#[utoipa::path(
    patch, path = "/v1/roles/{name}", tag = "identity", request_body = MergePatch,
    params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = role::Role, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_role(
    desk: Desk,
    Path(name): Path<String>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    let found = desk.find(Kind::Role, &name)?;
    desk.require(
        Action::ManageIdentity,
        &ObjectRef::new("Role", found.id.as_str()),
        &format!("role:{name}"),
    )
    .await?;
    let view = desk
        .update(Kind::Role, &name, &from_wire::entry::patch(patch), &if_match)
        .await?;
    to_wire::entry::found::<role::Role>(view)
}
