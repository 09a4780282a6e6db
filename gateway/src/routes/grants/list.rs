//! Which grants are there?

use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, grant, list};

use crate::{
    error::Result,
    extract::{Json, Query},
    from_wire,
    stored::{Desk, NamePage},
    to_wire,
};

/// List grants
///
/// Those to the caller (and the roles held), and those that the caller may revoke.
#[utoipa::path(
    get, path = "/v1/grants", tag = "governance", params(grant::ListGrants),
    responses(
        (status = 200, body = list::List<grant::Grant>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_grants(
    desk: Desk,
    Query(parameters): Query<grant::ListGrants>,
) -> Result<Json<list::List<grant::Grant>>> {
    let filter = (&parameters.to, &parameters.resource);
    let page = list::Page {
        limit: parameters.limit,
        cursor: parameters.cursor.clone(),
    };
    let page = NamePage::of(&desk, "/v1/grants", &filter, &page)?;
    let wanted = |view: &_| from_wire::grant::is_wanted(&parameters, view);
    Ok(Json(desk.list(Kind::Grant, &page, wanted, to_wire::entry::typed)?))
}
