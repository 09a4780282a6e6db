//! How is something granted?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, grant};
use serde_json::{Map, Value};

use crate::{error::Result, extract::Json, from_wire, stored::Desk, to_wire};

/// Create a grant
///
/// Of one privilege on one object; several at once go through `/v1/apply`. Needs `Grant` on the object, in this context.
/// Nobody grants to themselves.
#[utoipa::path(
    post, path = "/v1/grants", tag = "governance", request_body = grant::CreateGrant,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = grant::Grant, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_grant(desk: Desk, Json(body): Json<Map<String, Value>>) -> Result<Response> {
    let wish = from_wire::grant::wish(body)?;
    desk.require_grant(&wish).await?;
    let made = desk.create(Kind::Grant, "", wish.entry).await?;
    let id = made.id.to_string();
    to_wire::entry::created::<grant::Grant>(&["grants", &id], made)
}
