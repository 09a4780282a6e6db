//! What is one policy?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, policy};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find a policy
#[utoipa::path(
    get, path = "/v1/policies/{name}", tag = "governance", params(("name" = String, Path)),
    responses(
        (status = 200, body = policy::Policy, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_policy(desk: Desk, Path(name): Path<String>) -> Result<Response> {
    to_wire::entry::found::<policy::Policy>(desk.find(Kind::Policy, &name)?)
}
