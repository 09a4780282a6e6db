//! What is one API key?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{api_key, error};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find an API key
#[utoipa::path(
    get, path = "/v1/api-keys/{name}", tag = "identity", params(("name" = String, Path)),
    responses(
        (status = 200, body = api_key::ApiKey, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_api_key(desk: Desk, Path(name): Path<String>) -> Result<Response> {
    to_wire::entry::found::<api_key::ApiKey>(desk.find(Kind::Key, &name)?)
}
