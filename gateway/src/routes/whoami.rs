//! Who am I to Lakegate?

use axum::extract::State;
use lakegate_openapi::{error, whoami};

use crate::{
    app::AppState,
    error::Result,
    extract::{Authenticated, Json},
    to_wire,
};

/// Find out who the credential proves
#[utoipa::path(
    get, path = "/v1/whoami", tag = "identity",
    responses((status = 200, body = whoami::Identity), (status = "default", description = "refused", body = error::Error))
)]
pub async fn find_identity(
    State(app): State<AppState>,
    Authenticated(caller): Authenticated,
) -> Result<Json<whoami::Identity>> {
    let snapshot = app.store.snapshot().await?;
    Ok(Json(to_wire::identity::identity(&snapshot, &caller)))
}
