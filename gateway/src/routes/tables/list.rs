//! Which tables does a database hold?

use lakegate_openapi::{error, list, table};

use crate::{
    error::Result,
    extract::{Json, Path, Query},
    stored::{DatabaseName, Desk, NamePage},
    to_wire,
};

/// List the tables of a database
///
/// By name; only those that the caller may describe or read, with the columns that the caller may know.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/tables", tag = "catalog",
    params(("catalog" = String, Path), ("database" = String, Path), list::Page),
    responses(
        (status = 200, body = list::List<table::Table>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_tables(
    desk: Desk,
    Path((catalog, database)): Path<(String, String)>,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<table::Table>>> {
    let desk = desk.with_listed(&catalog, Some(&database)).await?;
    let found = desk.database(&DatabaseName { catalog, database })?;
    let page = NamePage::of(
        &desk,
        "/v1/catalogs/{catalog}/databases/{database}/tables",
        &found.id,
        &page,
    )?;
    let rows = desk
        .tables(&found)
        .into_iter()
        .map(|path| (NamePage::place(&path.table), path));
    Ok(Json(
        page.cut(&desk, rows, |path| to_wire::relation::table(&desk, &path))?,
    ))
}
