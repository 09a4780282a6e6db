//! How is a catalog made?

use axum::response::Response;
use lakegate_catalog::{name::quoted, object::Kind};
use lakegate_openapi::{catalog, error};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;
use serde_json::{Map, Value};

use crate::{error::Result, extract::Json, from_wire, stored::Desk, to_wire};

/// Create a catalog
///
/// Needs `CreateCatalog` on its connection.
#[utoipa::path(
    post, path = "/v1/catalogs", tag = "catalog", request_body = catalog::CreateCatalog,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = catalog::Catalog, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_catalog(desk: Desk, Json(body): Json<Map<String, Value>>) -> Result<Response> {
    let (name, entry) = from_wire::entry::named(body)?;
    let connection = desk.connection_of(&entry)?;
    let object = ObjectRef::new("Connection", connection.id.as_str());
    desk.require(
        Action::CreateCatalog,
        &object,
        &format!("connection:{}", connection.name),
    )
    .await?;
    let made = desk.create(Kind::Catalog, &quoted(&name), entry).await?;
    let desk = desk.reopened().await?;
    let shown = to_wire::relation::catalog_of(&desk, &made.id)?;
    Ok(to_wire::entry::at(
        &["catalogs", &name],
        to_wire::entry::with_version(made.version, &shown),
    ))
}
