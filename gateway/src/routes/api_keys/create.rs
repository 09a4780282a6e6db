//! How is an API key made?

use axum::{Extension, response::Response};
use lakegate_openapi::{api_key, error};

use crate::{error::Result, extract::Json, middleware::idempotency::Ticket, stored::Desk, to_wire};

/// Create an API key
///
/// Without `secret` the server makes it and shows it this once; a replay by `Idempotency-Key` does not show it again. A key
/// of one's own needs no permission; others, and a given secret, need `ManageIdentity`.
#[utoipa::path(
    post, path = "/v1/api-keys", tag = "identity", request_body = api_key::CreateApiKey,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = api_key::CreatedApiKey, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_api_key(
    desk: Desk,
    ticket: Option<Extension<Ticket>>,
    Json(body): Json<api_key::CreateApiKey>,
) -> Result<Response> {
    let user = desk.user_of_key(&body).await?;
    let made = desk
        .create_key(&user, body, ticket.map(|Extension(ticket)| ticket))
        .await?;
    to_wire::api_key::created(made.view, made.text)
}
