//! What would be decided for somebody, and how would their statement be planned? Without their rows, and without a record:
//! what is simulated never ran.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use datafusion::arrow::{array::AsArray, record_batch::RecordBatch};
use futures::TryStreamExt;
use lakegate_catalog::{
    audit::AuditEvent, id::ObjectId, identity::Workgroup, name::TableName, object::Stored, snapshot::Snapshot,
};
use lakegate_policy::{Action, RequestContext, Verdict};

use super::{
    Inner, QueryService, SubmitRequest,
    prepare::{PRIMARY, has_purpose, limits, request_context},
};
use crate::{
    audit::Attempts,
    authorize::{
        RelationGrant,
        explain::{MappingExplanation, RelationExplanation, explain, explain_other},
    },
    behalf,
    context::{Caller, Meter, QueryContext},
    engine_error::{Phase, translate},
    entities::{Governor, ObjectRef, PolicyDraft},
    error::{ErrorCode, QueryError, Result},
    mapping::{self, Reading},
    parse::{self, Parsed, StatementKind},
    plan::{self, Planner, Statement},
    plan_thread,
    published::Published,
    resolve::{Defaults, INFORMATION_SCHEMA},
};

/// Longest time that a simulated statement is planned.
const PATIENCE: Duration = Duration::from_secs(60);

/// A statement of somebody else.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Who would ask, from where, and how proven.
    pub subject: Caller,
    /// When; now if absent.
    pub now: Option<DateTime<Utc>>,
    pub draft: PolicyDraft,
    /// Text, defaults, workgroup and purpose.
    pub statement: SubmitRequest,
}

/// What would become of it.
#[derive(Debug)]
pub struct Simulated {
    pub governor: Governor,
    pub context: RequestContext,
    /// The tables that it names, in order of names.
    pub relations: Vec<SimulatedRelation>,
    /// Lines of the governed plan, or the refusal that the subject would get.
    pub plan: Result<Vec<String>>,
    /// What the subject's attempts would be in the audit trail, still in the subject's name.
    pub attempts: Vec<AuditEvent>,
}

/// A table of the statement; nothing if there is none of that name.
#[derive(Debug)]
pub struct SimulatedRelation {
    pub name: TableName,
    pub explanation: Option<RelationExplanation>,
    /// Of the user on whose behalf it is asked.
    pub theirs: Option<RelationExplanation>,
}

/// The circumstances of a simulated request.
#[derive(Debug)]
pub struct Circumstances {
    pub workgroup: Arc<Stored<Workgroup>>,
    pub context: RequestContext,
}

impl Circumstances {
    /// Those of a request by `subject`: a purpose must be one of theirs, a workgroup must be there.
    ///
    /// # Errors
    /// `WORKGROUP_NOT_FOUND`, `INVALID_REQUEST` for the purpose.
    pub fn of(
        snapshot: &Snapshot,
        subject: &Caller,
        request: &SubmitRequest,
        now: Option<DateTime<Utc>>,
    ) -> Result<Self> {
        let name = request.workgroup.as_deref().unwrap_or(PRIMARY).to_lowercase();
        let workgroup = snapshot.find_workgroup(&name).cloned();
        let workgroup = workgroup.ok_or_else(|| unknown_workgroup(&name))?;
        let context = request_context(snapshot, subject, request, &workgroup)?;
        let context = RequestContext {
            now: now.map_or(context.now, |now| now.timestamp_millis()),
            ..context
        };
        Ok(Self { workgroup, context })
    }

    /// From now on on behalf of the user of this name, if the subject may act for them, and for this purpose.
    pub fn act(&mut self, governor: &Governor, subject: &Caller, name: &str) -> behalf::Attempt {
        let mut attempt = behalf::attempt(governor, subject, &self.context, name);
        if let Ok(user) = &attempt.user {
            let id = ObjectId::from_stored(user.id.as_str());
            match has_purpose(governor.snapshot(), &id, &user.name, self.context.purpose.as_deref()) {
                Ok(()) => self.context.on_behalf_of = Some(user.id.clone()),
                Err(error) => attempt.user = Err(error),
            }
        }
        attempt
    }

    /// The user on whose behalf it is asked: with the circumstances of who asks, without their roles.
    #[must_use]
    pub fn other(&self, governor: &Governor, subject: &Caller) -> Option<Caller> {
        behalf::caller(&self.observing(governor, subject))
    }

    /// A context in which tables can be decided under these circumstances; it reads no data.
    #[must_use]
    pub fn observing(&self, governor: &Governor, subject: &Caller) -> QueryContext {
        let mut cx = QueryContext::clone(&*QueryContext::observing(governor, subject));
        cx.request = self.context.clone();
        cx.workgroup.clone_from(&self.workgroup.name);
        cx
    }
}

/// Decisions under the newest catalog, with the policies that `published` has.
pub(super) async fn governor(inner: &Inner, published: &Published) -> Result<Governor> {
    let snapshot = inner.store.confirmed_snapshot().await.map_err(crate::store_error)?;
    published.governor(&snapshot)
}

/// Decides and plans.
pub(super) async fn simulate(inner: &Arc<Inner>, simulation: Simulation) -> Result<Simulated> {
    let Simulation {
        subject,
        now,
        draft,
        statement,
    } = simulation;
    let published = Published::trying(draft);
    let governor = governor(inner, &published).await?;
    let mut at = Circumstances::of(governor.snapshot(), &subject, &statement, now)?;
    let attempts = Attempts::default();
    if let Some(name) = &statement.on_behalf_of {
        let attempt = at.act(&governor, &subject, name);
        attempts.push(attempt.event);
        if let Err(error) = attempt.user {
            return Ok(Simulated {
                governor,
                context: at.context,
                relations: Vec::new(),
                plan: Err(error),
                attempts: attempts.pending(),
            });
        }
    }
    let parsed = parsed(inner, &statement).await;
    let cx = context(inner, &governor, &subject, &at, &statement);
    let named = parsed
        .as_ref()
        .map(|parsed| named(parsed, &statement, governor.snapshot()));
    let relations = named.unwrap_or_default().into_iter().map(|name| {
        let path = governor.snapshot().find_relation(&name);
        let explanation = path.as_ref().map(|path| explain(&cx, path)).transpose()?;
        let theirs = path.as_ref().map(|path| explain_other(&cx, path)).transpose()?;
        Ok(SimulatedRelation {
            name,
            explanation,
            theirs: theirs.flatten(),
        })
    });
    let relations = relations.collect::<Result<Vec<_>>>()?;
    let plan = match parsed.and_then(|parsed| may_submit(&governor, &subject, &at).map(|()| parsed)) {
        Ok(parsed) => {
            let statement = Statement {
                cx: Arc::new(cx),
                governor: Arc::new(governor.clone()),
                parsed,
                request: statement,
            };
            planned(inner, published, statement, attempts.clone()).await
        }
        Err(error) => Err(error),
    };
    Ok(Simulated {
        governor,
        context: at.context,
        relations,
        plan,
        attempts: attempts.pending(),
    })
}

impl QueryService {
    /// What the mappings mean of the filters that bind somebody on a table. Those over `known` tables are read as a statement of
    /// theirs would read them, with the events that this is in the audit trail.
    ///
    /// # Errors
    /// When nothing can be planned.
    pub async fn explain_mappings(
        &self,
        governor: &Governor,
        of: (&Caller, &Circumstances),
        grant: RelationGrant,
        known: BTreeSet<ObjectId>,
    ) -> Result<(Vec<MappingExplanation>, Vec<AuditEvent>)> {
        mappings(&self.inner, governor, of, grant, known).await
    }
}

async fn mappings(
    inner: &Arc<Inner>,
    governor: &Governor,
    (subject, at): (&Caller, &Circumstances),
    grant: RelationGrant,
    known: BTreeSet<ObjectId>,
) -> Result<(Vec<MappingExplanation>, Vec<AuditEvent>)> {
    let cx = Arc::new(context(inner, governor, subject, at, &SubmitRequest::default()));
    if !mapping::is_mapped(&cx, &grant) {
        return Ok(Default::default());
    }
    let turn = Arc::clone(&inner.planning)
        .acquire_owned()
        .await
        .map_err(QueryError::internal)?;
    let (handle, attempts) = (inner.engine_handle()?, Attempts::default());
    let (inner, noted) = (Arc::clone(inner), attempts.clone());
    let found = plan_thread::run(handle, move || async move {
        let _turn = turn;
        let planner = inner.planner();
        let reading = Reading {
            planner: &planner,
            attempts: &noted,
            asker: &cx.caller,
        };
        Ok(mapping::explained(&reading, &cx, &grant, &known).await)
    });
    Ok((found.await?, attempts.pending()))
}

/// The tables that a statement names.
fn named(parsed: &Parsed, request: &SubmitRequest, snapshot: &Snapshot) -> Vec<TableName> {
    let defaults = Defaults::of(request, snapshot);
    let names = parsed.relations.iter().map(|reference| defaults.complete(reference));
    let unique: BTreeMap<String, TableName> = names.map(|name| (name.to_string(), name)).collect();
    let governed = |name: &TableName| name.database != INFORMATION_SCHEMA;
    unique.into_values().filter(governed).collect()
}

/// Would the subject get into the workgroup at all?
fn may_submit(governor: &Governor, subject: &Caller, at: &Circumstances) -> Result<()> {
    let object = ObjectRef::new("Workgroup", at.workgroup.id.as_str());
    let verdict = governor
        .decide(subject, &at.context, Action::SubmitQuery, &object)
        .verdict;
    if verdict == Verdict::Allow && !at.workgroup.body.disabled {
        Ok(())
    } else {
        Err(unknown_workgroup(&at.workgroup.name))
    }
}

fn unknown_workgroup(name: &str) -> QueryError {
    QueryError::new(
        ErrorCode::UnknownWorkgroup,
        format!("workgroup `{name}` does not exist"),
    )
}

async fn parsed(inner: &Arc<Inner>, statement: &SubmitRequest) -> Result<Parsed> {
    parse::check_text(&statement.sql)?;
    let sql = statement.sql.clone();
    let parsed = plan_thread::run(inner.engine_handle()?, move || async move { parse::parse(&sql) }).await?;
    if !parsed.passthrough.is_empty() {
        let text = "calls of `system.query` are not simulated: their source would be asked";
        return Err(QueryError::new(ErrorCode::NotSupported, text));
    }
    match parsed.kind {
        // INVARIANT: what is planned here is an EXPLAIN; its rows are the lines of the plan, never rows of a table.
        StatementKind::Query(query) | StatementKind::Explain(query) | StatementKind::Analyze(query) => Ok(Parsed {
            kind: StatementKind::Explain(query),
            ..parsed
        }),
        StatementKind::Metadata(_) => Err(QueryError::new(
            ErrorCode::NotSupported,
            "only queries are simulated; ask about a table by its name instead",
        )),
    }
}

fn context(
    inner: &Inner,
    governor: &Governor,
    subject: &Caller,
    at: &Circumstances,
    request: &SubmitRequest,
) -> QueryContext {
    let limits = limits(inner, request, &at.workgroup.body);
    let observing = at.observing(governor, subject);
    QueryContext {
        meter: Arc::new(Meter::new(None, observing.cancel.clone())),
        query: uuid::Uuid::now_v7().to_string(),
        deadline: Instant::now() + limits.timeout.min(PATIENCE),
        limits,
        now: DateTime::from_timestamp_millis(at.context.now).unwrap_or_else(Utc::now),
        ..observing
    }
}

async fn planned(
    inner: &Arc<Inner>,
    published: Published,
    statement: Statement,
    attempts: Attempts,
) -> Result<Vec<String>> {
    let turn = Arc::clone(&inner.planning)
        .acquire_owned()
        .await
        .map_err(QueryError::internal)?;
    let handle = inner.engine_handle()?;
    let inner = Arc::clone(inner);
    plan_thread::run(handle, move || async move {
        let _turn = turn;
        let planner = Planner {
            published: &published,
            ..inner.planner()
        };
        let planned = plan::plan(&planner, statement, &attempts).await?;
        let rows: Vec<RecordBatch> = planned
            .execute()?
            .try_collect()
            .await
            .map_err(|error| translate(error, Phase::Plan))?;
        Ok(lines(&rows))
    })
    .await
}

fn lines(rows: &[RecordBatch]) -> Vec<String> {
    let text = |batch: &RecordBatch| -> Vec<String> {
        let column = batch.columns().first().and_then(|column| column.as_string_opt::<i32>());
        column.into_iter().flatten().flatten().map(str::to_owned).collect()
    };
    rows.iter().flat_map(text).collect()
}
