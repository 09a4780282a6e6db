//! How does an earlier state of governance come back over HTTP?

use lakegate_openapi::{epoch, error, lake};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::Json,
    lake::{ApplyOptions, rollback},
    stored::{Desk, refusal},
    to_wire,
};

/// Roll back to an epoch
///
/// The policies, data filters, column masks and grants of that epoch become a new one; tables, tags and people stay as they
/// are. One transaction; it needs `ManagePolicy`, and every change the permission of its single route; gains need an approval as in an apply. What
/// cannot come back, because something that it needs was dropped since, is listed, and then nothing is stored.
#[utoipa::path(
    post, path = "/v1/rollback", tag = "lake", request_body = epoch::RollbackLake,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body apply once only")),
    responses(
        (status = 200, body = lake::LakeApplied),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn rollback_lake(desk: Desk, Json(body): Json<epoch::RollbackLake>) -> Result<Json<lake::LakeApplied>> {
    desk.require(Action::ManagePolicy, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let options = ApplyOptions {
        dry_run: body.dry_run,
        ..ApplyOptions::default()
    };
    let report = rollback(&desk.context(), body.epoch, options, body.approve_gains.as_deref())
        .await
        .map_err(|error| refusal(&error))?;
    Ok(Json(to_wire::lake::applied(report)))
}
