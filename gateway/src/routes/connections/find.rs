//! What is one connection?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{connection, error};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find a connection
#[utoipa::path(
    get, path = "/v1/connections/{name}", tag = "connections", params(("name" = String, Path)),
    responses(
        (status = 200, body = connection::Connection, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_connection(desk: Desk, Path(name): Path<String>) -> Result<Response> {
    to_wire::entry::found::<connection::Connection>(desk.find(Kind::Connection, &name)?)
}
