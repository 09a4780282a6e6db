//! Which column masks are there?

use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{column_mask, error, list};

use crate::{
    error::Result,
    extract::{Json, Path, Query},
    stored::{ColumnName, Desk, NamePage},
    to_wire,
};

/// List the column masks of a column
///
/// By name; only those that the caller may see.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/columns/{column}/masks", tag = "governance",
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), ("column" = String, Path, description = "dotted path"), list::Page),
    responses(
        (status = 200, body = list::List<column_mask::ColumnMask>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_column_masks(
    desk: Desk,
    Path((catalog, database, table, column)): Path<(String, String, String, String)>,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<column_mask::ColumnMask>>> {
    let owner = ColumnName {
        table: TableName::new(&catalog, &database, &table),
        column,
    };
    desk.column(&owner)?;
    let prefix = format!("{owner}/");
    let page = NamePage::of(
        &desk,
        "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/columns/{column}/masks",
        &prefix,
        &page,
    )?;
    Ok(Json(desk.list(
        Kind::ColumnMask,
        &page,
        |view| view.name.starts_with(&prefix),
        to_wire::entry::typed,
    )?))
}
