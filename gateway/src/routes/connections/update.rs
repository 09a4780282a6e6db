//! How is a connection changed?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{connection, error, list::MergePatch};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update a connection
#[utoipa::path(
    patch, path = "/v1/connections/{name}", tag = "connections", request_body = MergePatch,
    params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = connection::Connection, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_connection(
    desk: Desk,
    Path(name): Path<String>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    let found = desk.find(Kind::Connection, &name)?;
    desk.require(
        Action::ManageConnection,
        &ObjectRef::new("Connection", found.id.as_str()),
        &format!("connection:{name}"),
    )
    .await?;
    let view = desk
        .update(Kind::Connection, &name, &from_wire::entry::patch(patch), &if_match)
        .await?;
    to_wire::entry::found::<connection::Connection>(view)
}
