//! How does a policy go?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::error;
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::Path,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Delete a policy
#[utoipa::path(
    delete, path = "/v1/policies/{name}", tag = "governance", params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_policy(desk: Desk, Path(name): Path<String>, if_match: IfMatch) -> Result<Response> {
    desk.find(Kind::Policy, &name)?;
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    desk.delete(Kind::Policy, &name, &if_match).await?;
    Ok(to_wire::entry::deleted())
}
