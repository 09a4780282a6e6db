//! How is a workgroup made?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, workgroup};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;
use serde_json::{Map, Value};

use crate::{error::Result, extract::Json, from_wire, stored::Desk, to_wire};

/// Create a workgroup
#[utoipa::path(
    post, path = "/v1/workgroups", tag = "workgroups", request_body = workgroup::CreateWorkgroup,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body make one only")),
    responses(
        (status = 201, body = workgroup::Workgroup, headers(("ETag" = String), ("Location" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn create_workgroup(desk: Desk, Json(body): Json<Map<String, Value>>) -> Result<Response> {
    let (name, entry) = from_wire::entry::named(body)?;
    desk.require(Action::ManageWorkgroup, &ObjectRef::tenant(), "tenant:default")
        .await?;
    let view = desk.create(Kind::Workgroup, &name, entry).await?;
    to_wire::entry::created::<workgroup::Workgroup>(&["workgroups", &name], view)
}
