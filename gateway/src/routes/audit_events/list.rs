//! What has happened?

use axum::response::{IntoResponse, Response};
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
/// Newest first unless `order` says otherwise. Needs `ReadAudit`; reading is audited too.
#[utoipa::path(
    get, path = "/v1/audit-events", tag = "governance", params(audit_event::ListAuditEvents),
    responses(
        (status = 200, content(
            (list::List<audit_event::AuditEvent> = "application/json"),
            (String = "application/x-ndjson"),
        )),
        (status = "default", description = "refused", body = error::Error),
    )
)]
pub async fn list_audit_events(desk: Desk, Query(parameters): Query<audit_event::ListAuditEvents>) -> Result<Response> {
    desk.require(Action::ReadAudit, &ObjectRef::policy_store(), "policy-store:default")
        .await?;
    let page = from_wire::audit_event::page(&desk, &parameters)?;
    desk.note_read(Action::ReadAudit, "policy-store:default").await?;
    let records = desk.app().store.list_audit(&page.filter).await?;
    let found = to_wire::audit_event::list(&desk, &page, records);
    Ok(match parameters.format.unwrap_or_default() {
        audit_event::AuditFormat::Json => Json(found).into_response(),
        audit_event::AuditFormat::Ocsf => to_wire::audit_event::ocsf_lines(found),
    })
}
