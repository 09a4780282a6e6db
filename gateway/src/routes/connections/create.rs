//! How is a connection made?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{connection, error};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;
use serde_json::{Map, Value};

use crate::{error::Result, extract::Json, from_wire, stored::Desk, to_wire};

/// Create a connection
#[utoipa::path(
    post, path = "/v1/connections", tag = "connections", request_body = connection::CreateConnection,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = connection::Connection, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_connection(desk: Desk, Json(body): Json<Map<String, Value>>) -> Result<Response> {
    let (name, entry) = from_wire::entry::named(body)?;
    desk.require(Action::ManageConnection, &ObjectRef::tenant(), "tenant:default")
        .await?;
    let view = desk.create(Kind::Connection, &name, entry).await?;
    to_wire::entry::created::<connection::Connection>(&["connections", &name], view)
}
