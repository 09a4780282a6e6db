//! Which data filters are there?

use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{data_filter, error, list};

use crate::{
    error::Result,
    extract::{Json, Path, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List the data filters of a table
///
/// By name; only those that the caller may see.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/data-filters", tag = "governance",
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), list::Page),
    responses(
        (status = 200, body = list::List<data_filter::DataFilter>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_data_filters(
    desk: Desk,
    Path((catalog, database, table)): Path<(String, String, String)>,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<data_filter::DataFilter>>> {
    let owner = TableName::new(&catalog, &database, &table);
    desk.relation(&owner)?;
    let prefix = format!("{owner}/");
    let page = NamePage::of(
        &desk,
        "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/data-filters",
        &prefix,
        &page,
    )?;
    Ok(Json(desk.list(
        Kind::DataFilter,
        &page,
        |view| view.name.starts_with(&prefix),
        to_wire::entry::typed,
    )?))
}
