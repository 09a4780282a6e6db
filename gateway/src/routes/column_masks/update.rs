//! How is a column mask changed?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{column_mask, error, list::MergePatch};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{ColumnName, Desk, IfMatch},
    to_wire,
};

/// Update a column mask
#[utoipa::path(
    patch, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/columns/{column}/masks/{name}", tag = "governance", request_body = MergePatch,
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), ("column" = String, Path, description = "dotted path"), ("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = column_mask::ColumnMask, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_column_mask(
    desk: Desk,
    Path((catalog, database, table, column, name)): Path<(String, String, String, String, String)>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
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
    let view = desk
        .update(Kind::ColumnMask, &name, &from_wire::entry::patch(patch), &if_match)
        .await?;
    to_wire::entry::found::<column_mask::ColumnMask>(view)
}
