//! Which connections are there?

use lakegate_catalog::object::Kind;
use lakegate_openapi::{connection, error, list};

use crate::{
    error::Result,
    extract::{Json, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List connections
///
/// By name; only those that the caller may see.
#[utoipa::path(
    get, path = "/v1/connections", tag = "connections", params(list::Page),
    responses(
        (status = 200, body = list::List<connection::Connection>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_connections(
    desk: Desk,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<connection::Connection>>> {
    let page = NamePage::of(&desk, "/v1/connections", &(), &page)?;
    Ok(Json(desk.list(
        Kind::Connection,
        &page,
        |_| true,
        to_wire::entry::typed,
    )?))
}
