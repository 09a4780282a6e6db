//! How is a declared partition forgotten?

use axum::response::Response;
use lakegate_catalog::name::TableName;
use lakegate_openapi::error;

use crate::{
    error::Result,
    extract::Path,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Delete a declared partition
///
/// Its files stay. Needs `Alter` on the table.
#[utoipa::path(
    delete, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/partitions/{partition}", tag = "catalog",
    params(
        ("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path),
        ("partition" = String, Path, description = "`key=value/…`, percent-encoded"), ("If-Match" = String, Header, description = "the `ETag` that was read"),
    ),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_partition(
    desk: Desk,
    Path((catalog, database, table, partition)): Path<(String, String, String, String)>,
    if_match: IfMatch,
) -> Result<Response> {
    let name = TableName::new(&catalog, &database, &table);
    let found = desk.table(&name)?;
    desk.remove_partition(&name, &found, &partition, &if_match).await?;
    Ok(to_wire::entry::deleted())
}
