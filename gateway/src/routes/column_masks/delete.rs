//! How does a column mask go?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::error;
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::Path,
    stored::{ColumnName, Desk, IfMatch},
    to_wire,
};

/// Delete a column mask
///
/// Grants on it go with it.
#[utoipa::path(
    delete, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/columns/{column}/masks/{name}", tag = "governance",
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), ("column" = String, Path, description = "dotted path"), ("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_column_mask(
    desk: Desk,
    Path((catalog, database, table, column, name)): Path<(String, String, String, String, String)>,
    if_match: IfMatch,
) -> Result<Response> {
    let owner = ColumnName {
        table: TableName::new(&catalog, &database, &table),
        column,
    };
    desk.column(&owner)?;
    let name = format!("{owner}/{name}");
    desk.find(Kind::ColumnMask, &name)?;
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    desk.delete(Kind::ColumnMask, &name, &if_match).await?;
    Ok(to_wire::entry::deleted())
}
