//! Which tag keys are there?

use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, list, tag};

use crate::{
    error::Result,
    extract::{Json, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List tag keys
///
/// By name; only those that the caller may see.
#[utoipa::path(
    get, path = "/v1/tags", tag = "governance", params(list::Page),
    responses(
        (status = 200, body = list::List<tag::TagKey>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_tag_keys(desk: Desk, Query(page): Query<list::Page>) -> Result<Json<list::List<tag::TagKey>>> {
    let page = NamePage::of(&desk, "/v1/tags", &(), &page)?;
    Ok(Json(desk.list(Kind::Tag, &page, |_| true, to_wire::entry::typed)?))
}
