//! How is a policy changed?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, list::MergePatch, policy};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update a policy
#[utoipa::path(
    patch, path = "/v1/policies/{name}", tag = "governance", request_body = MergePatch,
    params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = policy::Policy, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_policy(
    desk: Desk,
    Path(name): Path<String>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    desk.find(Kind::Policy, &name)?;
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let view = desk
        .update(Kind::Policy, &name, &from_wire::entry::patch(patch), &if_match)
        .await?;
    to_wire::entry::found::<policy::Policy>(view)
}
