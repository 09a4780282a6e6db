//! Which users are there?

use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, list, user};

use crate::{
    error::Result,
    extract::{Json, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List users
///
/// By name; only those that the caller may see.
#[utoipa::path(
    get, path = "/v1/users", tag = "identity", params(list::Page),
    responses(
        (status = 200, body = list::List<user::User>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_users(desk: Desk, Query(page): Query<list::Page>) -> Result<Json<list::List<user::User>>> {
    let page = NamePage::of(&desk, "/v1/users", &(), &page)?;
    Ok(Json(desk.list(Kind::User, &page, |_| true, to_wire::entry::typed)?))
}
