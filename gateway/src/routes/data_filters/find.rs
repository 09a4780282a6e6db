//! What is one data filter?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{data_filter, error};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find a data filter
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/data-filters/{name}", tag = "governance",
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), ("name" = String, Path)),
    responses(
        (status = 200, body = data_filter::DataFilter, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_data_filter(
    desk: Desk,
    Path((catalog, database, table, name)): Path<(String, String, String, String)>,
) -> Result<Response> {
    let owner = TableName::new(&catalog, &database, &table);
    desk.relation(&owner)?;
    to_wire::entry::found::<data_filter::DataFilter>(desk.find(Kind::DataFilter, &format!("{owner}/{name}"))?)
}
