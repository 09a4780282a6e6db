//! What did queries use?

use lakegate_openapi::{error, list, usage};

use crate::{
    error::Result,
    extract::{Json, Query},
    from_wire,
    stored::{Desk, NamePage, place_of_usage},
    to_wire,
};

/// List usage
///
/// Sums of the ledger by day, workgroup and principal, newest day first. Of the caller's own queries what was shown with
/// them; with `ReadUsage` on a workgroup all of it, by the true figures that it is charged by.
#[utoipa::path(
    get, path = "/v1/usage", tag = "usage", params(usage::ListUsage),
    responses(
        (status = 200, body = list::List<usage::UsageSum>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_usage(
    desk: Desk,
    Query(parameters): Query<usage::ListUsage>,
) -> Result<Json<list::List<usage::UsageSum>>> {
    let filter = from_wire::usage::filter(&parameters)?;
    let scope = (
        &parameters.from,
        &parameters.to,
        &parameters.workgroup,
        &parameters.principal,
    );
    let page = NamePage::of(&desk, "/v1/usage", &scope, &from_wire::usage::page(&parameters))?;
    let wanted =
        |given: &Option<String>, name: &str| given.as_ref().is_none_or(|given| given.eq_ignore_ascii_case(name));
    let sums = desk.usage(&filter).await?.into_iter().filter(|sum| {
        let principal = [&sum.principal, &sum.principal_id]
            .into_iter()
            .any(|name| wanted(&parameters.principal, name));
        principal && wanted(&parameters.workgroup, &sum.workgroup)
    });
    let billing = desk.app().queries.billing();
    let rows = sums.map(|sum| (place_of_usage(&sum), sum));
    Ok(Json(
        page.cut(&desk, rows, |sum| Ok(to_wire::usage::sum(sum, billing)))?,
    ))
}
