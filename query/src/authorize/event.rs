//! What does the audit trail keep of an attempt to read a table or view? Ids and versions, never literals.

use std::collections::BTreeMap;

use lakegate_catalog::{audit::AuditEvent, id::ObjectId, name::TableName, snapshot::TablePath};
use lakegate_policy::{Clear, ColumnAccess, MaskChoice, RowScope};

use super::{RelationGrant, leaves};
use crate::{audit, context::QueryContext, error::QueryError};

pub(super) fn denied(
    cx: &QueryContext,
    name: &TableName,
    path: Option<&TablePath>,
    error: &QueryError,
    policies: &[String],
) -> AuditEvent {
    let mut event = base(cx, name, path);
    event.decision = "deny".to_owned();
    event.outcome = error.code.text().to_owned();
    event.policies = policies.to_vec();
    event
}

/// One event for each relation that a view reads, and for what those read, with the view and whose rights it lends.
pub(super) fn below(cx: &QueryContext, grant: &RelationGrant) -> Vec<AuditEvent> {
    let mut events = Vec::new();
    for base in &grant.bases {
        let mut event = match (&base.grant, &base.broken) {
            (Some(grant), None) => allowed(cx, &base.name, grant),
            (grant, _) => {
                let error = QueryError::table_not_found(&base.name);
                let path = grant.as_ref().map(|grant| &grant.path);
                let policies = grant.as_ref().map(|grant| grant.access.policies.as_slice());
                denied(cx, &base.name, path, &error, policies.unwrap_or_default())
            }
        };
        let view = &grant.path.table;
        let told = [
            ("view", Some(format!("{}@{}", grant.name(), view.version))),
            ("via_view", base.via_view.as_ref().map(ToString::to_string)),
            ("rights_of", Some(base.reader.clone())),
            ("broken", base.broken.as_ref().map(ToString::to_string)),
        ];
        let told = told
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)));
        event.details.extend(told);
        events.push(event);
        events.extend(base.grant.iter().flat_map(|base| below(cx, base)));
    }
    events
}

pub(super) fn allowed(cx: &QueryContext, name: &TableName, grant: &RelationGrant) -> AuditEvent {
    let mut event = base(cx, name, Some(&grant.path));
    let access = &grant.access;
    event.policies.clone_from(&access.policies);
    let mut filters = filters(&access.rows, &access.columns);
    for share in access.joint.iter().flat_map(|joint| [&joint.own, &joint.other]) {
        filters.extend(self::filters(&share.rows, &share.columns));
    }
    filters.sort();
    filters.dedup();
    event.filters = filters.iter().map(|id| versioned(cx, name, id)).collect();
    let others = grant.others.iter().flat_map(|other| &other.restrictive);
    let mut restrictive: Vec<&String> = access.restrictive.iter().chain(others).collect();
    restrictive.sort();
    restrictive.dedup();
    event.restrictive = restrictive.into_iter().map(|id| versioned(cx, name, id)).collect();
    let columns = &grant.path.table.body.columns;
    for (column, leaf) in access.columns.iter().zip(leaves(&grant.path.table)) {
        let root = columns
            .get(leaf.column)
            .map(|column| column.name.as_str())
            .unwrap_or_default();
        let leaf = std::iter::once(root)
            .chain(leaf.path.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(".");
        match &column.mask {
            MaskChoice::Mask(id) => {
                let mask = cx.snapshot.column_mask(&ObjectId::from_stored(id.as_str()));
                // Without arguments: a constant is a literal.
                let name = |func: &str| func.split('(').next().unwrap_or_default().to_owned();
                let text = mask.map_or_else(
                    || id.clone(),
                    |mask| format!("{}@{}", name(&mask.body.func), mask.version),
                );
                event.masks.insert(leaf, text);
            }
            MaskChoice::NullByTie => {
                event.masks.insert(leaf, "null (tie)".to_owned());
            }
            MaskChoice::None if column.clear == Clear::Never => event.hidden.push(leaf),
            MaskChoice::None => {}
        }
    }
    event.details.insert("digest".to_owned(), hex::encode(grant.digest));
    event
}

/// The permissive filters that open rows or cells.
fn filters(rows: &RowScope, columns: &[ColumnAccess]) -> Vec<String> {
    let mut filters = match rows {
        RowScope::AnyOf(ids) => ids.clone(),
        RowScope::All | RowScope::None => Vec::new(),
    };
    for column in columns {
        if let Clear::Where(ids) = &column.clear {
            filters.extend(ids.iter().cloned());
        }
    }
    filters
}

/// `orders#eu@5`.
fn versioned(cx: &QueryContext, name: &TableName, id: &str) -> String {
    match cx.snapshot.data_filter(&ObjectId::from_stored(id)) {
        Some(filter) => format!("{}#{}@{}", name.table, filter.name, filter.version),
        None => id.to_owned(),
    }
}

fn base(cx: &QueryContext, name: &TableName, path: Option<&TablePath>) -> AuditEvent {
    let caller = &cx.caller;
    let event = AuditEvent {
        time: chrono::Utc::now(),
        kind: "query.attempt".to_owned(),
        principal: caller.name.clone(),
        principal_id: caller.user.as_str().to_owned(),
        method: caller.method.to_owned(),
        address: Some(caller.ip.to_string()),
        door: caller.door.to_owned(),
        action: "Select".to_owned(),
        resource: format!("{}:{name}", path.map_or("Table", TablePath::entity_type).to_lowercase()),
        resource_id: path.map(|path| path.table.id.as_str().to_owned()),
        decision: "allow".to_owned(),
        outcome: "ok".to_owned(),
        policies: Vec::new(),
        filters: Vec::new(),
        restrictive: Vec::new(),
        masks: BTreeMap::new(),
        hidden: Vec::new(),
        snapshot_version: Some(cx.snapshot.version),
        policy_version: Some(cx.snapshot.version),
        query_id: Some(cx.query.clone()),
        trace_id: caller.trace_id.clone(),
        rows: None,
        bytes: None,
        details: BTreeMap::new(),
    };
    audit::acting(cx, event)
}
