//! Which grants are there on a table?

use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{error, grant, list};

use crate::{
    error::Result,
    extract::{Json, Path, Query},
    from_wire,
    stored::{Desk, NamePage},
    to_wire,
};

/// List the grants on a table
///
/// And on its columns, filters and masks: those to the caller (and the roles held), and those that the caller may revoke.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/grants", tag = "governance",
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), list::Page),
    responses(
        (status = 200, body = list::List<grant::Grant>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_table_grants(
    desk: Desk,
    Path((catalog, database, table)): Path<(String, String, String)>,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<grant::Grant>>> {
    let name = TableName::new(&catalog, &database, &table);
    let found = desk.relation(&name)?.table.id.clone();
    let page = NamePage::of(
        &desk,
        "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/grants",
        &found,
        &page,
    )?;
    let wanted = |view: &_| from_wire::grant::is_on_table(&name, view);
    Ok(Json(desk.list(Kind::Grant, &page, wanted, to_wire::entry::typed)?))
}
