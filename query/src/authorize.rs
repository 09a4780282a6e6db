//! May the caller read these tables, and what of them? One decision and one audit event per table.
//!
//! Semantics: governance.md §3. What follows for plans is `govern`.

mod event;
mod facts;

use std::time::Instant;

use lakegate_catalog::{audit::AuditEvent, name::TableName, snapshot::TablePath};
use lakegate_policy::{Access, Action, Authorizer, PolicyError, Request, Verdict, resource};
use sha2::{Digest, Sha256};

pub use facts::{LeafFacts, leaves};

use crate::{
    context::QueryContext,
    entities::Closure,
    error::{ErrorCode, QueryError, Result},
    signal::Signal,
};

/// What the caller may see of one table under one epoch.
#[derive(Clone, Debug)]
pub struct RelationGrant {
    pub path: TablePath,
    /// Columns are leaves: a struct column stands there with each of its fields ([`leaves`]).
    pub access: Access,
    pub can_describe: bool,
    /// The caller may know true figures and files of this table.
    pub read_stats: bool,
    /// Of everything that the decision depends on.
    pub digest: [u8; 32],
    /// As the digest, without the epoch: equal as long as nothing that matters has changed.
    pub decision: [u8; 32],
    /// As the decision, without the versions of table and connection: what the caller may see, however it is reached.
    pub sight: [u8; 32],
    /// Version of the snapshot and the policies.
    pub epoch: i64,
}

impl RelationGrant {
    /// The table's name in the catalog.
    #[must_use]
    pub fn name(&self) -> TableName {
        name_of(&self.path)
    }

    /// Some data of it may be read.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.access.is_open()
    }
}

/// The outcome for one table; the event is to be stored in both cases.
#[derive(Debug)]
pub struct Attempt {
    pub grant: Result<RelationGrant>,
    pub event: AuditEvent,
}

/// Decides the tables of a statement, in their order.
#[must_use]
pub fn authorize(cx: &QueryContext, tables: &[TablePath]) -> Vec<Attempt> {
    tables.iter().map(|path| attempt(cx, path)).collect()
}

/// The outcome for a name that leads to no table: the same as for a hidden one.
#[must_use]
pub fn missing(cx: &QueryContext, name: &TableName) -> Attempt {
    let error = QueryError::table_not_found(name);
    Attempt {
        event: event::denied(cx, name, None, &error, &[]),
        grant: Err(error),
    }
}

/// Decides one table without refusing: for metadata, where a describable table is shown though it cannot be read.
///
/// # Errors
/// `INTERNAL_ERROR` if the facts cannot be put to Cedar; nothing may be shown then.
pub fn decide(cx: &QueryContext, path: &TablePath) -> Result<RelationGrant> {
    let start = Instant::now();
    let grant = decided(cx, path).map_err(QueryError::internal);
    let allowed = grant.as_ref().is_ok_and(RelationGrant::is_readable);
    cx.signals.tell(&Signal::Decided {
        allowed: usize::from(allowed),
        denied: usize::from(!allowed),
        took: start.elapsed(),
    });
    let errors = grant.iter().flat_map(|grant| &grant.access.errors);
    errors.for_each(|_| cx.signals.tell(&Signal::PolicyFailed));
    grant
}

fn attempt(cx: &QueryContext, path: &TablePath) -> Attempt {
    let name = name_of(path);
    let grant = match decide(cx, path) {
        Ok(grant) => grant,
        Err(error) => {
            // P6 and P7: what cannot be decided is not there.
            tracing::error!(query = %cx.query, table = %name, error = %error.log_text(), "a table could not be decided");
            let error = QueryError::table_not_found(&name);
            return Attempt {
                event: event::denied(cx, &name, Some(path), &error, &[]),
                grant: Err(error),
            };
        }
    };
    report(cx, &name, &grant.access);
    if let Some(error) = refusal(&name, &grant) {
        return Attempt {
            event: event::denied(cx, &name, Some(path), &error, &grant.access.policies),
            grant: Err(error),
        };
    }
    Attempt {
        event: event::allowed(cx, &name, &grant),
        grant: Ok(grant),
    }
}

fn refusal(name: &TableName, grant: &RelationGrant) -> Option<QueryError> {
    match (grant.is_readable(), grant.can_describe) {
        (true, _) => None,
        (false, true) => Some(QueryError::new(
            ErrorCode::AccessDenied,
            format!("you may not read `{name}`"),
        )),
        (false, false) => Some(QueryError::table_not_found(name)),
    }
}

fn report(cx: &QueryContext, name: &TableName, access: &Access) {
    for error in &access.errors {
        tracing::error!(query = %cx.query, table = %name, error = %error, "a policy could not be evaluated: denied");
    }
    for alert in &access.alerts {
        tracing::error!(query = %cx.query, table = %name, alert = %alert, "governance needs mending");
    }
}

fn decided(cx: &QueryContext, path: &TablePath) -> Result<RelationGrant, PolicyError> {
    let table = &path.table;
    let leaves = leaves(table);
    let mut closure = Closure::new(&cx.snapshot);
    closure.caller(&cx.caller)?;
    let facts = facts::gather(&cx.snapshot, table, &leaves, &mut closure)?;
    let authorizer = Authorizer::new(&cx.policies, closure.entities())?;
    let principal = cx.caller.user.as_str();
    let mut access = authorizer.access(principal, &cx.request, &facts);
    let ask = |action, resource| {
        authorizer.decide(&Request {
            principal,
            action,
            resource,
            context: &cx.request,
        })
    };
    facts::forbid_below(&mut access, &leaves, |column| {
        ask(Action::Select, resource::uid("Column", column.as_str())).verdict == Verdict::Forbidden
    });
    let relation = || resource::uid("Table", table.id.as_str());
    let describe = ask(Action::Describe, relation());
    let read_stats = ask(Action::ReadStats, relation());
    let sight = sight(cx, path, &access);
    let decision = decision(path, &sight, read_stats.is_allowed());
    let digest = digest(cx.snapshot.version, &decision);
    Ok(RelationGrant {
        path: path.clone(),
        access,
        can_describe: describe.is_allowed(),
        read_stats: read_stats.is_allowed(),
        decision,
        sight,
        digest,
        epoch: cx.snapshot.version,
    })
}

/// Covers what the caller may see of the table: rows, cells, and all filters and masks that say so.
fn sight(cx: &QueryContext, path: &TablePath, access: &Access) -> [u8; 32] {
    let snapshot = &cx.snapshot;
    let filters: Vec<_> = snapshot
        .filters_of(&path.table.id)
        .into_iter()
        .map(|filter| (filter.id.as_str(), filter.version))
        .collect();
    let leaves = leaves(&path.table);
    let masks: Vec<_> = leaves
        .iter()
        .flat_map(|leaf| leaf.masks(snapshot))
        .map(|(_, mask)| (mask.id.as_str().to_owned(), mask.version))
        .collect();
    let user = snapshot.user(&cx.caller.user).map(|user| user.version);
    let parts = serde_json::json!({
        "principal": cx.caller.user.as_str(),
        "user": user,
        "table": path.table.id.as_str(),
        "access": { "gate": access.gate, "select": access.select, "rows": access.rows, "restrictive": access.restrictive, "columns": access.columns },
        "filters": filters,
        "masks": masks,
    });
    Sha256::digest(parts.to_string().as_bytes()).into()
}

/// Covers all that a plan is made from; equal under different epochs if nothing that matters has changed.
fn decision(path: &TablePath, sight: &[u8; 32], read_stats: bool) -> [u8; 32] {
    let parts = serde_json::json!({
        "sight": hex::encode(sight),
        "table": path.table.version,
        "connection": [path.connection.id.as_str(), path.connection.version.to_string()],
        "read_stats": read_stats,
    });
    Sha256::digest(parts.to_string().as_bytes()).into()
}

/// The decision under its epoch: what plans are marked with.
fn digest(epoch: i64, decision: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(epoch.to_le_bytes());
    hasher.update(decision);
    hasher.finalize().into()
}

fn name_of(path: &TablePath) -> TableName {
    TableName::new(&path.catalog.name, &path.database.name, &path.table.name)
}
