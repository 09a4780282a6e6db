//! Which views does a database hold?

use lakegate_openapi::{error, list, view};

use crate::{
    error::Result,
    extract::{Json, Path, Query},
    stored::{DatabaseName, Desk, NamePage},
    to_wire,
};

/// List the views of a database
///
/// By name; only those that the caller may describe or read, with the columns that the caller may know.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/views", tag = "catalog",
    params(("catalog" = String, Path), ("database" = String, Path), list::Page),
    responses(
        (status = 200, body = list::List<view::View>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_views(
    desk: Desk,
    Path((catalog, database)): Path<(String, String)>,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<view::View>>> {
    let found = desk.database(&DatabaseName { catalog, database })?;
    let route = "/v1/catalogs/{catalog}/databases/{database}/views";
    let page = NamePage::of(&desk, route, &found.id, &page)?;
    let rows = desk
        .views(&found)
        .into_iter()
        .map(|path| (NamePage::place(&path.table), path));
    Ok(Json(page.cut(&desk, rows, |path| to_wire::view::view(&desk, &path))?))
}
