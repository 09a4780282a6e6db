//! How is a view made?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{error, view};
use serde_json::{Map, Value};

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{DatabaseName, Desk},
    to_wire,
};

/// Create a view
///
/// Needs `CreateView` on its database, and `ManagePolicy` to lend the rights of anybody but oneself. Names are resolved, and
/// `*` is fixed, as the caller may see them now.
#[utoipa::path(
    post, path = "/v1/catalogs/{catalog}/databases/{database}/views", tag = "catalog", request_body = view::CreateView,
    params(("catalog" = String, Path), ("database" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = view::View, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_view(
    desk: Desk,
    Path((catalog, database)): Path<(String, String)>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Response> {
    let (name, entry) = from_wire::entry::named(body)?;
    let place = DatabaseName {
        catalog: catalog.clone(),
        database: database.clone(),
    };
    desk.require_create_view(&place).await?;
    let full = TableName::new(&catalog, &database, &name).to_string();
    let made = desk.create(Kind::View, &full, entry).await?;
    let desk = desk.reopened().await?;
    let shown = to_wire::view::of(&desk, &made.id)?;
    let path = ["catalogs", &catalog, "databases", &database, "views", &name];
    Ok(to_wire::entry::at(
        &path,
        to_wire::entry::with_version(made.version, &shown),
    ))
}
