//! What is one column mask?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{column_mask, error};

use crate::{
    error::Result,
    extract::Path,
    stored::{ColumnName, Desk},
    to_wire,
};

/// Find a column mask
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/columns/{column}/masks/{name}", tag = "governance",
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), ("column" = String, Path, description = "dotted path"), ("name" = String, Path)),
    responses(
        (status = 200, body = column_mask::ColumnMask, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_column_mask(
    desk: Desk,
    Path((catalog, database, table, column, name)): Path<(String, String, String, String, String)>,
) -> Result<Response> {
    let owner = ColumnName {
        table: TableName::new(&catalog, &database, &table),
        column,
    };
    desk.column(&owner)?;
    to_wire::entry::found::<column_mask::ColumnMask>(desk.find(Kind::ColumnMask, &format!("{owner}/{name}"))?)
}
