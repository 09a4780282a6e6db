//! What is one table?

use axum::response::Response;
use lakegate_catalog::name::TableName;
use lakegate_openapi::{error, table};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find a table
///
/// With the columns that the caller may know.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}", tag = "catalog",
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path)),
    responses(
        (status = 200, body = table::Table, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_table(
    desk: Desk,
    Path((catalog, database, table)): Path<(String, String, String)>,
) -> Result<Response> {
    let name = TableName::new(&catalog, &database, &table);
    let desk = desk.with_described(&name).await?;
    let found = desk.table(&name)?;
    Ok(to_wire::entry::with_version(
        found.table.version,
        &to_wire::relation::table(&desk, &found)?,
    ))
}
