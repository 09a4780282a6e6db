//! How is an audit event of a caller begun? With who, how, from where and under which versions; the rest is the deed's.

use std::sync::{Arc, Mutex};

use lakegate_catalog::{audit::AuditEvent, id::ObjectId, snapshot::Snapshot};

use crate::{
    behalf,
    context::{Caller, QueryContext},
};

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

/// The event with whom the caller of `cx` acts for.
#[must_use]
pub fn acting(cx: &QueryContext, mut event: AuditEvent) -> AuditEvent {
    if let Some(id) = &cx.request.on_behalf_of {
        let name = behalf::name(&cx.snapshot, &cx.request).unwrap_or_default();
        event.details.insert("on_behalf_of".to_owned(), name);
        event.details.insert("on_behalf_of_id".to_owned(), id.clone());
    }
    event
}

/// An event of the server itself, before anybody can ask it for anything.
#[must_use]
pub fn bootstrap_event(action: &str, resource: &str, snapshot: &Snapshot) -> AuditEvent {
    let caller = Caller {
        user: ObjectId::from_stored("bootstrap"),
        name: "bootstrap".to_owned(),
        key: None,
        method: "internal",
        ip: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        mfa: false,
        auth_age_ms: None,
        door: "internal",
        client: None,
        purpose: None,
        trace_id: None,
        request_id: String::new(),
        extra_roles: Vec::new(),
        proof_ends: None,
    };
    event(&caller, "change", action, resource, snapshot)
}

/// What `actor` simulated: the attempt that the simulated one would have made, in the actor's name.
#[must_use]
pub fn simulated(attempt: AuditEvent, actor: &Caller) -> AuditEvent {
    let mut details = attempt.details;
    details.insert("simulated".to_owned(), attempt.principal);
    AuditEvent {
        kind: "simulate".to_owned(),
        principal: actor.name.clone(),
        principal_id: actor.user.as_str().to_owned(),
        method: actor.method.to_owned(),
        address: Some(actor.ip.to_string()),
        door: actor.door.to_owned(),
        trace_id: actor.trace_id.clone(),
        query_id: None,
        details,
        ..attempt
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
