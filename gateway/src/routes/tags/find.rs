//! What is one tag key?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, tag};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find a tag key
#[utoipa::path(
    get, path = "/v1/tags/{name}", tag = "governance", params(("name" = String, Path)),
    responses(
        (status = 200, body = tag::TagKey, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_tag_key(desk: Desk, Path(name): Path<String>) -> Result<Response> {
    to_wire::entry::found::<tag::TagKey>(desk.find(Kind::Tag, &name)?)
}
