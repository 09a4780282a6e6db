//! How is an audit event of a caller begun? With who, how, from where and under which versions; the rest is the deed's.

use std::sync::{Arc, Mutex};

use lakegate_catalog::{audit::AuditEvent, snapshot::Snapshot};

use crate::context::Caller;

/// An event of `caller` that allows and succeeds unless its fields are changed.
#[must_use]
pub fn event(caller: &Caller, kind: &str, action: &str, resource: &str, snapshot: &Snapshot) -> AuditEvent {
    AuditEvent {
        time: chrono::Utc::now(),
        kind: kind.to_owned(),
        principal: caller.name.clone(),
        principal_id: caller.user.as_str().to_owned(),
        method: caller.method.to_owned(),
        address: Some(caller.ip.to_string()),
        door: caller.door.to_owned(),
        action: action.to_owned(),
        resource: resource.to_owned(),
        resource_id: None,
        decision: "allow".to_owned(),
        outcome: "ok".to_owned(),
        policies: Vec::new(),
        filters: Vec::new(),
        restrictive: Vec::new(),
        masks: std::collections::BTreeMap::new(),
        hidden: Vec::new(),
        snapshot_version: Some(snapshot.version),
        policy_version: Some(snapshot.version),
        query_id: None,
        trace_id: caller.trace_id.clone(),
        rows: None,
        bytes: None,
        details: std::collections::BTreeMap::new(),
    }
}

/// The attempts of one query that are not stored yet. Shared with the planning thread, so that none is lost when the query
/// is cancelled while it is planned.
#[derive(Clone, Debug, Default)]
pub struct Attempts(Arc<Mutex<Vec<AuditEvent>>>);

impl Attempts {
    /// Adds one.
    pub fn push(&self, event: AuditEvent) {
        if let Ok(mut events) = self.0.lock() {
            events.push(event);
        }
    }

    /// Those that are not stored yet.
    #[must_use]
    pub fn pending(&self) -> Vec<AuditEvent> {
        self.0.lock().map(|events| events.clone()).unwrap_or_default()
    }

    /// They are stored.
    pub fn stored(&self) {
        if let Ok(mut events) = self.0.lock() {
            events.clear();
        }
    }
}
