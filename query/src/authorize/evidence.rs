//! What else does the record of a decision need, so that it can be proved years later? Roles, and the versions of what decided.

use lakegate_catalog::{audit::AuditEvent, id::ObjectId, snapshot::TablePath};

use crate::{context::QueryContext, identity};

/// Adds to the details: `roles` of the caller (names, sorted), `resource_version`, `source_identity` (whose credential
/// the source is read with, where it has some for its readers), and `revisions` of the policies and grants
/// (`id@version`).
pub(super) fn add(cx: &QueryContext, path: Option<&TablePath>, event: &mut AuditEvent) {
    let details = &mut event.details;
    let roles = roles(cx);
    if !roles.is_empty() {
        details.insert("roles".to_owned(), roles.join(","));
    }
    if let Some(path) = path {
        details.insert("resource_version".to_owned(), path.table.version.to_string());
        let with_identities = path.view.is_none() && !path.connection.body.credentials.is_empty();
        if with_identities {
            details.insert("source_identity".to_owned(), identity::word(cx, &path.connection));
        }
    }
    let revisions: Vec<String> = event.policies.iter().map(|id| revision(cx, id)).collect();
    if !revisions.is_empty() {
        details.insert("revisions".to_owned(), revisions.join(","));
    }
}

fn roles(cx: &QueryContext) -> Vec<String> {
    let snapshot = &cx.snapshot;
    let roles = identity::roles(snapshot, &cx.caller);
    let mut names: Vec<String> = roles
        .iter()
        .filter_map(|id| Some(snapshot.role(id)?.name.clone()))
        .collect();
    names.sort();
    names
}

/// A policy by its name, a grant by its id; a built-in has no version of its own.
fn revision(cx: &QueryContext, id: &str) -> String {
    let policy = cx.snapshot.find_policy(id).map(|policy| policy.version);
    let grant = || cx.snapshot.grant(&ObjectId::from_stored(id)).map(|grant| grant.version);
    match policy.or_else(grant) {
        Some(version) => format!("{id}@{version}"),
        None => id.to_owned(),
    }
}
