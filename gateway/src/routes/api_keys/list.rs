//! Which API keys are there?

use lakegate_catalog::object::Kind;
use lakegate_openapi::{api_key, error, list};

use crate::{
    error::Result,
    extract::{Json, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List API keys
///
/// The caller's own, and those of users whom the caller may manage. Never what they are.
#[utoipa::path(
    get, path = "/v1/api-keys", tag = "identity", params(list::Page),
    responses(
        (status = 200, body = list::List<api_key::ApiKey>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_api_keys(desk: Desk, Query(page): Query<list::Page>) -> Result<Json<list::List<api_key::ApiKey>>> {
    let page = NamePage::of(&desk, "/v1/api-keys", &(), &page)?;
    Ok(Json(desk.list(Kind::Key, &page, |_| true, to_wire::entry::typed)?))
}
