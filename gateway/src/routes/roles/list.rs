//! Which roles are there?

use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, list, role};

use crate::{
    error::Result,
    extract::{Json, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List roles
///
/// By name; only those that the caller may see.
#[utoipa::path(
    get, path = "/v1/roles", tag = "identity", params(list::Page),
    responses(
        (status = 200, body = list::List<role::Role>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_roles(desk: Desk, Query(page): Query<list::Page>) -> Result<Json<list::List<role::Role>>> {
    let page = NamePage::of(&desk, "/v1/roles", &(), &page)?;
    Ok(Json(desk.list(Kind::Role, &page, |_| true, to_wire::entry::typed)?))
}
