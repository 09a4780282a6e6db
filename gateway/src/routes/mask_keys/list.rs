//! Which versions of the mask key are there?

use lakegate_openapi::{error, list, mask_key};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Query},
    stored::{Desk, NamePage},
    to_wire,
};

/// List versions of the mask key
///
/// Newest first, never the key itself. Needs `ManagePolicy`; reading is audited too.
#[utoipa::path(
    get, path = "/v1/mask-keys", tag = "governance", params(list::Page),
    responses(
        (status = 200, body = list::List<mask_key::MaskKey>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_mask_keys(desk: Desk, Query(page): Query<list::Page>) -> Result<Json<list::List<mask_key::MaskKey>>> {
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let page = NamePage::of(&desk, "/v1/mask-keys", &(), &page)?;
    desk.note_read(Action::ManagePolicy, "mask-key:default").await?;
    let versions = desk.mask_keys().await?;
    let newest = versions.first().map_or(0, |secret| secret.version);
    let rows = versions.into_iter().map(|secret| {
        let place = format!("{:020}", i64::MAX - secret.version);
        ((place, String::new()), secret)
    });
    let master = desk.app().master_key.clone();
    Ok(Json(page.cut(&desk, rows, |secret| {
        Ok(to_wire::mask_key::mask_key(secret, newest, master.as_deref()))
    })?))
}
