//! Which workgroups are there?

use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, list, workgroup};

use crate::{
    error::Result,
    extract::{Json, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List workgroups
///
/// By name; only those that the caller may see.
#[utoipa::path(
    get, path = "/v1/workgroups", tag = "workgroups", params(list::Page),
    responses(
        (status = 200, body = list::List<workgroup::Workgroup>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_workgroups(
    desk: Desk,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<workgroup::Workgroup>>> {
    let page = NamePage::of(&desk, "/v1/workgroups", &(), &page)?;
    Ok(Json(desk.list(
        Kind::Workgroup,
        &page,
        |_| true,
        to_wire::entry::typed,
    )?))
}
