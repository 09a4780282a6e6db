//! How is a user changed?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, list::MergePatch, user};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update a user
#[utoipa::path(
    patch, path = "/v1/users/{name}", tag = "identity", request_body = MergePatch,
    params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = user::User, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_user(
    desk: Desk,
    Path(name): Path<String>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    let found = desk.find(Kind::User, &name)?;
    desk.require(
        Action::ManageIdentity,
        &ObjectRef::new("User", found.id.as_str()),
        &format!("user:{name}"),
    )
    .await?;
    let view = desk
        .update(Kind::User, &name, &from_wire::entry::patch(patch), &if_match)
        .await?;
    to_wire::entry::found::<user::User>(view)
}
