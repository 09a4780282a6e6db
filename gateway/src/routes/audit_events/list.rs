//! What has happened?

use lakegate_openapi::{audit_event, error, list};
use lakegate_policy::Action;
use lakegate_query::entities::ObjectRef;

use crate::{
    error::Result,
    extract::{Json, Query},
    from_wire,
    stored::Desk,
    to_wire,
};

/// List audit events
///
/// Newest first. Needs `ReadAudit`; reading is audited too.
#[utoipa::path(
    get, path = "/v1/audit-events", tag = "governance", params(audit_event::ListAuditEvents),
    responses(
        (status = 200, body = list::List<audit_event::AuditEvent>),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_audit_events(
    desk: Desk,
    Query(parameters): Query<audit_event::ListAuditEvents>,
) -> Result<Json<list::List<audit_event::AuditEvent>>> {
    desk.require(Action::ReadAudit, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let page = from_wire::audit_event::page(&desk, &parameters)?;
    desk.note_read(Action::ReadAudit, "policy-store:default").await?;
    let records = desk.app().store.list_audit(&page.filter).await?;
    Ok(Json(to_wire::audit_event::list(&desk, &page, records)))
}
