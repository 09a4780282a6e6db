//! Which grants are there on a database?

use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, grant, list};

use crate::{
    error::Result,
    extract::{Json, Path, Query},
    from_wire,
    stored::{DatabaseName, Desk, NamePage},
    to_wire,
};

/// List the grants on a database
///
/// On itself: those to the caller (and the roles held), and those that the caller may revoke.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/grants", tag = "governance",
    params(("catalog" = String, Path), ("database" = String, Path), list::Page),
    responses(
        (status = 200, body = list::List<grant::Grant>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_database_grants(
    desk: Desk,
    Path((catalog, database)): Path<(String, String)>,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<grant::Grant>>> {
    let name = DatabaseName { catalog, database };
    let found = desk.database(&name)?.id.clone();
    let name = name.to_string();
    let page = NamePage::of(
        &desk,
        "/v1/catalogs/{catalog}/databases/{database}/grants",
        &found,
        &page,
    )?;
    let wanted = |view: &_| from_wire::grant::is_on("database", &name, view);
    Ok(Json(desk.list(Kind::Grant, &page, wanted, to_wire::entry::typed)?))
}
