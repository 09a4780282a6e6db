//! Which catalogs are there?

use lakegate_openapi::{catalog, error, list};

use crate::{
    error::Result,
    extract::{Json, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List catalogs
///
/// By name; only those that the caller may describe, or that hold something that the caller may know.
#[utoipa::path(
    get, path = "/v1/catalogs", tag = "catalog", params(list::Page),
    responses(
        (status = 200, body = list::List<catalog::Catalog>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_catalogs(desk: Desk, Query(page): Query<list::Page>) -> Result<Json<list::List<catalog::Catalog>>> {
    let page = NamePage::of(&desk, "/v1/catalogs", &(), &page)?;
    let rows = desk
        .catalogs()
        .into_iter()
        .map(|catalog| (NamePage::place(&catalog), catalog));
    Ok(Json(page.cut(&desk, rows, |catalog| {
        to_wire::relation::catalog(&desk, &catalog)
    })?))
}
