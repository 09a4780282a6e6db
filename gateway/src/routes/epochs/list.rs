//! Which versions of the catalog were there?

use lakegate_openapi::{epoch, error, list};
use lakegate_policy::Action;
use lakegate_query::{entities::ObjectRef, error::ErrorCode};

use crate::{
    cursor::page_limit,
    error::{ApiError, Result},
    extract::{Json, Query},
    stored::Desk,
    to_wire,
};

/// List epochs
///
/// Each is one change of the catalog, newest first: when, by whom, and how many objects of each kind. Needs `ManagePolicy`.
#[utoipa::path(
    get, path = "/v1/epochs", tag = "governance", params(list::Page),
    responses(
        (status = 200, body = list::List<epoch::Epoch>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_epochs(desk: Desk, Query(page): Query<list::Page>) -> Result<Json<list::List<epoch::Epoch>>> {
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let before = page
        .cursor
        .map_or(Ok(desk.snapshot().version.saturating_add(1)), |cursor| {
            let wrong = |_| ApiError::new(ErrorCode::InvalidCursor, "the cursor is none of this list");
            cursor.parse::<i64>().map_err(wrong)
        })?;
    let last = before.saturating_sub(1);
    let first = before.saturating_sub(i64::from(page_limit(page.limit)?)).max(1);
    let epochs = desk.app().store.epoch_history(first, last).await?;
    Ok(Json(list::List {
        items: epochs.into_iter().map(to_wire::epoch::summary).collect(),
        next_cursor: (first > 1).then(|| first.to_string()),
    }))
}
