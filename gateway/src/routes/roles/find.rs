//! What is one role?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, role};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find a role
#[utoipa::path(
    get, path = "/v1/roles/{name}", tag = "identity", params(("name" = String, Path)),
    responses(
        (status = 200, body = role::Role, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_role(desk: Desk, Path(name): Path<String>) -> Result<Response> {
    to_wire::entry::found::<role::Role>(desk.find(Kind::Role, &name)?)
}
