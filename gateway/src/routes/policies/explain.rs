//! Why is it decided so?

use lakegate_openapi::{error, policy_explanation};

use crate::{error::Result, extract::Json, from_wire, stored::Desk, to_wire};

/// Explain a decision
///
/// Which policies and grants allow or deny an action on an object, and which ones nearly do. For a table also what follows for
/// its rows and columns. Callers are told about themselves, and only what they can find out by asking; holders of
/// `SimulateAs` are told about everybody, with the conditions that failed. What one may not know of is not found.
#[utoipa::path(
    post, path = "/v1/policies/explain", tag = "governance", request_body = policy_explanation::ExplainPolicies,
    responses(
        (status = 200, body = policy_explanation::PolicyExplanation),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn explain_policies(
    desk: Desk,
    Json(body): Json<policy_explanation::ExplainPolicies>,
) -> Result<Json<policy_explanation::PolicyExplanation>> {
    let inquiry = from_wire::inquiry::inquiry(body)?;
    let answer = desk.clone().explain(inquiry).await?;
    Ok(Json(to_wire::explanation::explanation(&desk, &answer)?))
}
