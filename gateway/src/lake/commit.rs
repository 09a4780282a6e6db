//! How do changes reach the store? As one transaction, with one audit event per change.

use std::collections::BTreeMap;

use chrono::Utc;
use lakegate_catalog::{Store, StoreError, audit::AuditEvent, change::ChangeSet, id::ObjectId, object::Kind};
use lakegate_query::context::Caller;

use super::{
    ApplyError,
    change::{Change, ChangeKind, Difference},
    gains::Approval,
    judge::Judge,
    problem::{Place, Problem, ProblemCode},
};

/// Stores a difference that was computed on `version`. The new epoch; `None`: the catalog moved, compute it again.
pub(super) async fn commit(
    store: &Store,
    (caller, judge): (Option<&Caller>, &Judge<'_>),
    version: i64,
    difference: Difference,
) -> Result<Option<i64>, ApplyError> {
    let principal = caller.map_or("bootstrap", |caller| caller.name.as_str());
    let changed = difference
        .changes
        .iter()
        .filter(|change| change.change != ChangeKind::Unchanged);
    let mut audit: Vec<AuditEvent> = changed.map(|change| event(caller, change, version)).collect();
    audit.extend(
        difference
            .approval
            .iter()
            .map(|approval| approved(caller, approval, version)),
    );
    let set = ChangeSet {
        expected_version: Some(version),
        puts: difference.puts,
        deletes: difference.deletes,
        audit,
        principal: principal.to_owned(),
        ..ChangeSet::default()
    };
    match store.commit(set).await {
        Ok(committed) => Ok(Some(committed.version)),
        Err(StoreError::Conflict { .. }) => Ok(None),
        Err(error) => Err(store_problem(&without_hidden(error, judge))),
    }
}

/// What uses something is named as far as the applier may know it.
fn without_hidden(error: StoreError, judge: &Judge<'_>) -> StoreError {
    match error {
        StoreError::HasChildren { kind, name, children } => {
            let (mut known, hidden): (Vec<String>, Vec<String>) =
                children.into_iter().partition(|child| judge.names(child));
            if !hidden.is_empty() {
                known.push("something that is not listed here".to_owned());
            }
            StoreError::HasChildren {
                kind,
                name,
                children: known,
            }
        }
        other => other,
    }
}

/// Records what the caller was refused. No refusal without its record.
pub(super) async fn record_refusals<'a>(
    store: &Store,
    caller: &Caller,
    version: i64,
    refused: impl Iterator<Item = &'a Change>,
) -> Result<(), ApplyError> {
    let denied = |change| AuditEvent {
        decision: "deny".to_owned(),
        outcome: ProblemCode::AccessDenied.text().to_owned(),
        ..event(Some(caller), change, version)
    };
    let events: Vec<AuditEvent> = refused.map(denied).collect();
    store.append_audit(&events).await.map_err(|error| store_problem(&error))
}

/// That somebody has approved what others gain.
fn approved(caller: Option<&Caller>, approval: &Approval, version: i64) -> AuditEvent {
    let change = Change {
        kind: Kind::Policy,
        name: String::new(),
        change: ChangeKind::Updated,
        fields: Vec::new(),
        id: ObjectId::from_stored("default"),
    };
    AuditEvent {
        action: "approve-gains".to_owned(),
        resource: "policy-store:default".to_owned(),
        details: BTreeMap::from([
            ("digest".to_owned(), approval.digest.clone()),
            ("gains".to_owned(), approval.gains.to_string()),
        ]),
        ..event(caller, &change, version)
    }
}

/// Names of changed fields, never values.
fn event(caller: Option<&Caller>, change: &Change, version: i64) -> AuditEvent {
    let action = match change.change {
        ChangeKind::Created => "create",
        ChangeKind::Updated => "update",
        ChangeKind::Deleted => "delete",
        ChangeKind::Unchanged => "keep",
    };
    AuditEvent {
        time: Utc::now(),
        kind: "change".to_owned(),
        principal: caller.map_or("bootstrap", |caller| caller.name.as_str()).to_owned(),
        principal_id: caller.map_or("bootstrap", |caller| caller.user.as_str()).to_owned(),
        method: caller.map_or("internal", |caller| caller.method).to_owned(),
        address: Some(caller.map_or_else(|| "127.0.0.1".to_owned(), |caller| caller.ip.to_string())),
        door: caller.map_or("internal", |caller| caller.door).to_owned(),
        action: action.to_owned(),
        resource: format!("{}:{}", change.kind, change.name),
        resource_id: Some(change.id.to_string()),
        decision: "allow".to_owned(),
        outcome: "ok".to_owned(),
        policies: Vec::new(),
        filters: Vec::new(),
        restrictive: Vec::new(),
        masks: BTreeMap::new(),
        hidden: Vec::new(),
        snapshot_version: Some(version),
        policy_version: Some(version),
        query_id: None,
        trace_id: caller.and_then(|caller| caller.trace_id.clone()),
        rows: None,
        bytes: None,
        details: BTreeMap::from([("fields".to_owned(), change.fields.join(","))]),
    }
}

/// What the store refused, in our words.
pub(super) fn store_problem(error: &StoreError) -> ApplyError {
    let (code, message, remedy) = match error {
        StoreError::HasChildren { .. } => (
            ProblemCode::ConfigurationInvalid,
            error.to_string(),
            "delete or change those that use it as well",
        ),
        StoreError::AlreadyExists { .. } => (ProblemCode::AlreadyExists, error.to_string(), "choose another name"),
        StoreError::NotFound { .. } => (ProblemCode::NotFound, error.to_string(), "read it again"),
        StoreError::Conflict { .. } => (
            ProblemCode::StaleVersion,
            error.to_string(),
            "read it again and repeat the change",
        ),
        StoreError::Unavailable(_) | StoreError::SchemaBehind { .. } | StoreError::SchemaTooNew { .. } => (
            ProblemCode::StoreUnavailable,
            "the metadata store cannot be reached".to_owned(),
            "try again in a moment",
        ),
        StoreError::KeyUsed { .. }
        | StoreError::QueryNotFound { .. }
        | StoreError::QueryNotQueued { .. }
        | StoreError::Invalid { .. }
        | StoreError::Address { .. }
        | StoreError::Corrupt { .. }
        | StoreError::Failed(_) => (
            ProblemCode::Internal,
            "the metadata store refused the change".to_owned(),
            "report it with the server's log",
        ),
    };
    if matches!(code, ProblemCode::Internal | ProblemCode::StoreUnavailable) {
        tracing::error!(error = ?error, "the metadata store failed while a lake was applied");
    }
    ApplyError::one(Problem::new(code, &Place::of_input("catalog"), message, remedy))
}
