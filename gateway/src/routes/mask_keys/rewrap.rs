//! How do stored mask keys come under a new master key?

use lakegate_openapi::{error, mask_key};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{error::Result, extract::Json, stored::Desk};

/// Wrap the mask keys again
///
/// All versions come under the server's master key; those that the one before it wrapped (`secrets.previous_master_key`) are
/// opened with that. No hash changes, and no statement ends. If one of them opens with neither, none is changed. The body is not
/// read. Needs `ManagePolicy`.
#[utoipa::path(
    post, path = "/v1/mask-keys/rewrap", tag = "governance",
    responses(
        (status = 200, body = mask_key::MaskKeysRewrapped),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn rewrap_mask_keys(desk: Desk) -> Result<Json<mask_key::MaskKeysRewrapped>> {
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let count = desk.rewrap_mask_keys().await?;
    Ok(Json(mask_key::MaskKeysRewrapped {
        rewrapped: u64::try_from(count).unwrap_or(u64::MAX),
    }))
}
