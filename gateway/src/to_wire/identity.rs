//! What is shown of a caller?

use std::collections::BTreeSet;

use lakegate_catalog::snapshot::Snapshot;
use lakegate_openapi::whoami as wire;
use lakegate_query::context::Caller;

/// The caller, with all roles that hold now.
#[must_use]
pub fn identity(snapshot: &Snapshot, caller: &Caller) -> wire::Identity {
    wire::Identity {
        id: caller.user.to_string(),
        name: caller.name.clone(),
        kind: snapshot
            .user(&caller.user)
            .map(|user| user.body.kind.clone())
            .unwrap_or_default(),
        method: caller.method.to_owned(),
        roles: role_names(snapshot, caller),
        mfa: caller.mfa,
        auth_age_ms: caller.auth_age_ms,
    }
}

/// The names of all roles of a caller, those that a token brought included; sorted.
#[must_use]
pub fn role_names(snapshot: &Snapshot, caller: &Caller) -> Vec<String> {
    let mut waiting: Vec<_> = caller.extra_roles.clone();
    let mut held = snapshot.roles_of(&caller.user);
    while let Some(id) = waiting.pop() {
        if let Some(role) = snapshot.role(&id).filter(|_| held.insert(id.clone())) {
            waiting.extend(role.body.member_of.iter().cloned());
        }
    }
    let names: BTreeSet<String> = held
        .iter()
        .filter_map(|id| Some(snapshot.role(id)?.name.clone()))
        .collect();
    names.into_iter().collect()
}
