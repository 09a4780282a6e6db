//! What is shown of a caller?

use std::collections::BTreeSet;

use lakegate_catalog::snapshot::Snapshot;
use lakegate_openapi::whoami as wire;
use lakegate_query::context::Caller;

/// The caller, with all roles that hold now.
#[must_use]
pub fn identity(snapshot: &Snapshot, caller: &Caller) -> wire::Identity {
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
    wire::Identity {
        id: caller.user.to_string(),
        name: caller.name.clone(),
        kind: snapshot
            .user(&caller.user)
            .map(|user| user.body.kind.clone())
            .unwrap_or_default(),
        method: caller.method.to_owned(),
        roles: names.into_iter().collect(),
        mfa: caller.mfa,
        auth_age_ms: caller.auth_age_ms,
    }
}
