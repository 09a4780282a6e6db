//! Which columns does a table have?

use lakegate_catalog::name::TableName;
use lakegate_openapi::{error, list, table};

use crate::{
    error::Result,
    extract::{Json, Path, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List the columns of a table
///
/// In their order; only those that the caller may know.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/columns", tag = "catalog",
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), list::Page),
    responses(
        (status = 200, body = list::List<table::TableColumn>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_columns(
    desk: Desk,
    Path((catalog, database, table)): Path<(String, String, String)>,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<table::TableColumn>>> {
    let name = TableName::new(&catalog, &database, &table);
    let desk = desk.with_described(&name).await?;
    let found = desk.relation(&name)?;
    let page = NamePage::of(
        &desk,
        "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/columns",
        &found.table.id,
        &page,
    )?;
    let rows = desk
        .columns(&found)
        .into_iter()
        .enumerate()
        .map(|(at, column)| (NamePage::position(at), column));
    Ok(Json(
        page.cut(&desk, rows, |column| Ok(to_wire::relation::column(&column)))?,
    ))
}
