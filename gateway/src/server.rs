//! In which order does the server start, and how does it leave? Each step logs its name and time; a failing one its remedy.

use std::{
    fmt,
    fs::{self, File},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use lakegate_catalog::{Store, StoreError, StoreOptions};
use lakegate_connectors::registry::Registry;
use lakegate_query::{
    billing::Billing,
    connection::{Connections, SecretSource},
    service::{QueryService, ServiceOptions},
    session::EngineChange,
    signal::Signals,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};
use tokio_util::task::TaskTracker;

use crate::{
    app::{App, AppState},
    auth::{Authenticator, api_key},
    bootstrap,
    checkpoints::{self, Checkpoints, signing_key},
    config::{self, Config, Sources, environment::Environment, secrets::LocalSecrets},
    connections,
    cursor::CursorSeal,
    error::chain,
    health::Health,
    housekeeping,
    lake::source_inspector::SourceInspector,
    management, master_key,
    ready_file::ReadyFile,
    router::router,
    shutdown::StopSignals,
    telemetry::{Metrics, logs},
};

/// Between two looks at a schema that is behind.
const SCHEMA_PAUSE: Duration = Duration::from_secs(1);
/// For answers that are being written when the queries have ended.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// What `lakegate serve` was told.
#[derive(Debug)]
pub struct Start {
    pub config: Config,
    /// Where it was read from: SIGHUP reads the log filter again.
    pub sources: Sources,
    /// Lake files to apply before the doors open.
    pub apply: Vec<PathBuf>,
    pub ready_file: Option<PathBuf>,
}

/// Why the server did not start, with the remedy.
#[derive(Debug)]
pub struct StartError(pub String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// Serves until a signal comes, then drains.
///
/// # Errors
/// If a step of the start fails; nothing is left behind then.
pub async fn serve(start: Start) -> Result<(), StartError> {
    let config = start.config;
    let telling = logs::start(&config.telemetry).map_err(|error| fail("logs cannot be started", error))?;
    let mut signals = StopSignals::listen().map_err(|error| fail("signals cannot be handled", error))?;
    let _lock = lock_data(&config)?;
    let (health, metrics) = observers()?;
    let mut steps = Steps {
        health: Arc::clone(&health),
        start: Instant::now(),
    };

    steps.enter("management");
    let management = management::open(config.management.listen, Arc::clone(&health), Arc::clone(&metrics))
        .map_err(|error| fail(&format!("{} cannot be listened on", config.management.listen), error))?;
    let app = prepare(&mut steps, &config, &start.sources.environment, &start.apply, metrics).await?;

    steps.enter("doors");
    let listener = TcpListener::bind(config.http.listen)
        .await
        .map_err(|error| fail(&format!("{} cannot be listened on", config.http.listen), error))?;
    let http = listener
        .local_addr()
        .map_err(|error| fail("the address is not known", error))?;
    let (close, closing) = watch::channel(false);
    let doors = connections::serve(
        listener,
        router(app.clone()),
        config.http.clone(),
        Arc::clone(&app.metrics),
        closing,
    );
    let mut open = JoinSet::new();
    open.spawn(doors);
    // Dropped, and so ended, when this function ends.
    let mut background = JoinSet::new();
    housekeeping::start(&mut background, &app);
    background.spawn(reload_filter(start.sources, telling.filter()));
    app.store
        .ping()
        .await
        .map_err(|error| fail("the store does not answer", chain(&error)))?;
    health.store_reached();
    health.set_started();
    let ready_file = match &start.ready_file {
        Some(path) => Some(
            ReadyFile::write(path, http, management)
                .map_err(|error| fail("the ready file cannot be written", error))?,
        ),
        None => None,
    };
    tracing::info!(%http, %management, version = env!("CARGO_PKG_VERSION"), elapsed_ms = steps.elapsed_ms(), "ready");

    signals.next().await;
    drain(&app, &close, open, &mut signals).await;
    drop(ready_file);
    background.shutdown().await;
    checkpoints::end(&app).await;
    if let Err(error) = app.store.release_lease().await {
        tracing::warn!(error = %chain(&error), "the lease was not given back: it lapses");
    }
    app.store.close().await;
    tracing::info!("stopped");
    telling.stop();
    Ok(())
}

/// Everything between the management port and the doors.
async fn prepare(
    steps: &mut Steps,
    config: &Config,
    environment: &Environment,
    apply: &[PathBuf],
    metrics: Arc<Metrics>,
) -> Result<AppState, StartError> {
    steps.enter("store");
    let store = open_store(config, &metrics).await?;
    steps.enter("engine");
    let app = assemble(config, environment, store, metrics, Arc::clone(&steps.health)).await?;
    app.checkpoints.refuse_torn(&app.store).await?;
    let lost = app
        .queries
        .recover()
        .await
        .map_err(|error| StartError(error.log_text()))?;
    if lost > 0 {
        tracing::warn!(lost, "queries of an earlier process were ended as lost");
    }
    steps.enter("catalog");
    bootstrap::bootstrap(&app, apply).await?;
    checkpoints::begin(&app).await;
    steps.enter("identity providers");
    app.auth.refresh_keys().await;
    app.health.set_keys_usable(app.auth.keys_usable());
    Ok(app)
}

/// Puts the state together over a store with the current schema.
///
/// # Errors
/// If the engine, or a key of the store, cannot be made.
pub async fn assemble(
    config: &Config,
    environment: &Environment,
    store: Store,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
) -> Result<AppState, StartError> {
    let registry = Arc::new(Registry::built_in());
    let secrets = LocalSecrets::new(
        environment.clone(),
        config.sources.secret_roots.clone(),
        master_key::place(config),
    );
    let others = master_key::previous_places(config)
        .into_iter()
        .chain([signing_key::place(config)]);
    let secrets: Arc<dyn SecretSource> = Arc::new(others.fold(secrets, LocalSecrets::withholding));
    let master_key = master_key::load(config, environment, &store)
        .await
        .map_err(|error| fail("the metadata store cannot be used", chain(&error)))?;
    let connections = Arc::new(Connections::new(
        Arc::clone(&secrets),
        config.sources.local_roots.clone(),
    ));
    let inspector = SourceInspector::new(Arc::clone(&registry), connections);
    let options = ServiceOptions {
        node: store.boot_id().to_owned(),
        data_directory: config.data.clone(),
        result_ttl: config.results.ttl,
        local_roots: config.sources.local_roots.clone(),
        memory_bytes: config.query.total_memory(),
        query_memory_bytes: config.query.memory_of_one(),
        threads: config.query.computing_threads(),
        timeout: config.query.timeout,
        max_policy_staleness: config.query.max_policy_staleness,
        result_bytes: config.query.result_bytes,
        spill_bytes: config.query.spill_bytes,
        billing: Billing {
            megabyte_bytes: config.metering.megabyte_bytes,
        },
        price_per_tb: config.metering.price_per_tb.clone(),
        master_key: master_key.clone(),
        signals: signals(&metrics),
        engine: EngineChange::default(),
    };
    let queries = QueryService::new(store.clone(), Arc::clone(&registry), Arc::clone(&secrets), options)
        .map_err(|error| StartError(error.log_text()))?;
    let pepper = api_key::pepper(&store)
        .await
        .map_err(|error| StartError(format!("the store has no pepper: {error:?}")))?;
    let auth = Authenticator::new(store.clone(), pepper.clone(), &config.auth);
    let cursors = CursorSeal::new(&pepper);
    Ok(AppState::new(App {
        queries,
        store,
        registry,
        secrets,
        inspector,
        config: config.clone(),
        pepper,
        master_key,
        auth,
        checkpoints: Checkpoints::new(config, environment)?,
        cursors,
        metrics,
        health,
        watchers: TaskTracker::new(),
    }))
}

fn signals(metrics: &Arc<Metrics>) -> Signals {
    let metrics = Arc::clone(metrics);
    Signals::to(move |signal| metrics.note(signal))
}

async fn open_store(config: &Config, metrics: &Metrics) -> Result<Store, StartError> {
    let options = StoreOptions {
        url: config.database.url.clone(),
        max_connections: config.database.max_connections,
    };
    let failed = |error: StoreError| fail("the metadata store cannot be used", chain(&error));
    let store = Store::open(&options).await.map_err(failed)?;
    if config.database.is_embedded() {
        store.migrate().await.map_err(failed)?;
    }
    loop {
        match store.require_current().await {
            Ok(()) => {
                metrics.set_pending_migrations(0);
                return Ok(store);
            }
            Err(error @ StoreError::SchemaBehind { .. }) => {
                let status = store.migration_status().await.map_err(failed)?;
                metrics.set_pending_migrations(status.pending.len());
                tracing::warn!(error = %error, "waiting for the schema: run `lakegate migrate up`");
                tokio::time::sleep(SCHEMA_PAUSE).await;
            }
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Leaves: unready first, then closed to new work, then without what is left.
async fn drain(app: &AppState, close: &watch::Sender<bool>, mut doors: JoinSet<()>, signals: &mut StopSignals) {
    tracing::info!("stopping: not ready from now on");
    app.health.set_draining();
    let patient = signals.pause(app.config.drain.delay).await;
    app.health.set_closing();
    close.send_replace(true);
    let patient = patient
        && signals
            .unless_asked_again(app.queries.drain(app.config.drain.timeout))
            .await;
    if !patient {
        tracing::warn!("asked twice: running queries are cancelled");
        app.queries.drain(Duration::ZERO).await;
    }
    let _ = tokio::time::timeout(LAST_BYTES, doors.join_next()).await;
}

/// On SIGHUP the log filter is read again; everything else needs a restart.
async fn reload_filter(sources: Sources, filter: logs::Filter) {
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else {
        return;
    };
    while hang_up.recv().await.is_some() {
        match config::load(sources.clone()) {
            Ok(loaded) => filter.replace(&loaded.config.telemetry.log_filter),
            Err(problems) => tracing::error!(%problems, "the configuration was not read again"),
        }
    }
}

/// Makes the data directory, for us alone, and holds it against a second server.
fn lock_data(config: &Config) -> Result<File, StartError> {
    let data = config.data.display();
    let failed = |error: std::io::Error| fail(&format!("the data directory `{data}` cannot be used"), error);
    if !config.data.exists() {
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
        builder.create(&config.data).map_err(failed)?;
    }
    let file = File::create(config.data.join("lakegate.lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(StartError(format!(
            "another server uses `{data}`: stop it, or choose another `--data`"
        ))),
    }
}

fn observers() -> Result<(Arc<Health>, Arc<Metrics>), StartError> {
    let metrics = Metrics::new().map_err(|error| fail("metrics cannot be declared", error))?;
    Ok((Arc::new(Health::default()), Arc::new(metrics)))
}

fn fail(what: &str, error: impl fmt::Display) -> StartError {
    StartError(format!("{what}: {error}"))
}

/// The start sequence, as the probes and the log tell it.
struct Steps {
    health: Arc<Health>,
    start: Instant,
}

impl Steps {
    fn enter(&mut self, step: &'static str) {
        self.health.enter(step);
        tracing::info!(step, elapsed_ms = self.elapsed_ms(), "starting");
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
