//! May a principal act on behalf of a user? Decided when a statement begins and whenever it is decided again.
//!
//! What both may do then is decided where it is asked: actions in `entities`, rows and cells in `authorize`.

use std::sync::Arc;

use lakegate_catalog::{audit::AuditEvent, id::ObjectId, record::OnBehalfOf, snapshot::Snapshot};
use lakegate_policy::{Action, Decision, RequestContext};

use crate::{
    audit,
    context::{Caller, QueryContext},
    entities::{Governor, ObjectRef},
    error::{ErrorCode, QueryError, Result},
};

/// Longest name that is kept in the audit.
const MAX_NAME: usize = 200;
/// Stands for a user that does not exist, so that the question is put all the same.
const NOBODY: &str = "nobody";

/// The outcome of the question; the event is to be stored in both cases.
#[derive(Debug)]
pub struct Attempt {
    pub user: Result<OnBehalfOf>,
    pub event: AuditEvent,
}

/// Decides whether `caller` may act on behalf of the user of this name. `request` is the statement's context so far.
///
/// # Errors
/// `INVALID_REQUEST` for oneself; `ACCESS_DENIED`, in one text, for users that may not be impersonated and for those that do
/// not exist.
#[must_use]
pub fn attempt(governor: &Governor, caller: &Caller, request: &RequestContext, name: &str) -> Attempt {
    let found = governor.snapshot().find_user(name);
    let id = found.map_or(NOBODY, |user| user.id.as_str());
    let decision = decide(governor, caller, request, id);
    let user = match found {
        Some(user) if user.id == caller.user => Err(QueryError::new(
            ErrorCode::InvalidRequest,
            "you act for yourself already: leave `on_behalf_of` out",
        )),
        Some(user) if decision.is_allowed() => Ok(OnBehalfOf {
            id: user.id.as_str().to_owned(),
            name: user.name.clone(),
        }),
        Some(_) | None => Err(QueryError::new(
            ErrorCode::AccessDenied,
            format!("you may not act on behalf of `{name}`"),
        )),
    };
    let event = AuditEvent {
        resource_id: found.map(|user| user.id.as_str().to_owned()),
        decision: if user.is_ok() { "allow" } else { "deny" }.to_owned(),
        outcome: user.as_ref().err().map_or("ok", |error| error.code.text()).to_owned(),
        policies: decision.policies,
        ..audit::event(
            caller,
            "query.attempt",
            Action::Impersonate.name(),
            &format!("user:{}", bounded(name)),
            governor.snapshot(),
        )
    };
    Attempt { user, event }
}

/// A name as the audit keeps it.
#[must_use]
pub fn bounded(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}

/// Id of the user whose rights are needed beside those of the caller of `cx`. In the body of a definer view it is the
/// definer's rights that count: what both may see was decided about the view.
#[must_use]
pub fn of(cx: &QueryContext) -> Option<&str> {
    cx.request.on_behalf_of.as_deref().filter(|_| !cx.is_lent())
}

/// That user as a caller: without the roles, the key or the token of who acts for them.
#[must_use]
pub fn caller(cx: &QueryContext) -> Option<Caller> {
    let user = ObjectId::from_stored(of(cx)?);
    let name = cx.snapshot.user(&user).map(|user| user.name.clone());
    Some(Caller {
        name: name.unwrap_or_default(),
        user,
        key: None,
        extra_roles: Vec::new(),
        ..cx.caller.clone()
    })
}

/// Under the snapshot and at the time of `cx`: may its caller still act on behalf of whom the query began for?
#[must_use]
pub fn holds(cx: &QueryContext) -> bool {
    let Some(user) = &cx.request.on_behalf_of else {
        return true;
    };
    let governor = Governor::new(Arc::clone(&cx.snapshot), Arc::clone(&cx.policies));
    cx.snapshot.user(&ObjectId::from_stored(user.as_str())).is_some()
        && decide(&governor, &cx.caller, &cx.request, user).is_allowed()
}

/// The name of the user on whose behalf a statement runs.
#[must_use]
pub fn name(snapshot: &Snapshot, request: &RequestContext) -> Option<String> {
    let id = request.on_behalf_of.as_deref()?;
    let user = snapshot.user(&ObjectId::from_stored(id));
    Some(user.map_or_else(|| id.to_owned(), |user| user.name.clone()))
}

/// This question is the principal's alone: nobody permits that they are impersonated.
fn decide(governor: &Governor, caller: &Caller, request: &RequestContext, user: &str) -> Decision {
    let alone = RequestContext {
        on_behalf_of: None,
        ..request.clone()
    };
    governor.decide(caller, &alone, Action::Impersonate, &ObjectRef::new("User", user))
}
