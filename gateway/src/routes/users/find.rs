//! What is one user?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, user};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find a user
#[utoipa::path(
    get, path = "/v1/users/{name}", tag = "identity", params(("name" = String, Path)),
    responses(
        (status = 200, body = user::User, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_user(desk: Desk, Path(name): Path<String>) -> Result<Response> {
    to_wire::entry::found::<user::User>(desk.find(Kind::User, &name)?)
}
