//! How does a table go?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::error;

use crate::{
    error::Result,
    extract::Path,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Delete a table
///
/// Its files stay. Its partitions, filters, masks and grants go with it.
#[utoipa::path(
    delete, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}", tag = "catalog",
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_table(
    desk: Desk,
    Path((catalog, database, table)): Path<(String, String, String)>,
    if_match: IfMatch,
) -> Result<Response> {
    let name = TableName::new(&catalog, &database, &table);
    let found = desk.table(&name)?;
    desk.require_drop(Kind::Table, &found.table.id).await?;
    desk.delete(Kind::Table, &name.to_string(), &if_match).await?;
    Ok(to_wire::entry::deleted())
}
