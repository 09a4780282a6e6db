//! How is a database made?

use axum::response::Response;
use lakegate_catalog::{name::quoted, object::Kind};
use lakegate_openapi::{database, error};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;
use serde_json::{Map, Value};

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::Desk,
    to_wire,
};

/// Create a database
///
/// Needs `CreateDatabase` on its catalog.
#[utoipa::path(
    post, path = "/v1/catalogs/{catalog}/databases", tag = "catalog", request_body = database::CreateDatabase,
    params(("catalog" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = database::Database, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_database(
    desk: Desk,
    Path(catalog): Path<String>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Response> {
    let found = desk.catalog(&catalog)?;
    let object = ObjectRef::new("Catalog", found.id.as_str());
    desk.require(Action::CreateDatabase, &object, &format!("catalog:{}", found.name))
        .await?;
    let (name, entry) = from_wire::entry::named(body)?;
    let made = desk
        .create(
            Kind::Database,
            &format!("{}.{}", quoted(&found.name), quoted(&name)),
            entry,
        )
        .await?;
    let desk = desk.reopened().await?;
    let shown = to_wire::relation::database_of(&desk, &made.id)?;
    let path = ["catalogs", &catalog, "databases", &name];
    Ok(to_wire::entry::at(
        &path,
        to_wire::entry::with_version(made.version, &shown),
    ))
}
