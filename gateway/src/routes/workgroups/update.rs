//! How is a workgroup changed?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, list::MergePatch, workgroup};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update a workgroup
#[utoipa::path(
    patch, path = "/v1/workgroups/{name}", tag = "workgroups", request_body = MergePatch,
    params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = workgroup::Workgroup, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_workgroup(
    desk: Desk,
    Path(name): Path<String>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    let found = desk.find(Kind::Workgroup, &name)?;
    desk.require(
        Action::ManageWorkgroup,
        &ObjectRef::new("Workgroup", found.id.as_str()),
        &format!("workgroup:{name}"),
    )
    .await?;
    let view = desk
        .update(Kind::Workgroup, &name, &from_wire::entry::patch(patch), &if_match)
        .await?;
    to_wire::entry::found::<workgroup::Workgroup>(view)
}
