//! Is Cedar text right?

use lakegate_openapi::{error, policy};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{error::Result, extract::Json, from_wire, stored::Desk, to_wire};

/// Validate policies
///
/// As if they were stored: names are resolved, and the whole set is validated strictly. Nothing is stored. Needs
/// `ManagePolicy`, because resolving tells which names exist.
#[utoipa::path(
    post, path = "/v1/policies/validate", tag = "governance", request_body = policy::ValidatePolicies,
    responses(
        (status = 200, body = policy::PolicyValidation),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn validate_policies(
    desk: Desk,
    Json(body): Json<policy::ValidatePolicies>,
) -> Result<Json<policy::PolicyValidation>> {
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let mut found = from_wire::policy::check(desk.snapshot(), &body.text);
    if body.stored {
        found.and(from_wire::policy::check_stored(desk.snapshot()));
    }
    Ok(Json(to_wire::policy::validation(found)))
}
