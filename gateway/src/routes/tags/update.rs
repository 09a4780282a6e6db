//! How is a tag key changed?

use axum::response::Response;
use lakegate_catalog::object::Kind;
use lakegate_openapi::{error, list::MergePatch, tag};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Path},
    from_wire,
    stored::{Desk, IfMatch},
    to_wire,
};

/// Update a tag key
#[utoipa::path(
    patch, path = "/v1/tags/{name}", tag = "governance", request_body = MergePatch,
    params(("name" = String, Path), ("If-Match" = String, Header, description = "the `ETag` that was read")),
    responses(
        (status = 200, body = tag::TagKey, headers(("ETag" = String))),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn update_tag_key(
    desk: Desk,
    Path(name): Path<String>,
    if_match: IfMatch,
    Json(patch): Json<MergePatch>,
) -> Result<Response> {
    let found = desk.find(Kind::Tag, &name)?;
    desk.require(
        Action::DefineTag,
        &ObjectRef::new("TagKey", found.id.as_str()),
        &format!("tag:{name}"),
    )
    .await?;
    let view = desk
        .update(Kind::Tag, &name, &from_wire::entry::patch(patch), &if_match)
        .await?;
    to_wire::entry::found::<tag::TagKey>(view)
}
