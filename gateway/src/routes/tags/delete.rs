//! How does a tag key go?

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

/// Delete a tag key
#[utoipa::path(
    delete, path = "/v1/tags/{name}", tag = "governance", params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 204, description = "it is gone"),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn delete_tag_key(desk: Desk, Path(name): Path<String>, if_match: IfMatch) -> Result<Response> {
    let found = desk.find(Kind::Tag, &name)?;
    desk.require(
        Action::DefineTag,
        &ObjectRef::new("TagKey", found.id.as_str()),
        &format!("tag:{name}"),
    )
    .await?;
    desk.delete(Kind::Tag, &name, &if_match).await?;
    Ok(to_wire::entry::deleted())
}
