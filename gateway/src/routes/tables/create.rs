//! How is a table made?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{error, table};
use serde_json::{Map, Value};

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{DatabaseName, Desk},
    to_wire,
};

/// Create a table
///
/// Needs `CreateTable` on its database, and `RegisterTable` on an absolute location. `columns: infer` reads the files.
#[utoipa::path(
    post, path = "/v1/catalogs/{catalog}/databases/{database}/tables", tag = "catalog", request_body = table::CreateTable,
    params(("catalog" = String, Path), ("database" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = table::Table, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_table(
    desk: Desk,
    Path((catalog, database)): Path<(String, String)>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Response> {
    let (name, entry) = from_wire::entry::named(body)?;
    desk.require_create_table(&DatabaseName {
        catalog: catalog.clone(),
        database: database.clone(),
    })
    .await?;
    let made = desk
        .create(
            Kind::Table,
            &TableName::new(&catalog, &database, &name).to_string(),
            entry,
        )
        .await?;
    let desk = desk.reopened().await?;
    let shown = to_wire::relation::table_of(&desk, &made.id)?;
    let path = ["catalogs", &catalog, "databases", &database, "tables", &name];
    Ok(to_wire::entry::at(
        &path,
        to_wire::entry::with_version(made.version, &shown),
    ))
}
