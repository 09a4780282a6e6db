//! Where does a test ask its questions? A temporary lake applied from text, its store, and the query service over it.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use lakegate::{
    config::{environment::Environment, secrets::LocalSecrets},
    lake::{
        self, Applier, ApplyContext, ApplyError, ApplyOptions, ApplyReport, LakeInput, Source, SourceText,
        source_inspector::SourceInspector,
    },
    master_key::KeyPlace,
    telemetry::Metrics,
};
use lakegate_catalog::{
    Store, StoreOptions,
    audit::{AuditEvent, AuditFilter},
    record::{QueryRecord, Usage},
};
use lakegate_connectors::registry::Registry;
use lakegate_query::{
    audit::bootstrap_event,
    billing::Billing,
    connection::{Connections, SecretSource},
    context::Caller,
    error::QueryError,
    mask_key,
    sealed::MasterKey,
    service::{QueryService, RunError, ServiceOptions, SubmitRequest},
    session::EngineChange,
    signal::Signals,
};
use tempfile::TempDir;

use crate::answer::Answer;

/// A lake that lives as long as the value.
#[derive(Debug)]
pub struct World {
    directory: TempDir,
    registry: Arc<Registry>,
    secrets: Arc<dyn SecretSource>,
    inspector: SourceInspector,
    pub store: Store,
    pub queries: QueryService,
    pub metrics: Arc<Metrics>,
    /// Catalog and database of names without any.
    defaults: (String, String),
    /// How many services this world has had.
    services: usize,
}

/// What a world is made with.
#[derive(Debug, Default)]
pub struct Making<'a> {
    /// What secret references see.
    pub variables: Vec<(&'a str, &'a str)>,
    /// Functions that watch, rules left out.
    pub engine: EngineChange,
}

/// What API keys are hashed with.
pub const PEPPER: &[u8] = b"pepper of the tests";

impl World {
    /// An empty lake with the built-ins.
    pub async fn new() -> Self {
        Self::with_environment(&[]).await
    }

    /// An empty lake whose secret references see these variables.
    pub async fn with_environment(variables: &[(&str, &str)]) -> Self {
        Self::made(Making {
            variables: variables.to_vec(),
            ..Making::default()
        })
        .await
    }

    /// An empty lake, made as told.
    pub async fn made(making: Making<'_>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir_all(directory.path().join("lake")).expect("the lake's directory");
        let url = format!("sqlite://{}", directory.path().join("store.db").display());
        let store = Store::open(&StoreOptions {
            url,
            max_connections: 4,
        })
        .await
        .expect("a store");
        store.migrate().await.expect("a migrated store");
        lake::ensure_builtins(&store, None).await.expect("built-ins");
        keep_mask_key(&store).await;
        let environment = Environment::of(making.variables);
        let secrets: Arc<dyn SecretSource> = Arc::new(LocalSecrets::new(
            environment,
            Vec::new(),
            KeyPlace::Variable("MASTER".to_owned()),
        ));
        let registry = Arc::new(Registry::built_in());
        let inspector = inspector(&registry, &secrets);
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let mut options = options(&store, directory.path());
        options.signals = signals(&metrics);
        options.engine = making.engine;
        let queries =
            QueryService::new(store.clone(), Arc::clone(&registry), Arc::clone(&secrets), options).expect("a service");
        Self {
            directory,
            registry,
            secrets,
            inspector,
            store,
            queries,
            metrics,
            defaults: ("lake".to_owned(), "t".to_owned()),
            services: 1,
        }
    }

    /// Puts another engine over the same lake, for the statements from now on.
    pub fn change_engine(&mut self, engine: EngineChange) {
        self.services += 1;
        let directory = self.directory.path().join(format!("service-{}", self.services));
        let options = ServiceOptions {
            signals: signals(&self.metrics),
            engine,
            ..options(&self.store, &directory)
        };
        let (registry, secrets) = self.parts();
        self.queries = QueryService::new(self.store.clone(), registry, secrets, options).expect("a service");
    }

    /// Another server of the same store, with this master key.
    pub async fn server(&self, name: &str, master_key: Option<MasterKey>) -> QueryService {
        let url = format!("sqlite://{}", self.directory.path().join("store.db").display());
        let options_of_store = StoreOptions {
            url,
            max_connections: 2,
        };
        let store = Store::open(&options_of_store).await.expect("the same store");
        let options = ServiceOptions {
            master_key: master_key.map(Arc::new),
            ..options(&store, &self.directory.path().join(name))
        };
        QueryService::new(store, Arc::clone(&self.registry), Arc::clone(&self.secrets), options).expect("a service")
    }

    /// The next version of the mask key, of 32 times this byte.
    pub async fn rotate_mask_key(&self, byte: u8) {
        let snapshot = self.store.snapshot().await.expect("a snapshot");
        let before = snapshot.mask_key.as_deref();
        let secret = mask_key::given(&master_key(), before, &[byte; 32]).expect("a sealed key");
        let event = bootstrap_event("rotate", "mask-key:default", &snapshot);
        self.store.put_secret(&secret, event).await.expect("a mask key");
    }

    /// A path in the lake's directory, which relative roots of [`World::apply`] belong to. Its folder is made.
    pub fn path(&self, relative: &str) -> PathBuf {
        let path = self.directory.path().join("lake").join(relative);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        path
    }

    /// The directory of everything: no text that leaves the system may name it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Applies a lake as the operator, like `serve --apply`.
    pub async fn apply(&self, yaml: &str, cedar: &str) -> ApplyReport {
        match self.try_apply(yaml, cedar).await {
            Ok(report) => report,
            Err(error) => panic!("the lake was refused:\n{error}\n{yaml}"),
        }
    }

    /// As [`World::apply`], for lakes that may be refused.
    pub async fn try_apply(&self, yaml: &str, cedar: &str) -> Result<ApplyReport, ApplyError> {
        self.apply_with(yaml, cedar, ApplyOptions::default()).await
    }

    /// As [`World::try_apply`], with options.
    pub async fn apply_with(&self, yaml: &str, cedar: &str, options: ApplyOptions) -> Result<ApplyReport, ApplyError> {
        let directory = Some(self.directory.path().join("lake"));
        let source = |name: &str, text: &str| Source {
            name: name.to_owned(),
            text: SourceText::Text(text.to_owned()),
            directory: directory.clone(),
        };
        let mut sources = vec![source("lake.yaml", yaml)];
        if !cedar.is_empty() {
            sources.push(source("policies.cedar", cedar));
        }
        let context = ApplyContext {
            store: &self.store,
            registry: &self.registry,
            inspector: &self.inspector,
            secrets: self.secrets.as_ref(),
            pepper: PEPPER,
            local_roots: &[],
            by: Applier::Operator,
        };
        lake::apply(&context, &LakeInput { sources }, options).await
    }

    /// What the doors of a server share with this world.
    pub fn parts(&self) -> (Arc<Registry>, Arc<dyn SecretSource>) {
        (Arc::clone(&self.registry), Arc::clone(&self.secrets))
    }

    /// Asks sources as [`World::apply`] does.
    pub fn source_inspector(&self) -> SourceInspector {
        inspector(&self.registry, &self.secrets)
    }

    /// The audit events of one query, oldest first.
    pub async fn audit_of(&self, query: &str) -> Vec<AuditEvent> {
        let filter = AuditFilter {
            query_id: Some(query.to_owned()),
            limit: 1_000,
            ..AuditFilter::default()
        };
        let records = self.store.list_audit(&filter).await.expect("the audit can be read");
        records.into_iter().rev().map(|record| record.event).collect()
    }

    /// The caller that a door makes of a proven user.
    pub async fn caller(&self, user: &str) -> Caller {
        let snapshot = self.store.snapshot().await.expect("a snapshot");
        let found = snapshot.find_user(user).unwrap_or_else(|| panic!("no user {user}"));
        Caller {
            user: found.id.clone(),
            name: found.name.clone(),
            key: None,
            method: "internal",
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            mfa: false,
            auth_age_ms: None,
            door: "internal",
            client: None,
            purpose: None,
            trace_id: None,
            request_id: "test".to_owned(),
            extra_roles: Vec::new(),
            proof_ends: None,
        }
    }

    /// Where names without catalog and database resolve from now on; `lake.t` if never called.
    pub fn set_defaults(&mut self, catalog: &str, database: &str) {
        self.defaults = (catalog.to_owned(), database.to_owned());
    }

    /// A request with these defaults.
    pub fn request(&self, sql: &str) -> SubmitRequest {
        SubmitRequest {
            sql: sql.to_owned(),
            catalog: Some(self.defaults.0.clone()),
            database: Some(self.defaults.1.clone()),
            ..SubmitRequest::default()
        }
    }

    /// Runs a statement to its last row.
    pub async fn run(&self, user: &str, sql: &str) -> Result<Answer, QueryError> {
        self.run_request(user, self.request(sql))
            .await
            .map_err(|failure| failure.error)
    }

    /// As [`World::run`], with everything that a request may hold.
    pub async fn run_request(&self, user: &str, request: SubmitRequest) -> Result<Answer, RunError> {
        self.run_on(&self.queries, user, request).await
    }

    /// As [`World::run_request`], on another server of the store.
    pub async fn run_on(&self, queries: &QueryService, user: &str, request: SubmitRequest) -> Result<Answer, RunError> {
        let caller = self.caller(user).await;
        Self::answer(queries, &caller, request).await
    }

    /// As [`World::run_request`], for a caller whose facts are the test's.
    pub async fn run_as(&self, caller: &Caller, request: SubmitRequest) -> Result<Answer, RunError> {
        Self::answer(&self.queries, caller, request).await
    }

    async fn answer(queries: &QueryService, caller: &Caller, request: SubmitRequest) -> Result<Answer, RunError> {
        let mut running = queries.run(caller, request).await?;
        let mut batches = Vec::new();
        while let Some(batch) = running.batches.next().await {
            let failed = |error| RunError {
                query_id: Some(running.id.clone()),
                error,
            };
            batches.push(batch.map_err(failed)?);
        }
        Ok(Answer {
            id: running.id,
            schema: running.schema,
            batches,
        })
    }

    /// Runs a statement that must succeed.
    pub async fn ask(&self, user: &str, sql: &str) -> Answer {
        match self.run(user, sql).await {
            Ok(answer) => answer,
            Err(error) => panic!("{user}: {sql}\n{error:?}"),
        }
    }

    /// Rows of a statement that must succeed, as sorted lines.
    pub async fn rows(&self, user: &str, sql: &str) -> Vec<String> {
        let mut lines = self.ask(user, sql).await.lines();
        lines.sort();
        lines
    }

    /// The error of a statement that must fail.
    pub async fn refusal(&self, user: &str, sql: &str) -> QueryError {
        match self.run(user, sql).await {
            Ok(answer) => panic!("{user}: {sql}\nsucceeded:\n{}", answer.text()),
            Err(error) => error,
        }
    }

    /// Code and message of a failure, or the sorted rows: everything that a caller can tell two outcomes apart by.
    pub async fn outcome(&self, user: &str, sql: &str) -> Result<Vec<String>, (&'static str, String)> {
        match self.run(user, sql).await {
            Ok(answer) => {
                let mut lines = answer.lines();
                lines.sort();
                Ok(lines)
            }
            Err(error) => Err((error.code.text(), error.to_string())),
        }
    }

    /// The stored record with true figures.
    pub async fn record(&self, id: &str) -> QueryRecord {
        self.store
            .find_query(id)
            .await
            .expect("the store answers")
            .expect("the query is stored")
    }

    /// The figures that the submitter is shown.
    pub async fn shown_usage(&self, user: &str, id: &str) -> Usage {
        let caller = self.caller(user).await;
        self.queries
            .find(&caller, id)
            .await
            .expect("own queries are visible")
            .usage
    }

    /// All audit events, newest first.
    pub async fn audit(&self) -> Vec<AuditEvent> {
        let filter = AuditFilter {
            limit: 100_000,
            ..AuditFilter::default()
        };
        let records = self.store.list_audit(&filter).await.expect("the audit can be read");
        records.into_iter().map(|record| record.event).collect()
    }
}

fn signals(metrics: &Arc<Metrics>) -> Signals {
    let told = Arc::clone(metrics);
    Signals::to(move |signal| told.note(signal))
}

fn inspector(registry: &Arc<Registry>, secrets: &Arc<dyn SecretSource>) -> SourceInspector {
    let connections = Arc::new(Connections::new(Arc::clone(secrets), Vec::new()));
    SourceInspector::new(Arc::clone(registry), connections)
}

fn options(store: &Store, directory: &Path) -> ServiceOptions {
    ServiceOptions {
        node: store.boot_id().to_owned(),
        data_directory: directory.join("data"),
        result_ttl: Duration::from_secs(3600),
        local_roots: Vec::new(),
        memory_bytes: 512 * 1024 * 1024,
        query_memory_bytes: 256 * 1024 * 1024,
        threads: 2,
        timeout: Duration::from_secs(120),
        max_policy_staleness: Duration::from_secs(30),
        result_bytes: 256 * 1024 * 1024,
        spill_bytes: 256 * 1024 * 1024,
        billing: Billing {
            megabyte_bytes: 1_048_576,
        },
        price_per_tb: "5.00 USD".to_owned(),
        master_key: Some(Arc::new(master_key())),
        signals: Signals::default(),
        engine: EngineChange::default(),
    }
}

/// Keyed hashes are alike in all worlds: some tests compare two of them.
async fn keep_mask_key(store: &Store) {
    let snapshot = store.snapshot().await.expect("a snapshot");
    let secret = mask_key::given(&master_key(), None, &[7; 32]).expect("a sealed key");
    let event = bootstrap_event("create", "mask-key:default", &snapshot);
    store.put_secret(&secret, event).await.expect("a mask key");
}

/// The master key of every world.
pub fn master_key() -> MasterKey {
    MasterKey::of_hex(&"5e".repeat(32)).expect("a master key")
}
