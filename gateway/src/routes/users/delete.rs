//! How does a user go?

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

/// Delete a user
///
/// Grants to it go with it.
#[utoipa::path(
    delete, path = "/v1/users/{name}", tag = "identity", params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_user(desk: Desk, Path(name): Path<String>, if_match: IfMatch) -> Result<Response> {
    let found = desk.find(Kind::User, &name)?;
    desk.require(
        Action::ManageIdentity,
        &ObjectRef::new("User", found.id.as_str()),
        &format!("user:{name}"),
    )
    .await?;
    desk.delete(Kind::User, &name, &if_match).await?;
    Ok(to_wire::entry::deleted())
}
