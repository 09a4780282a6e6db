//! Which audit events are asked for?

use chrono::{DateTime, Utc};
use lakegate_catalog::audit::{AuditFilter, AuditOrder};
use lakegate_openapi::audit_event as wire;

use crate::{
    cursor::{CursorScope, page_limit},
    error::{ApiError, Result},
    stored::Desk,
};

/// A page of the audit, with what its next cursor is bound to. The filter asks for one event more than the page has.
#[derive(Clone, Debug)]
pub struct AuditPage {
    pub filter: AuditFilter,
    pub limit: usize,
    pub scope: CursorScope,
}

/// The page that the parameters ask for.
///
/// # Errors
/// `INVALID_CURSOR`, or `INVALID_REQUEST` for limit and times.
pub fn page(desk: &Desk, parameters: &wire::ListAuditEvents) -> Result<AuditPage> {
    let filter = wire::ListAuditEvents {
        limit: None,
        cursor: None,
        ..parameters.clone()
    };
    let scope = CursorScope::new(desk.caller(), "/v1/audit-events", &filter);
    let cursor: Option<i64> = match &parameters.cursor {
        Some(cursor) => Some(desk.app().cursors.open(&scope, cursor)?),
        None => None,
    };
    let (order, before, after) = match filter.order.unwrap_or_default() {
        wire::AuditOrder::Newest => (AuditOrder::Newest, cursor, None),
        wire::AuditOrder::Oldest => (AuditOrder::Oldest, None, cursor),
    };
    let limit = page_limit(parameters.limit)?;
    let filter = AuditFilter {
        query_id: filter.query_id,
        principal: filter.principal,
        action: filter.action,
        resource: filter.resource,
        decision: filter.decision,
        from: time("from", filter.from.as_deref())?,
        to: time("to", filter.to.as_deref())?,
        before,
        after,
        order,
        limit: limit + 1,
    };
    Ok(AuditPage {
        filter,
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        scope,
    })
}

fn time(name: &str, text: Option<&str>) -> Result<Option<DateTime<Utc>>> {
    let Some(text) = text else { return Ok(None) };
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|_| ApiError::invalid(format!("`{name}` must be a time such as `2026-01-31T00:00:00Z`")))?;
    Ok(Some(time.with_timezone(&Utc)))
}
