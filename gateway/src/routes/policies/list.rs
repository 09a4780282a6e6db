//! Which policies are there?

use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, list, policy};

use crate::{
    error::Result,
    extract::{Json, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List policies
///
/// By name; only those that the caller may see.
#[utoipa::path(
    get, path = "/v1/policies", tag = "governance", params(list::Page),
    responses(
        (status = 200, body = list::List<policy::Policy>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_policies(desk: Desk, Query(page): Query<list::Page>) -> Result<Json<list::List<policy::Policy>>> {
    let page = NamePage::of(&desk, "/v1/policies", &(), &page)?;
    Ok(Json(desk.list(Kind::Policy, &page, |_| true, to_wire::entry::typed)?))
}
