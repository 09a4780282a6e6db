//! How is a data filter made?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{data_filter, error};
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

/// Create a data filter
///
/// Its condition (`where` or `cedar`) is bound to columns and types when it is stored. It binds nobody until it is granted, or is restrictive.
#[utoipa::path(
    post, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/data-filters", tag = "governance", request_body = data_filter::CreateDataFilter,
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = data_filter::DataFilter, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_data_filter(
    desk: Desk,
    Path((catalog, database, table)): Path<(String, String, String)>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Response> {
    let owner = TableName::new(&catalog, &database, &table);
    desk.relation(&owner)?;
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let (name, entry) = from_wire::entry::named_member(body)?;
    let view = desk.create(Kind::DataFilter, &format!("{owner}/{name}"), entry).await?;
    to_wire::entry::created::<data_filter::DataFilter>(
        &[
            "catalogs",
            &catalog,
            "databases",
            &database,
            "tables",
            &table,
            "data-filters",
            &name,
        ],
        view,
    )
}
