//! What could somebody else do?

use lakegate_openapi::{error, policy_simulation};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{error::Result, extract::Json, from_wire, stored::Desk, to_wire};

/// Simulate a request of somebody else
///
/// An action on an object, or a query, under circumstances that are told, by the policies in force or by a draft of others.
/// Nothing runs: the answer has decisions with their reasons and the plan, and no row. Needs `SimulateAs`; audited.
#[utoipa::path(
    post, path = "/v1/policies/simulate", tag = "governance", request_body = policy_simulation::SimulatePolicies,
    responses(
        (status = 200, body = policy_simulation::PolicySimulation),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn simulate_policies(
    desk: Desk,
    Json(body): Json<policy_simulation::SimulatePolicies>,
) -> Result<Json<policy_simulation::PolicySimulation>> {
    desk.require(Action::SimulateAs, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let wish = from_wire::inquiry::wish(desk.snapshot(), body)?;
    let done = desk.clone().simulate(wish).await?;
    Ok(Json(to_wire::explanation::simulated(&desk, &done)?))
}
