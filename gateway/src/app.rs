//! What does every request share? One state, made at the start, cheap to clone.

use std::{sync::Arc, time::Duration};

use lakegate_catalog::{Store, record::QueryRecord};
use lakegate_connectors::registry::Registry;
use lakegate_query::{
    connection::SecretSource,
    context::Caller,
    sealed::MasterKey,
    service::{QueryService, RunError, RunningQuery, SubmitRequest},
};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::{
    auth::Authenticator,
    checkpoints::Checkpoints,
    config::Config,
    cursor::CursorSeal,
    error::ApiError,
    health::Health,
    lake::{Applier, ApplyContext, source_inspector::SourceInspector},
    telemetry::Metrics,
};

/// How long one look at a query's end lasts before the next.
const WATCH: Duration = Duration::from_secs(60);
/// The same where the caller may not wait for it.
const BLIND: Duration = Duration::from_secs(5);

/// The state of all routes.
#[derive(Clone, Debug)]
pub struct AppState(Arc<App>);

/// What the state holds. Sections of the configuration are passed down, the rest is shared.
#[derive(Debug)]
pub struct App {
    pub queries: QueryService,
    pub store: Store,
    pub registry: Arc<Registry>,
    pub secrets: Arc<dyn SecretSource>,
    /// Asks sources while a lake, or a single object of one, is checked.
    pub inspector: SourceInspector,
    pub config: Config,
    /// Key of the HMAC of API keys.
    pub pepper: Vec<u8>,
    /// Opens stored secrets; `None`: what needs one is denied.
    pub master_key: Option<Arc<MasterKey>>,
    pub auth: Authenticator,
    pub checkpoints: Checkpoints,
    pub cursors: CursorSeal,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    /// Tasks that wait for the ends of queries, to count them.
    pub watchers: TaskTracker,
}

impl std::ops::Deref for AppState {
    type Target = App;

    fn deref(&self) -> &App {
        &self.0
    }
}

impl AppState {
    /// Shares an application.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self(Arc::new(app))
    }

    /// What the lake engine needs, on behalf of `by`.
    #[must_use]
    pub fn apply_context<'a>(&'a self, by: Applier<'a>) -> ApplyContext<'a> {
        ApplyContext {
            store: &self.store,
            registry: &self.registry,
            inspector: &self.inspector,
            secrets: self.secrets.as_ref(),
            pepper: &self.pepper,
            local_roots: &self.config.sources.local_roots,
            by,
        }
    }

    /// Submits a query and counts it when it ends.
    ///
    /// # Errors
    /// What `QueryService::submit` refuses.
    pub async fn submit(&self, caller: &Caller, request: SubmitRequest) -> Result<QueryRecord, ApiError> {
        let record = self.queries.submit(caller, request).await?;
        self.count_at_end(caller, &record.id);
        Ok(record)
    }

    /// Runs a query and counts it when it ends.
    ///
    /// # Errors
    /// Everything that happens before the first batch, with the query's id if it has one.
    pub async fn run(&self, caller: &Caller, request: SubmitRequest) -> Result<RunningQuery, ApiError> {
        match self.queries.run(caller, request).await {
            Ok(running) => {
                self.count_at_end(caller, &running.id);
                Ok(running)
            }
            Err(RunError { query_id, error }) => {
                if let Some(id) = &query_id {
                    self.count_at_end(caller, id);
                }
                Err(ApiError::from(error).of_query(query_id))
            }
        }
    }

    /// Waits until the query ends, at most as long as told, and answers with what it is then.
    ///
    /// # Errors
    /// `NOT_FOUND`, or the store fails.
    pub async fn wait_for_end(
        &self,
        caller: &Caller,
        record: QueryRecord,
        patience: Duration,
    ) -> Result<QueryRecord, ApiError> {
        let deadline = Instant::now() + patience;
        let mut record = record;
        while !record.state.is_final() && Instant::now() < deadline {
            record = self.queries.wait(caller, &record.id, deadline - Instant::now()).await?;
        }
        Ok(record)
    }

    /// Counts the true figures: metrics are the operator's, not the caller's.
    fn count_at_end(&self, caller: &Caller, id: &str) {
        let (app, caller, id) = (self.clone(), caller.clone(), id.to_owned());
        self.watchers.spawn(async move {
            while let Ok(Some(record)) = app.store.find_query(&id).await {
                if record.state.is_final() {
                    return app.metrics.count_query(&record);
                }
                if app.queries.wait(&caller, &id, WATCH).await.is_err() {
                    // The caller may not look at it (any more): look now and then.
                    tokio::time::sleep(BLIND).await;
                }
            }
        });
    }
}
