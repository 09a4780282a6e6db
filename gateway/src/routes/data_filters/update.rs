//! How is a data filter changed?

use axum::response::Response;
use lakegate_catalog::{name::TableName, object::Kind};
use lakegate_openapi::{data_filter, error, list::MergePatch};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update a data filter
#[utoipa::path(
    patch, path = "/v1/catalogs/{catalog}/databases/{database}/tables/{table}/data-filters/{name}", tag = "governance", request_body = MergePatch,
    params(("catalog" = String, Path), ("database" = String, Path), ("table" = String, Path, description = "a table or a view"), ("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = data_filter::DataFilter, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_data_filter(
    desk: Desk,
    Path((catalog, database, table, name)): Path<(String, String, String, String)>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    let owner = TableName::new(&catalog, &database, &table);
    desk.relation(&owner)?;
    let name = format!("{owner}/{name}");
    desk.find(Kind::DataFilter, &name)?;
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let view = desk
        .update(Kind::DataFilter, &name, &from_wire::entry::patch(patch), &if_match)
        .await?;
    to_wire::entry::found::<data_filter::DataFilter>(view)
}
