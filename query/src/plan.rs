//! How does a parsed statement become a plan that may run? Resolve, authorize, build governed relations, plan, prove.
//!
//! Runs on a planning thread. Every relation is authorized, and has its audit event, before any of them is opened.

use std::sync::Arc;

use datafusion::{
    arrow::{datatypes::SchemaRef, record_batch::RecordBatch},
    catalog::TableProvider,
    common::ParamValues,
    execution::{SendableRecordBatchStream, SessionState, TaskContext},
    logical_expr::LogicalPlan,
    physical_plan::{ExecutionPlan, execute_stream, memory::MemoryStream},
    sql::parser::Statement as EngineStatement,
};
use lakegate_catalog::{Store, name::TableName};
use lakegate_connectors::files::MetadataCache;
use lakegate_policy::Action;
use tracing::{Instrument, field::Empty};

use crate::{
    analyze,
    audit::Attempts,
    authorize::{self, Attempt, RelationGrant},
    context::QueryContext,
    cooperate::cooperative,
    decided::{Decided, Names},
    discover::Discovery,
    engine_error::{Phase, translate},
    entities::{Governor, ObjectRef},
    error::{ErrorCode, QueryError, Result},
    govern::{invariant, table::GovernedTable},
    guard::guarded,
    mapping::{self, Reading},
    metadata::{self, visible::Viewer},
    names::{self, OutputNames},
    output, parameters,
    parse::{Parsed, StatementKind, token_limits::too_complex},
    passthrough::{self, Passage},
    published::Published,
    resolve::{Defaults, Relation, Target, resolve},
    service::SubmitRequest,
    session::{QueryStores, Sessions, catalogs::GovernedCatalogs},
    source,
    trace::stage,
    using,
};

/// Most columns of a result.
const MAX_COLUMNS: usize = 5_000;

/// What planning needs beside the statement.
#[derive(Debug)]
pub struct Planner<'a> {
    pub store: &'a Store,
    pub published: &'a Published,
    pub sessions: &'a Sessions,
    pub discovery: &'a Discovery,
    pub footers: &'a Arc<MetadataCache>,
}

/// A statement to be planned.
#[derive(Debug)]
pub struct Statement {
    pub cx: Arc<QueryContext>,
    pub governor: Arc<Governor>,
    pub parsed: Parsed,
    pub request: SubmitRequest,
}

/// A plan that passed the invariant, or rows that are known already.
pub struct Planned {
    /// The query under the snapshot that it was planned with.
    pub cx: Arc<QueryContext>,
    /// What was decided, to be decided again when the catalog changes.
    pub decided: Decided,
    work: Work,
}

enum Work {
    Plan(Arc<dyn ExecutionPlan>, Arc<TaskContext>, OutputNames),
    Analyze(Arc<dyn ExecutionPlan>, Arc<TaskContext>),
    Rows(SchemaRef, Vec<RecordBatch>),
}

impl std::fmt::Debug for Planned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planned")
            .field("version", &self.cx.snapshot.version)
            .finish_non_exhaustive()
    }
}

impl Planned {
    /// Starts the plan.
    ///
    /// # Errors
    /// When an operator cannot start.
    pub fn execute(self) -> Result<SendableRecordBatchStream> {
        match self.work {
            Work::Rows(schema, batches) => {
                let rows =
                    MemoryStream::try_new(batches, schema, None).map_err(|error| translate(error, Phase::Execute))?;
                Ok(Box::pin(rows))
            }
            Work::Analyze(plan, task) => {
                invariant::check(&plan, &self.cx)?;
                analyze::run(&plan, task, &self.cx).map_err(|error| translate(error, Phase::Execute))
            }
            Work::Plan(plan, task, names) => {
                invariant::check(&plan, &self.cx)?;
                let stream = execute_stream(plan, task).map_err(|error| translate(error, Phase::Execute))?;
                Ok(names.give(output::plain(stream)))
            }
        }
    }
}

/// Plans a statement. What is decided goes to `attempts`, whatever becomes of the statement.
///
/// # Errors
/// Everything that makes the statement fail before its first row.
pub async fn plan(planner: &Planner<'_>, statement: Statement, attempts: &Attempts) -> Result<Planned> {
    let Statement {
        mut cx,
        mut governor,
        parsed,
        request,
    } = statement;
    let defaults = Defaults::of(&request, &cx.snapshot);
    if let StatementKind::Metadata(question) = &parsed.kind {
        let asked = planner.asked(&governor, &cx);
        let (schema, batches) = metadata::answer(&asked, question, &defaults, attempts).await?;
        let decided = Decided {
            names: Some(Names::of(&cx)),
            ..Decided::default()
        };
        return Ok(Planned {
            cx,
            decided,
            work: Work::Rows(schema, batches),
        });
    }
    let span = stage!("query.resolve", cx, lakegate.snapshot.version = Empty);
    let viewer = Viewer::within(&governor, &cx);
    let resolved = resolve(&parsed, &defaults, &viewer, planner.discovery)
        .instrument(span.clone())
        .await?;
    span.record("lakegate.snapshot.version", resolved.snapshot.version);
    drop(span);
    if resolved.snapshot.version != cx.snapshot.version {
        governor = Arc::new(planner.published.governor(&resolved.snapshot)?);
        cx = cx.under(Arc::clone(&resolved.snapshot), Arc::clone(governor.policies()));
    }
    cx.check()?;
    let mut authorized = authorized(&cx, &governor, &resolved.relations, attempts)?;
    let reading = Reading {
        planner,
        attempts,
        asker: &cx.caller,
    };
    for (_, granted) in &mut authorized {
        if let Granted::Table(grant) = granted {
            mapping::read(&reading, &cx, grant).await?;
        }
    }
    let granted = authorized.iter().map(|(_, granted)| granted);
    let tells_names = granted.clone().any(|granted| matches!(granted, Granted::Names));
    let decided = Decided {
        grants: granted.clone().filter_map(Granted::table).collect(),
        passages: granted.filter_map(Granted::passage).collect(),
        names: tells_names.then(|| Names::of(&cx)),
        analyzed: matches!(parsed.kind, StatementKind::Analyze(_)),
    };
    if decided.analyzed {
        analyze::authorize(&cx, decided.grants.iter(), attempts)?;
    }
    let mut stores = QueryStores::default();
    let mut relations: Vec<(TableName, Arc<dyn TableProvider>)> = Vec::new();
    for (relation, granted) in authorized {
        cx.check()?;
        let provider: Arc<dyn TableProvider> = match granted {
            Granted::Table(grant) => {
                let opened = source::open(planner, &cx, &grant, &mut stores).await?;
                Arc::new(GovernedTable::new(Arc::clone(&cx), *grant, opened)?)
            }
            Granted::Passage(passage) => {
                let (grant, opened) = passthrough::open(planner, &cx, &passage, &relation).await?;
                Arc::new(GovernedTable::new(Arc::clone(&cx), grant, opened)?)
            }
            Granted::Names => {
                metadata::information::table(&planner.asked(&governor, &cx), &relation.name, attempts).await?
            }
        };
        relations.push((relation.name, provider));
    }
    let session = planner
        .sessions
        .open(&cx, stores, GovernedCatalogs::new(relations), &defaults)
        .map_err(|error| translate(error, Phase::Plan))?;
    let work = match parsed.kind {
        StatementKind::Query(mut query) => {
            let names = names::distinguish(&mut query, &parsed.spelled);
            let plan = physical(&session, *query, &request, &cx)
                .instrument(stage!(
                    "query.plan",
                    cx,
                    lakegate.snapshot.version = cx.snapshot.version
                ))
                .await?;
            Work::Plan(plan, session.task_ctx(), names)
        }
        StatementKind::Analyze(mut query) => {
            names::distinguish(&mut query, &parsed.spelled);
            let plan = physical(&session, *query, &request, &cx)
                .instrument(stage!(
                    "query.plan",
                    cx,
                    lakegate.snapshot.version = cx.snapshot.version
                ))
                .await?;
            Work::Analyze(plan, session.task_ctx())
        }
        StatementKind::Explain(mut query) => {
            names::distinguish(&mut query, &parsed.spelled);
            let plan = physical(&session, *query, &request, &cx)
                .instrument(stage!(
                    "query.plan",
                    cx,
                    lakegate.snapshot.version = cx.snapshot.version
                ))
                .await?;
            let (schema, batches) = metadata::explained(&plan)?;
            Work::Rows(schema, batches)
        }
        StatementKind::Metadata(_) => return Err(QueryError::internal("a metadata statement was planned")),
    };
    Ok(Planned { cx, decided, work })
}

impl<'a> Planner<'a> {
    fn asked(&self, governor: &'a Governor, cx: &'a Arc<QueryContext>) -> metadata::Asked<'a> {
        metadata::Asked {
            governor,
            cx,
            discovery: self.discovery,
            published: self.published,
        }
    }
}

type Authorized = Vec<(Relation, Granted)>;

/// What was permitted of a relation.
enum Granted {
    Table(Box<RelationGrant>),
    /// To speak to its source.
    Passage(Passage),
    /// `information_schema`, which shows what is visible.
    Names,
}

impl Granted {
    fn table(&self) -> Option<RelationGrant> {
        match self {
            Self::Table(grant) => Some(RelationGrant::clone(grant)),
            Self::Passage(_) | Self::Names => None,
        }
    }

    fn passage(&self) -> Option<Passage> {
        match self {
            Self::Passage(passage) => Some(passage.clone()),
            Self::Table(_) | Self::Names => None,
        }
    }
}

/// As [`authorize_all`], told as a span.
fn authorized(
    cx: &QueryContext,
    governor: &Governor,
    relations: &[Relation],
    attempts: &Attempts,
) -> Result<Authorized> {
    let span = stage!(
        "query.authorize",
        cx,
        lakegate.policy.version = cx.snapshot.version,
        lakegate.decision = Empty,
    );
    let decided = span.in_scope(|| authorize_all(cx, governor, relations, attempts));
    span.record("lakegate.decision", if decided.is_ok() { "allow" } else { "deny" });
    decided
}

/// Decides about every relation; all of them are audited, and the first refusal in order of names is the answer.
fn authorize_all(
    cx: &QueryContext,
    governor: &Governor,
    relations: &[Relation],
    attempts: &Attempts,
) -> Result<Authorized> {
    let mut granted = Vec::with_capacity(relations.len());
    let mut refusal = None;
    for relation in relations {
        let attempt = match &relation.target {
            Target::Table(path) => authorize::authorize(cx, std::slice::from_ref(path)).pop(),
            Target::Information => {
                granted.push((relation.clone(), Granted::Names));
                continue;
            }
            Target::Passthrough(_) => {
                let (passage, event) = passthrough::attempt(cx, governor, &relation.name);
                attempts.push(event);
                match passage {
                    Ok(passage) => granted.push((relation.clone(), Granted::Passage(passage))),
                    Err(error) => {
                        refusal.get_or_insert(error);
                    }
                }
                continue;
            }
            Target::Missing => Some(authorize::missing(cx, &relation.name)),
            Target::Unreachable(error) => Some(unreachable(cx, governor, &relation.name, error)),
        };
        let Some(attempt) = attempt else {
            return Err(QueryError::internal("a relation was not decided"));
        };
        attempts.push(attempt.event);
        attempt.below.into_iter().for_each(|event| attempts.push(event));
        match attempt.grant {
            Ok(grant) => granted.push((relation.clone(), Granted::Table(Box::new(grant)))),
            Err(error) => {
                refusal.get_or_insert(error);
            }
        }
    }
    match refusal {
        Some(error) => Err(error),
        None => Ok(granted),
    }
}

/// A source that does not answer is told to those who may describe the database or the catalog; to others the table is
/// missing, as hidden ones are.
fn unreachable(cx: &QueryContext, governor: &Governor, name: &TableName, error: &QueryError) -> Attempt {
    let mut attempt = authorize::missing(cx, name);
    let viewer = Viewer::within(governor, cx);
    let snapshot = governor.snapshot();
    let catalog = snapshot
        .find_catalog(&name.catalog)
        .map(|found| ObjectRef::new("Catalog", found.id.as_str()));
    let database = snapshot
        .find_database(&name.catalog, &name.database)
        .map(|found| ObjectRef::new("Database", found.id.as_str()));
    if [catalog, database]
        .iter()
        .flatten()
        .any(|container| viewer.may(Action::Describe, container))
    {
        attempt.grant = Err(QueryError::new(error.code, error.message.clone()));
        attempt.event.outcome = error.code.text().to_owned();
    }
    attempt
}

async fn physical(
    session: &SessionState,
    query: EngineStatement,
    request: &SubmitRequest,
    cx: &QueryContext,
) -> Result<Arc<dyn ExecutionPlan>> {
    let mut logical = logical(session, query).await?;
    if !request.parameters.is_empty() {
        let values = parameters::values(&request.parameters)?;
        logical = logical
            .with_param_values(ParamValues::from(values))
            .map_err(|error| translate(error, Phase::Plan))?;
    }
    proved(session, &logical, cx).await
}

/// What a query means, over the relations of its session.
///
/// # Errors
/// What is wrong with the query; `QUERY_TOO_COMPLEX`.
pub(crate) async fn logical(session: &SessionState, query: EngineStatement) -> Result<LogicalPlan> {
    let query = using::resolve(session, query).await?;
    let logical = session
        .statement_to_plan(query)
        .await
        .map_err(|error| translate(error, Phase::Plan))?;
    let columns = logical.schema().fields().len();
    if columns > MAX_COLUMNS {
        return Err(too_complex("columns of the result", columns, MAX_COLUMNS));
    }
    if let Some(zone) = output::unknown_zone(logical.schema().as_arrow()) {
        let message = format!("time zone `{zone}` is not known: name one like `Europe/Berlin` or `+01:00`");
        return Err(QueryError::new(ErrorCode::InvalidValue, message));
    }
    Ok(logical)
}

/// The plan that runs.
///
/// # Errors
/// What is wrong with the query; `PLAN_INVARIANT`.
pub(crate) async fn proved(
    session: &SessionState,
    logical: &LogicalPlan,
    cx: &QueryContext,
) -> Result<Arc<dyn ExecutionPlan>> {
    let failed = |error| translate(error, Phase::Plan);
    let plan = session.create_physical_plan(logical).await.map_err(failed)?;
    let plan = guarded(plan).and_then(cooperative).map_err(failed)?;
    // INVARIANT: no plan leaves this function without the proof that every leaf is governed.
    invariant::check(&plan, cx)?;
    Ok(plan)
}
