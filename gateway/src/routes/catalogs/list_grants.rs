//! Which grants are there on a catalog?

use lakegate_catalog::{name::quoted, object::Kind};
use lakegate_openapi::{error, grant, list};

use crate::{
    error::Result,
    extract::{Json, Path, Query},
    from_wire,
    stored::{Desk, NamePage},
    to_wire,
};

/// List the grants on a catalog
///
/// On itself: those to the caller (and the roles held), and those that the caller may revoke.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/grants", tag = "governance",
    params(("catalog" = String, Path), list::Page),
    responses(
        (status = 200, body = list::List<grant::Grant>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_catalog_grants(
    desk: Desk,
    Path(catalog): Path<String>,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<grant::Grant>>> {
    let catalog = desk.catalog(&catalog)?;
    let found = catalog.id.clone();
    let name = quoted(&catalog.name);
    let page = NamePage::of(&desk, "/v1/catalogs/{catalog}/grants", &found, &page)?;
    let wanted = |view: &_| from_wire::grant::is_on("catalog", &name, view);
    Ok(Json(desk.list(Kind::Grant, &page, wanted, to_wire::entry::typed)?))
}
