//! How is a tag key made?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, tag};
use serde_json::{Map, Value};

use crate::{error::Result, extract::Json, from_wire, stored::Desk, to_wire};

/// Create a tag key
#[utoipa::path(
    post, path = "/v1/tags", tag = "governance", request_body = tag::CreateTagKey,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = tag::TagKey, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_tag_key(desk: Desk, Json(body): Json<Map<String, Value>>) -> Result<Response> {
    let (name, entry) = from_wire::entry::named(body)?;
    let view = desk.create(Kind::Tag, &name, entry).await?;
    to_wire::entry::created::<tag::TagKey>(&["tags", &name], view)
}
