//! Which partitions of a table are declared?

use lakegate_catalog::name::TableName;
use lakegate_openapi::{error, list, table};

use crate::{
    error::Result,
    extract::{Json, Path, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List the declared partitions of a table
///
/// Their values are data: this needs `Alter` or `ReadStats` on the table. Partitions in `key=value/` folders are found when
/// the table is read, and not listed.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/partitions", tag = "catalog",
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path), list::Page),
    responses(
        (status = 200, body = list::List<table::Partition>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_partitions(
    desk: Desk,
    Path((catalog, database, table)): Path<(String, String, String)>,
    Query(page): Query<list::Page>,
) -> Result<Json<list::List<table::Partition>>> {
    let found = desk.table(&TableName::new(&catalog, &database, &table))?;
    desk.require_partitions(&found).await?;
    let page = NamePage::of(
        &desk,
        "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/partitions",
        &found.table.id,
        &page,
    )?;
    let stored = desk.app().store.partitions(&found.table.id).await?;
    let rows = stored
        .into_iter()
        .map(|partition| (NamePage::place(&partition), partition));
    Ok(Json(page.cut(&desk, rows, |partition| {
        Ok(to_wire::relation::partition(&found.table.body, &partition))
    })?))
}
