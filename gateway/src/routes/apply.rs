//! How is a whole lake applied over HTTP?

use lakegate_openapi::{error, lake};

use crate::{
    error::Result,
    extract::Json,
    from_wire,
    lake::apply_approved,
    lake_form::LakeForm,
    stored::{Desk, refusal},
    to_wire,
};

/// Apply a lake
///
/// One transaction, one epoch: all of it or nothing. Entry by entry it needs the permission of the single route; without any
/// right to change something it is refused as a whole. Every problem is reported at once. Relative local paths are refused:
/// only the operator's own files (`serve --apply`) may have them. A lake that lets anybody see or do more is refused
/// (`GAINS_NEED_APPROVAL`) with the list of gains and their digest, unless `approve_gains` is that digest. Besides JSON it takes a form of files, which keep their names.
#[utoipa::path(
    post, path = "/v1/apply", tag = "lake",
    request_body(content((lake::ApplyLake = "application/json"), (lake::ApplyLakeForm = "multipart/form-data"))),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 characters: the same key and body apply once only")),
    responses(
        (status = 200, body = lake::LakeApplied),
        (status = "default", description = "refused", body = error::Refusal),
    )
)]
pub async fn apply_lake(desk: Desk, LakeForm(body): LakeForm) -> Result<Json<lake::LakeApplied>> {
    desk.require_any_change().await?;
    let (input, options, approved) = from_wire::lake::apply(body)?;
    let report = apply_approved(&desk.context(), &input, options, approved.as_deref())
        .await
        .map_err(|error| refusal(&error))?;
    Ok(Json(to_wire::lake::applied(report)))
}
