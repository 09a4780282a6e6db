//! How does a new mask key take the place of the old one?

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use lakegate_openapi::{error, mask_key};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{error::Result, extract::Json, stored::Desk, to_wire};

/// Rotate the mask key
///
/// From now on `hmac-sha-256` masks hash with a new key: equal values look different than before, in every table at once.
/// Statements that show such values, and stored results of them, end with `POLICY_CHANGED`. The body is not read.
#[utoipa::path(
    post, path = "/v1/mask-keys", tag = "governance",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = mask_key::MaskKey),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn rotate_mask_key(desk: Desk) -> Result<Response> {
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let secret = desk.rotate_mask_key().await?;
    let newest = secret.version;
    let made = to_wire::mask_key::mask_key(secret, newest, desk.app().master_key.as_deref());
    Ok((StatusCode::CREATED, Json(made)).into_response())
}
