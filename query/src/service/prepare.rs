//! What is checked before a query has a record, and what does the record hold at first?

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use lakegate_catalog::{
    audit::AuditEvent,
    id::ObjectId,
    identity::Workgroup,
    object::Stored,
    record::{OnBehalfOf, QueryRecord, QueryState, Usage},
    snapshot::Snapshot,
};
use lakegate_policy::{Action, RequestContext, Verdict};
use tokio_util::sync::CancellationToken;

use super::{Inner, ServiceOptions, SubmitRequest};
use crate::{
    audit::{Attempts, event},
    behalf,
    context::{Caller, Limits, Meter, QueryContext},
    entities::{Governor, ObjectRef},
    error::{ErrorCode, QueryError, Result},
    parse::{self, Parsed},
    plan::Statement,
    plan_thread,
    running::Running,
};

/// Workgroup of those who name none.
pub(super) const PRIMARY: &str = "primary";
/// Least timeout a caller may ask for.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// A statement with a durable record, ready to be driven.
#[derive(Debug)]
pub struct Prepared {
    pub cx: Arc<QueryContext>,
    pub governor: Arc<Governor>,
    pub workgroup: Arc<Stored<Workgroup>>,
    pub parsed: Parsed,
    pub request: SubmitRequest,
    pub record: QueryRecord,
    pub running: Running,
    /// What was decided before there was a record; stored with the other attempts.
    pub attempts: Attempts,
}

impl Prepared {
    /// What the planner needs of it.
    pub fn statement(self) -> Statement {
        Statement {
            cx: self.cx,
            governor: self.governor,
            parsed: self.parsed,
            request: self.request,
        }
    }
}

/// Checks, parses and stores a statement in state QUEUED.
pub async fn prepare(inner: &Arc<Inner>, caller: &Caller, request: SubmitRequest) -> Result<Prepared> {
    if inner.is_draining() {
        return Err(QueryError::new(ErrorCode::ServerDraining, "this server is stopping").retry_after(1));
    }
    let snapshot = inner.store.confirmed_snapshot().await.map_err(crate::store_error)?;
    let governor = Arc::new(inner.governor(Arc::clone(&snapshot))?);
    let checked = check(inner, caller, &request, &governor).await;
    let Checked {
        workgroup,
        context,
        parsed,
        acting,
    } = match checked {
        Ok(checked) => checked,
        Err(error) => {
            let refusal = AuditEvent {
                decision: "deny".to_owned(),
                outcome: error.code.text().to_owned(),
                details: asked_for(&request),
                ..event(caller, "query.attempt", "SubmitQuery", "statement", &snapshot)
            };
            let audited = inner.store.append_audit(&[refusal]).await;
            audited.map_err(|error| inner.audit_failed(error))?;
            return Err(error);
        }
    };
    let id = uuid::Uuid::now_v7().to_string();
    let cancel = CancellationToken::new();
    let meter = Arc::new(Meter::new(None, cancel.clone()));
    let limits = limits(inner, &request, &workgroup.body);
    let mut salt = [0_u8; 32];
    rand::Rng::fill(&mut rand::rng(), &mut salt);
    let cx = Arc::new(QueryContext {
        query: id.clone(),
        caller: caller.clone(),
        workgroup: workgroup.name.clone(),
        policies: Arc::clone(governor.policies()),
        snapshot,
        request: context,
        deadline: Instant::now() + limits.timeout,
        cancel: cancel.clone(),
        limits,
        meter: Arc::clone(&meter),
        trace: Arc::default(),
        signals: inner.options.signals.clone(),
        decisions: Arc::clone(governor.decisions()),
        started: Instant::now(),
        now: Utc::now(),
        salt,
        master_key: inner.options.master_key.clone(),
        reader_depth: 0,
        through: Default::default(),
    });
    let attempts = Attempts::default();
    let (on_behalf_of, event) = acting.unzip();
    if let Some(event) = event {
        attempts.push(AuditEvent {
            query_id: Some(id.clone()),
            ..event
        });
    }
    let record = QueryRecord {
        on_behalf_of,
        ..record(&cx, &inner.options, &request, &workgroup.body)
    };
    inner.store.begin_query(&record).await.map_err(crate::store_error)?;
    let running = Running::new(workgroup.name.clone(), meter, cancel);
    inner.running.insert(&id, &running);
    Ok(Prepared {
        cx,
        governor,
        workgroup,
        parsed,
        request,
        record,
        running,
        attempts,
    })
}

/// Whom a refused statement was for, as the caller says.
fn asked_for(request: &SubmitRequest) -> BTreeMap<String, String> {
    let named = request.on_behalf_of.iter().map(|name| behalf::bounded(name));
    named.map(|name| ("on_behalf_of".to_owned(), name)).collect()
}

/// A statement that may be submitted.
struct Checked {
    workgroup: Arc<Stored<Workgroup>>,
    context: RequestContext,
    parsed: Parsed,
    /// Whom the caller acts for, and the decision that they may.
    acting: Option<(OnBehalfOf, AuditEvent)>,
}

async fn check(inner: &Arc<Inner>, caller: &Caller, request: &SubmitRequest, governor: &Governor) -> Result<Checked> {
    parse::check_text(&request.sql)?;
    if let Some(dialect) = request.dialect.as_deref()
        && dialect != "datafusion"
    {
        return Err(QueryError::new(
            ErrorCode::NotSupported,
            format!("dialect `{dialect}` is not supported by this version; leave it out or say `datafusion`"),
        ));
    }
    let name = request.workgroup.as_deref().unwrap_or(PRIMARY).to_lowercase();
    let unknown = || {
        QueryError::new(
            ErrorCode::UnknownWorkgroup,
            format!("workgroup `{name}` does not exist"),
        )
    };
    let workgroup = Arc::clone(governor.snapshot().find_workgroup(&name).ok_or_else(unknown)?);
    let mut context = request_context(governor.snapshot(), caller, request, &workgroup)?;
    let acting = acting(inner, caller, request, governor, &mut context).await?;
    let object = ObjectRef::new("Workgroup", workgroup.id.as_str());
    if governor.decide(caller, &context, Action::SubmitQuery, &object).verdict != Verdict::Allow
        || workgroup.body.disabled
    {
        return Err(unknown());
    }
    let sql = request.sql.clone();
    let parsed = plan_thread::run(inner.engine_handle()?, move || async move {
        let span = tracing::info_span!("query.parse", lakegate.statement.type = tracing::field::Empty);
        let parsed = span.in_scope(|| parse::parse(&sql));
        if let Ok(parsed) = &parsed {
            span.record("lakegate.statement.type", parsed.kind.word());
        }
        parsed
    })
    .await?;
    Ok(Checked {
        workgroup,
        context,
        parsed,
        acting,
    })
}

/// Whom the caller acts for; the context says so from then on. A refusal is stored before it is answered.
async fn acting(
    inner: &Arc<Inner>,
    caller: &Caller,
    request: &SubmitRequest,
    governor: &Governor,
    context: &mut RequestContext,
) -> Result<Option<(OnBehalfOf, AuditEvent)>> {
    let Some(name) = &request.on_behalf_of else {
        return Ok(None);
    };
    let behalf::Attempt { user, event } = behalf::attempt(governor, caller, context, name);
    match user {
        Ok(user) => {
            let id = ObjectId::from_stored(user.id.as_str());
            has_purpose(governor.snapshot(), &id, &user.name, context.purpose.as_deref())?;
            context.on_behalf_of = Some(user.id.clone());
            Ok(Some((user, event)))
        }
        Err(error) => {
            let audited = inner.store.append_audit(&[event]).await;
            audited.map_err(|error| inner.audit_failed(error))?;
            Err(error)
        }
    }
}

/// Facts for Cedar. A purpose counts only if it is among the user's own.
pub(super) fn request_context(
    snapshot: &Snapshot,
    caller: &Caller,
    request: &SubmitRequest,
    workgroup: &Stored<Workgroup>,
) -> Result<RequestContext> {
    let purpose = request.purpose.clone().or_else(|| caller.purpose.clone());
    has_purpose(snapshot, &caller.user, &caller.name, purpose.as_deref())?;
    Ok(RequestContext {
        purpose,
        workgroup: workgroup.id.as_str().to_owned(),
        ..crate::context::request_context(caller)
    })
}

/// Refuses a purpose that is not among the user's own.
///
/// # Errors
/// `INVALID_REQUEST`.
pub(super) fn has_purpose(snapshot: &Snapshot, user: &ObjectId, name: &str, purpose: Option<&str>) -> Result<()> {
    let Some(purpose) = purpose else { return Ok(()) };
    let purposes = snapshot
        .user(user)
        .and_then(|user| user.body.attributes.get("purposes"));
    if purposes.is_some_and(|purposes| purposes.iter().any(|known| known == purpose)) {
        Ok(())
    } else {
        Err(QueryError::new(
            ErrorCode::InvalidRequest,
            format!("purpose `{purpose}` is not among the purposes of `{name}`"),
        ))
    }
}

pub(super) fn limits(inner: &Inner, request: &SubmitRequest, workgroup: &Workgroup) -> Limits {
    let options = &inner.options;
    let asked = &request.limits;
    let memory = asked
        .memory_bytes
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or(usize::MAX);
    let timeout = asked.timeout_ms.map_or(options.timeout, Duration::from_millis);
    Limits {
        scanned_bytes: asked.scanned_bytes,
        workgroup_scanned_bytes: workgroup.max_scanned_bytes_per_query,
        rows: asked.rows,
        result_bytes: asked.result_bytes.unwrap_or(u64::MAX).min(options.result_bytes),
        memory_bytes: memory.min(options.query_memory_bytes),
        body_memory_bytes: options.query_memory_bytes,
        spill_bytes: options.spill_bytes,
        timeout: timeout.clamp(MIN_TIMEOUT, options.timeout),
    }
}

fn record(cx: &QueryContext, options: &ServiceOptions, request: &SubmitRequest, workgroup: &Workgroup) -> QueryRecord {
    let caller = &cx.caller;
    QueryRecord {
        id: cx.query.clone(),
        principal_id: caller.user.as_str().to_owned(),
        principal: caller.name.clone(),
        workgroup: cx.workgroup.clone(),
        door: caller.door.to_owned(),
        client: caller.client.clone(),
        sql: request.sql.clone(),
        catalog: request.catalog.clone(),
        database: request.database.clone(),
        labels: request.labels.clone(),
        purpose: cx.request.purpose.clone(),
        on_behalf_of: None,
        state: QueryState::Queued,
        statement: None,
        submitted_at: cx.now,
        started_at: None,
        ended_at: None,
        failure: None,
        usage: Usage::default(),
        price_per_tb: workgroup
            .price_per_tb
            .clone()
            .unwrap_or_else(|| options.price_per_tb.clone()),
        snapshot_version: Some(cx.snapshot.version),
        policy_version: Some(cx.snapshot.version),
        result: None,
        node: options.node.clone(),
    }
}
