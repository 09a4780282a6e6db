//! Which databases does a catalog hold?

use lakegate_openapi::{database, error, list};

use crate::{
    error::Result,
    extract::{Json, Path, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List the databases of a catalog
///
/// By name; only those that the caller may describe, or that hold something that the caller may know. Those of a discovered
/// catalog are listed at its source.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases", tag = "catalog", params(("catalog" = String, Path), list::Page),
    responses(
        (status = 200, body = list::List<database::Database>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_databases(
    desk: Desk,
    Path(catalog): Path<String>,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<database::Database>>> {
    let desk = desk.with_listed(&catalog, None).await?;
    let found = desk.catalog(&catalog)?;
    let page = NamePage::of(&desk, "/v1/catalogs/{catalog}/databases", &found.id, &page)?;
    let rows = desk
        .databases(&found)
        .into_iter()
        .map(|database| (NamePage::place(&database), database));
    Ok(Json(page.cut(&desk, rows, |database| {
        to_wire::relation::database(&desk, &database)
    })?))
}
