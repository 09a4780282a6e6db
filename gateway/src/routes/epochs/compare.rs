//! What would change for whom under the policies of another epoch?

use lakegate_openapi::{epoch, error};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Query},
    lake::{Days, compared},
    stored::{Desk, refusal},
    to_wire,
};

/// Compare epochs
///
/// Who gains or loses what from one epoch to another: real users, and whoever has a role. With `days`, which of the recorded
/// queries would be decided otherwise; none is run. Needs `SimulateAs`; objects that the caller may not describe are left out.
#[utoipa::path(
    get, path = "/v1/epochs/effects", tag = "governance", params(epoch::CompareEpochs),
    responses(
        (status = 200, body = epoch::EpochsCompared),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn compare_epochs(
    desk: Desk,
    Query(asked): Query<epoch::CompareEpochs>,
) -> Result<Json<epoch::EpochsCompared>> {
    desk.require(Action::SimulateAs, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    desk.note_read(Action::SimulateAs, "policy-store:default").await?;
    let days = asked.days.map(Days::new).transpose().map_err(|error| refusal(&error))?;
    let found = compared(&desk.context(), (asked.from, asked.to), days)
        .await
        .map_err(|error| refusal(&error))?;
    Ok(Json(to_wire::epoch::compared(&found)))
}
