//! How is a column mask made?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{column_mask, error};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;
use serde_json::{Map, Value};

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{ColumnName, Desk},
    to_wire,
};

/// Create a column mask
#[utoipa::path(
    post, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/columns/{column}/masks", tag = "governance", request_body = column_mask::CreateColumnMask,
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), ("column" = String, Path, description = "dotted path"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = column_mask::ColumnMask, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_column_mask(
    desk: Desk,
    Path((catalog, database, table, column)): Path<(String, String, String, String)>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Response> {
    let owner = ColumnName {
        table: TableName::new(&catalog, &database, &table),
        column,
    };
    desk.column(&owner)?;
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let (name, entry) = from_wire::entry::named_member(body)?;
    let view = desk.create(Kind::ColumnMask, &format!("{owner}/{name}"), entry).await?;
    to_wire::entry::created::<column_mask::ColumnMask>(
        &[
            "catalogs",
            &catalog,
            "databases",
            &database,
            "tables",
            &table,
            "columns",
            &owner.column,
            "masks",
            &name,
        ],
        view,
    )
}
