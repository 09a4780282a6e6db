//! How is a policy made?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, policy};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;
use serde_json::{Map, Value};

use crate::{error::Result, extract::Json, from_wire, stored::Desk, to_wire};

/// Create a policy
///
/// Its `@id` is its name. The whole set is validated strictly before it is in force.
#[utoipa::path(
    post, path = "/v1/policies", tag = "governance", request_body = policy::CreatePolicy,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = policy::Policy, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_policy(desk: Desk, Json(body): Json<Map<String, Value>>) -> Result<Response> {
    let (name, entry) = from_wire::policy::named(body)?;
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let view = desk.create(Kind::Policy, &name, entry).await?;
    to_wire::entry::created::<policy::Policy>(&["policies", &name], view)
}
