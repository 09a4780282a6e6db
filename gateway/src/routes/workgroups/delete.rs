//! How does a workgroup go?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::error;
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::Path,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Delete a workgroup
#[utoipa::path(
    delete, path = "/v1/workgroups/{name}", tag = "workgroups", params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_workgroup(desk: Desk, Path(name): Path<String>, if_match: IfMatch) -> Result<Response> {
    let found = desk.find(Kind::Workgroup, &name)?;
    desk.require(
        Action::ManageWorkgroup,
        &ObjectRef::new("Workgroup", found.id.as_str()),
        &format!("workgroup:{name}"),
    )
    .await?;
    desk.delete(Kind::Workgroup, &name, &if_match).await?;
    Ok(to_wire::entry::deleted())
}
