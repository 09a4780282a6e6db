//! Does a connection work?

use std::time::Instant;

use lakegate_catalog::object::Kind;
use lakegate_openapi::{connection, error};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Path},
    stored::Desk,
};

/// Test a connection
///
/// Asks the source whether it is there and accepts the credential, which is resolved anew. Needs `ManageConnection`.
#[utoipa::path(
    post, path = "/v1/connections/{name}/test", tag = "connections", params(("name" = String, Path)),
    responses(
        (status = 200, body = connection::ConnectionTested),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn test_connection(desk: Desk, Path(name): Path<String>) -> Result<Json<connection::ConnectionTested>> {
    let found = desk.find(Kind::Connection, &name)?;
    let object = ObjectRef::new("Connection", found.id.as_str());
    desk.require(Action::ManageConnection, &object, &format!("connection:{name}"))
        .await?;
    let start = Instant::now();
    desk.reach(&found.id).await?;
    let latency_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(connection::ConnectionTested { ok: true, latency_ms }))
}
