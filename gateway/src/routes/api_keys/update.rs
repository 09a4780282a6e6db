//! How is an API key changed?

use axum::response::Response;
use lakegate_openapi::{api_key, error, list::MergePatch};

use crate::{
    error::Result,
    extract::{Json, Path},
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update an API key
///
/// Its `name` and `expires`; the key itself stays. One's own needs no permission. The name of a key whose secret was given by
/// reference belongs to its lake.
#[utoipa::path(
    patch, path = "/v1/api-keys/{name}", tag = "identity", request_body = MergePatch,
    params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = api_key::ApiKey, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_api_key(
    desk: Desk,
    Path(name): Path<String>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    to_wire::entry::found::<api_key::ApiKey>(desk.update_key(&name, patch, &if_match).await?)
}
