//! What is one view?

use axum::response::Response;
use lakegate_catalog::name::TableName;
use lakegate_openapi::{error, view};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find a view
///
/// With the columns that the caller may know, and its text for those who may describe it and everything that it reads.
#[utoipa::path(
    get, path = "/v1/catalogs/{catalog}/databases/{database}/views/{view}", tag = "catalog",
    params(("catalog" = String, Path), ("database" = String, Path), ("view" = String, Path)),
    responses(
        (status = 200, body = view::View, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_view(
    desk: Desk,
    Path((catalog, database, view)): Path<(String, String, String)>,
) -> Result<Response> {
    let found = desk.view_path(&TableName::new(&catalog, &database, &view))?;
    Ok(to_wire::entry::with_version(
        found.table.version,
        &to_wire::view::view(&desk, &found)?,
    ))
}
