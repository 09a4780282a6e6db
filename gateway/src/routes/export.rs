//! What is the running lake in its own format?

use lakegate_openapi::{error, lake};

use crate::{
    error::Result,
    extract::{Json, Query},
    from_wire,
    lake::export,
    stored::{Desk, refusal},
    to_wire,
};

/// Export a lake
///
/// What the caller may read of it, entry by entry. Applying the files changes nothing.
#[utoipa::path(
    get, path = "/v1/export", tag = "lake", params(lake::ExportLake),
    responses(
        (status = 200, body = lake::LakeExported),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn export_lake(desk: Desk, Query(parameters): Query<lake::ExportLake>) -> Result<Json<lake::LakeExported>> {
    let options = from_wire::lake::export(parameters)?;
    let caller = Some((desk.caller(), desk.governor().as_ref()));
    let exported = export(&desk.app().store, caller, &options)
        .await
        .map_err(|error| refusal(&error))?;
    Ok(Json(to_wire::lake::exported(exported)))
}
