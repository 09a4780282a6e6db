//! How is a partition declared?

use axum::response::Response;
use lakegate_catalog::name::TableName;
use lakegate_openapi::{error, table};

use crate::{
    error::Result,
    extract::{Json, Path},
    stored::Desk,
    to_wire,
};

/// Declare a partition of a table
///
/// Needs `Alter` on the table, whose `partitions` are `declared`.
#[utoipa::path(
    post, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/partitions", tag = "catalog",
    request_body = table::CreatePartition,
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = table::Partition, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_partition(
    desk: Desk,
    Path((catalog, database, table)): Path<(String, String, String)>,
    Json(body): Json<table::CreatePartition>,
) -> Result<Response> {
    let name = TableName::new(&catalog, &database, &table);
    let found = desk.table(&name)?;
    let made = desk.add_partition(&name, &found, body).await?;
    let shown = to_wire::relation::partition(&found.table.body, &made);
    let path = [
        "catalogs",
        &catalog,
        "databases",
        &database,
        "tables",
        &table,
        "partitions",
        &made.name,
    ];
    Ok(to_wire::entry::at(
        &path,
        to_wire::entry::with_version(made.version, &shown),
    ))
}
