//! What is one workgroup?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, workgroup};

use crate::{error::Result, extract::Path, stored::Desk, to_wire};

/// Find a workgroup
#[utoipa::path(
    get, path = "/v1/workgroups/{name}", tag = "workgroups", params(("name" = String, Path)),
    responses(
        (status = 200, body = workgroup::Workgroup, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn find_workgroup(desk: Desk, Path(name): Path<String>) -> Result<Response> {
    to_wire::entry::found::<workgroup::Workgroup>(desk.find(Kind::Workgroup, &name)?)
}
