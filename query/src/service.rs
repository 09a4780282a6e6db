//! What can be done with queries? Submit, run, find, wait, list, cancel, fetch: the one door to data that every front door uses.

mod drive;
mod fetched;
mod finish;
mod follow;
mod prepare;
mod simulate;
mod view;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use datafusion::arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use futures::{StreamExt, stream::BoxStream};
use lakegate_catalog::{
    Dialect, Store, StoreError,
    record::{QueryRecord, QueryState},
    snapshot::Snapshot,
};
use lakegate_connectors::{files::MetadataCache, registry::Registry};

pub use simulate::{Circumstances, Simulated, SimulatedRelation, Simulation};
pub use view::{ListQueries, QueryEvent, QueryEventKind, StoredResult};

use tracing::Instrument;

use crate::{
    admit::Admission,
    billing::Billing,
    connection::{Connections, SecretSource},
    context::Caller,
    discover::Discovery,
    entities::{Governor, PolicyDraft},
    error::{ErrorCode, QueryError, Result},
    figures::Figures,
    plan::Planner,
    published::Published,
    results::{ResultStore, private_directory},
    running::RunningQueries,
    sealed::MasterKey,
    session::{EngineChange, Sessions},
    signal::{Signal, Signals},
};

/// How a service is set up; everything is read once.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// Boot id of this process.
    pub node: String,
    /// Results and spill files lie below it.
    pub data_directory: PathBuf,
    pub result_ttl: Duration,
    /// Directories below which local sources may lie.
    pub local_roots: Vec<PathBuf>,
    /// For all statements together.
    pub memory_bytes: usize,
    /// For one statement.
    pub query_memory_bytes: usize,
    pub threads: usize,
    pub timeout: Duration,
    /// How long a statement may go on when its decisions cannot be confirmed.
    pub max_policy_staleness: Duration,
    pub result_bytes: u64,
    pub spill_bytes: u64,
    pub billing: Billing,
    /// Price per TB (`"5.00 USD"`) where the workgroup has none.
    pub price_per_tb: String,
    /// Opens stored secrets; `None`: what needs one is denied.
    pub master_key: Option<Arc<MasterKey>>,
    /// Who keeps the metrics.
    pub signals: Signals,
    /// Nothing but in tests.
    pub engine: EngineChange,
}

/// A statement with everything that its submitter may say about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubmitRequest {
    pub sql: String,
    pub catalog: Option<String>,
    pub database: Option<String>,
    pub workgroup: Option<String>,
    /// Values of `$1`, `$2`, …
    pub parameters: Vec<serde_json::Value>,
    pub dialect: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub purpose: Option<String>,
    pub on_behalf_of: Option<String>,
    pub limits: RequestLimits,
}

/// Limits that the submitter sets; they only tighten.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestLimits {
    pub scanned_bytes: Option<u64>,
    pub rows: Option<u64>,
    pub result_bytes: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub timeout_ms: Option<u64>,
}

/// A statement whose rows are on their way. Dropping the stream cancels it.
pub struct RunningQuery {
    pub id: String,
    pub schema: SchemaRef,
    /// `SELECT`, `SHOW`, …
    pub statement: &'static str,
    pub batches: BoxStream<'static, Result<RecordBatch>>,
}

impl std::fmt::Debug for RunningQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningQuery")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A failure, with the id of the query if there is one.
#[derive(Debug)]
pub struct RunError {
    pub query_id: Option<String>,
    pub error: QueryError,
}

impl From<QueryError> for RunError {
    fn from(error: QueryError) -> Self {
        Self { query_id: None, error }
    }
}

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct QueryService {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    options: ServiceOptions,
    sessions: Sessions,
    discovery: Discovery,
    admission: Admission,
    running: RunningQueries,
    results: ResultStore,
    footers: Arc<MetadataCache>,
    published: Published,
    draining: AtomicBool,
    engine: EngineRuntime,
    planning: Arc<tokio::sync::Semaphore>,
}

/// The runtime that statements run on; apart from the one that serves connections.
#[derive(Debug)]
struct EngineRuntime(Option<tokio::runtime::Runtime>);

impl Drop for EngineRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Stack of the engine's threads: evaluation recurses as deep as the limits of `parse` allow.
const ENGINE_STACK: usize = 16 * 1024 * 1024;
/// Footers of files kept between queries.
const FOOTER_CACHE_BYTES: usize = 256 * 1024 * 1024;
/// Statements that are planned at once.
const PLANNERS: usize = 16;

impl QueryService {
    /// A service over a migrated store.
    ///
    /// # Errors
    /// When directories or the engine cannot be made.
    pub fn new(
        store: Store,
        registry: Arc<Registry>,
        secrets: Arc<dyn SecretSource>,
        options: ServiceOptions,
    ) -> Result<Self> {
        let spill = options.data_directory.join("spill");
        let _ = std::fs::remove_dir_all(&spill);
        private_directory(&spill).map_err(QueryError::internal)?;
        let sessions = Sessions::changed(options.threads, options.memory_bytes, spill, &options.engine)
            .map_err(QueryError::internal)?;
        let connections = Arc::new(Connections::new(secrets, options.local_roots.clone()));
        let engine = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads.max(1))
            .thread_name("engine")
            .thread_stack_size(ENGINE_STACK)
            .enable_all()
            .build()
            .map_err(QueryError::internal)?;
        Ok(Self {
            inner: Arc::new(Inner {
                discovery: Discovery::new(store.clone(), registry, connections, options.signals.clone()),
                results: ResultStore::open(options.data_directory.join("results"))?,
                footers: Arc::new(MetadataCache::new(FOOTER_CACHE_BYTES)),
                store,
                sessions,
                admission: Admission::default(),
                running: RunningQueries::default(),
                published: Published::new(options.signals.clone()),
                draining: AtomicBool::new(false),
                engine: EngineRuntime(Some(engine)),
                planning: Arc::new(tokio::sync::Semaphore::new(PLANNERS)),
                options,
            }),
        })
    }

    /// Ends what an earlier process left unfinished, and forgets expired results. Called once, before the doors open.
    /// Where other nodes use the store too, only time tells which of them are gone: see [`QueryService::end_lost`].
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn recover(&self) -> Result<usize> {
        self.inner.results.sweep(self.inner.options.result_ttl);
        match self.inner.store.dialect() {
            Dialect::Sqlite => self.end_lost().await,
            Dialect::Postgres => Ok(0),
        }
    }

    /// Ends the queries of nodes that are gone, as `SERVER_LOST`; answers how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn end_lost(&self) -> Result<usize> {
        let lost = self.inner.store.recover_lost(&self.inner.options.node).await;
        lost.map(|lost| lost.len()).map_err(crate::store_error)
    }

    /// Decisions under the catalog and the policies of now.
    ///
    /// # Errors
    /// When the store cannot be read, or the stored policies do not publish.
    pub async fn governor(&self) -> Result<Arc<Governor>> {
        let snapshot = self.inner.store.snapshot().await.map_err(crate::store_error)?;
        self.inner.governor(snapshot).map(Arc::new)
    }

    /// What would be decided, and planned, for somebody else: nothing is run, stored or billed.
    ///
    /// # Errors
    /// When the store cannot be read, the draft does not publish, or the circumstances cannot be.
    pub async fn simulate(&self, simulation: Simulation) -> Result<Simulated> {
        simulate::simulate(&self.inner, simulation).await
    }

    /// Decisions as they would be with the policies of a draft.
    ///
    /// # Errors
    /// As [`QueryService::simulate`].
    pub async fn governor_of(&self, draft: PolicyDraft) -> Result<Governor> {
        simulate::governor(&self.inner, &Published::trying(draft)).await
    }

    /// What sources hold: for connection tests, and for lists of discovered catalogs.
    #[must_use]
    pub fn discovery(&self) -> &Discovery {
        &self.inner.discovery
    }

    /// The store behind the service.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// How bytes become money.
    #[must_use]
    pub fn billing(&self) -> Billing {
        self.inner.options.billing
    }

    /// How the engine does now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.inner.figures()
    }

    /// Statements on this node that have not ended.
    #[must_use]
    pub fn running(&self) -> usize {
        self.inner.running.len()
    }

    /// Stores the query durably, runs it in the background and spools its result.
    ///
    /// # Errors
    /// What is checked before a record exists: size, syntax, workgroup, drain.
    pub async fn submit(&self, caller: &Caller, request: SubmitRequest) -> Result<QueryRecord> {
        let (begun, record) = tokio::sync::oneshot::channel();
        self.inner
            .spawn(drive::spool(Arc::clone(&self.inner), caller.clone(), request, begun))?;
        let record = record.await.map_err(QueryError::internal)??;
        Ok(view::shown(&record, self.inner.options.billing))
    }

    /// Runs the query and streams its rows; returns when the first of them are there.
    ///
    /// # Errors
    /// Everything that goes wrong before the first row, with the query's id where there is a record.
    pub async fn run(&self, caller: &Caller, request: SubmitRequest) -> Result<RunningQuery, RunError> {
        let (sender, receiver) = tokio::sync::mpsc::channel(2);
        self.inner
            .spawn(drive::stream(Arc::clone(&self.inner), caller.clone(), request, sender))?;
        drive::first_rows(receiver).await
    }

    /// The record, as far as the caller may know it.
    ///
    /// # Errors
    /// `NOT_FOUND` for a query that is not there, or that the caller may not view.
    pub async fn find(&self, caller: &Caller, id: &str) -> Result<QueryRecord> {
        let record = view::visible(&self.inner, caller, id, lakegate_policy::Action::ViewQuery).await?;
        Ok(view::shown(&record, self.inner.options.billing))
    }

    /// The record, once its state differs from what it is now, or after `timeout`.
    ///
    /// # Errors
    /// As [`QueryService::find`].
    pub async fn wait(&self, caller: &Caller, id: &str, timeout: Duration) -> Result<QueryRecord> {
        let record = self.find(caller, id).await?;
        if record.state.is_final() {
            return Ok(record);
        }
        if let Some(running) = self.inner.running.find(id) {
            let mut states = running.watch();
            let changed = states.wait_for(|state| *state != record.state);
            let _ = tokio::time::timeout(timeout, changed).await;
        }
        self.find(caller, id).await
    }

    /// Records that the caller may view, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self, caller: &Caller, request: ListQueries) -> Result<Vec<QueryRecord>> {
        view::list(&self.inner, caller, request).await
    }

    /// Asks the query to stop, and waits a moment for it. A finished query stays as it is.
    ///
    /// # Errors
    /// `NOT_FOUND` as [`QueryService::find`]; `ACCESS_DENIED` when it may be viewed but not cancelled.
    pub async fn cancel(&self, caller: &Caller, id: &str) -> Result<QueryRecord> {
        self.find(caller, id).await?;
        view::visible(&self.inner, caller, id, lakegate_policy::Action::CancelQuery)
            .await
            .map_err(|_| QueryError::new(ErrorCode::AccessDenied, format!("you may not cancel query `{id}`")))?;
        if let Some(running) = self.inner.running.find(id) {
            let mut states = running.watch();
            running.cancel.cancel();
            let ended = states.wait_for(|state| state.is_final());
            let _ = tokio::time::timeout(Duration::from_secs(2), ended).await;
        }
        self.find(caller, id).await
    }

    /// Rows of a finished query, from row `offset` on.
    ///
    /// # Errors
    /// `NOT_FOUND`, `RESULTS_EXPIRED`, the failure of the query itself, or `POLICY_CHANGED` if its rows would be others now.
    pub async fn results(&self, caller: &Caller, id: &str, offset: u64, limit: Option<u64>) -> Result<StoredResult> {
        view::results(self, caller, id, offset, limit).await
    }

    /// What happens to the query from now on, until it has ended.
    ///
    /// # Errors
    /// As [`QueryService::find`].
    pub async fn events(&self, caller: &Caller, id: &str) -> Result<BoxStream<'static, QueryEvent>> {
        self.find(caller, id).await?;
        Ok(view::events(self.clone(), caller.clone(), id.to_owned()).boxed())
    }

    /// Refuses new statements, waits for running ones, cancels what is left after `timeout`.
    pub async fn drain(&self, timeout: Duration) {
        self.inner.draining.store(true, Ordering::Relaxed);
        let until = tokio::time::Instant::now() + timeout;
        while !self.inner.running.is_empty() && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.inner.running.cancel_all();
        let until = tokio::time::Instant::now() + Duration::from_secs(5);
        while !self.inner.running.is_empty() && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether the checks of decisions have found no difference (governance.md §2.4).
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !self.inner.published.decisions().soundness().is_lost()
    }

    /// Forgets results whose time is over.
    pub fn sweep_results(&self) {
        self.inner.results.sweep(self.inner.options.result_ttl);
    }
}

impl Inner {
    fn governor(&self, snapshot: Arc<Snapshot>) -> Result<Governor> {
        self.published.governor(&snapshot)
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<()> {
        let runtime = self
            .engine
            .0
            .as_ref()
            .ok_or_else(|| QueryError::internal("the engine has stopped"))?;
        runtime.spawn(work.instrument(tracing::Span::current()));
        Ok(())
    }

    fn engine_handle(&self) -> Result<tokio::runtime::Handle> {
        let runtime = self
            .engine
            .0
            .as_ref()
            .ok_or_else(|| QueryError::internal("the engine has stopped"))?;
        Ok(runtime.handle().clone())
    }

    fn planner(&self) -> Planner<'_> {
        Planner {
            store: &self.store,
            published: &self.published,
            sessions: &self.sessions,
            discovery: &self.discovery,
            footers: &self.footers,
        }
    }

    fn figures(&self) -> Figures {
        let memory = self.sessions.figures();
        let engine = self.engine_handle().map(|engine| engine.metrics()).ok();
        let [connections, descriptions] = self.discovery.caches();
        Figures {
            queries: self.running.by_state(),
            memory_reserved: memory.reserved,
            memory_limit: memory.limit,
            spilled: memory.spilled,
            policy_version: self.published.version(),
            caches: [
                ("connection", connections),
                ("decision", self.published.decisions().requests()),
                ("description", descriptions),
                ("footer", self.footers.requests()),
            ],
            tasks: engine.as_ref().map_or(0, |engine| engine.num_alive_tasks()),
            queued_tasks: engine.as_ref().map_or(0, |engine| engine.global_queue_depth()),
        }
    }

    fn audit_failed(&self, error: StoreError) -> QueryError {
        self.options.signals.tell(&Signal::AuditFailed);
        crate::audit_error(error)
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn expiry(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + chrono::Duration::from_std(self.options.result_ttl).unwrap_or(chrono::Duration::days(1))
    }
}

/// States as the record and the watch know them.
fn final_state(error: Option<&QueryError>) -> QueryState {
    match error {
        None => QueryState::Succeeded,
        Some(error) => match error.code {
            ErrorCode::QueryCancelled
            | ErrorCode::ExceededScan
            | ErrorCode::PolicyChanged
            | ErrorCode::ServerDraining => QueryState::Cancelled,
            _ => QueryState::Failed,
        },
    }
}
