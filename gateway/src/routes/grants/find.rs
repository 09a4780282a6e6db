//! What is one grant?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, grant};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find a grant
#[utoipa::path(
    get, path = "/v1/grants/{id}", tag = "governance", params(("id" = String, Path)),
    responses(
        (status = 200, body = grant::Grant, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_grant(desk: Desk, Path(id): Path<String>) -> Result<Response> {
    to_wire::entry::found::<grant::Grant>(desk.find(Kind::Grant, &id)?)
}
