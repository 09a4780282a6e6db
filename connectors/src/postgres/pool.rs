//! Which connection serves a call? Idle ones are used again; those that were left in the middle of a statement are not.
//!
//! One pool per connection of the catalog, its version and its credential. A [`Lease`] that is dropped without being given
//! back cancels its statement at the server and is discarded: dropping the stream alone stops nothing there.
//!
//! Half of a pool's connections at most are for reading parts of one table at the same time. A scan gets all that its parts need
//! when it is divided or is not divided, so that scans which wait for each other never wait for connections, too.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{CancelToken, Client, Config, NoTls, config::SslMode};
use tokio_util::task::TaskTracker;

use super::{error::from_postgres, settings::Settings, tls::Tls};
use crate::{
    call::{CallContext, QueryId},
    error::{ConnectorError, ConnectorErrorKind, Result},
};

/// Idle connections are closed after this time.
const IDLE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);
/// How long a cancel request may take.
const CANCEL: Duration = Duration::from_secs(5);

/// The pools of this process, by connection id.
#[derive(Debug, Default)]
pub(super) struct Pools(Mutex<HashMap<String, Arc<Pool>>>);

struct Pool {
    version: u64,
    settings: Settings,
    config: Config,
    tls: Tls,
    permits: Arc<Semaphore>,
    /// Connections for parts of tables.
    parts: Arc<Semaphore>,
    idle: Mutex<Vec<(Client, Instant)>>,
    tasks: TaskTracker,
}

/// A connection for one call.
pub(super) struct Lease {
    // Both are there until the lease ends.
    client: Option<Client>,
    permit: Option<OwnedSemaphorePermit>,
    pool: Arc<Pool>,
}

impl Pools {
    /// A connection whose session is set up for this call.
    pub(super) async fn lease(&self, cx: &CallContext) -> Result<Lease> {
        let pool = self.pool(cx).await?;
        let permit = Arc::clone(&pool.permits).acquire_owned().await.map_err(|_| lost())?;
        pool.lease(cx, permit).await
    }

    /// A connection that holds a snapshot, and places for `readers` that read in it; `None` if there are not so many now.
    pub(super) async fn lease_group(&self, cx: &CallContext, readers: usize) -> Result<Option<(Lease, Seats)>> {
        let pool = self.pool(cx).await?;
        let wanted = u32::try_from(readers + 1).unwrap_or(u32::MAX);
        let Ok(mut permits) = Arc::clone(&pool.parts).try_acquire_many_owned(wanted) else {
            return Ok(None);
        };
        let leader = permits.split(1).ok_or_else(lost)?;
        let seats = Seats {
            pool: Arc::clone(&pool),
            free: Arc::new(Semaphore::new(readers)),
            _permits: permits,
        };
        Ok(Some((pool.lease(cx, leader).await?, seats)))
    }

    async fn pool(&self, cx: &CallContext) -> Result<Arc<Pool>> {
        let connection = &cx.connection;
        let settings = Settings::of(connection)?;
        let user = connection.credential.required("user")?;
        let password = connection.credential.required("password")?;
        if let Some(pool) = self.lock().get(&connection.id)
            && pool.serves(connection.version, &settings, user, password)
        {
            return Ok(Arc::clone(pool));
        }
        let mut config = Config::new();
        config
            .host(&settings.host)
            .port(settings.port)
            .dbname(&settings.database)
            .user(user)
            .password(password)
            .ssl_mode(match settings.tls {
                super::settings::TlsMode::Disable => SslMode::Disable,
                _ => SslMode::Require,
            })
            .application_name("lakegate")
            .connect_timeout(CONNECT);
        let pool = Arc::new(Pool {
            version: connection.version,
            tls: Tls::of(&settings).await?,
            permits: Arc::new(Semaphore::new(settings.max_connections - settings.for_parts())),
            parts: Arc::new(Semaphore::new(settings.for_parts())),
            idle: Mutex::default(),
            tasks: TaskTracker::new(),
            settings,
            config,
        });
        // The pool of an older version closes when its last lease ends.
        self.lock().insert(connection.id.clone(), Arc::clone(&pool));
        Ok(pool)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Pool>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    fn serves(&self, version: u64, settings: &Settings, user: &str, password: &str) -> bool {
        self.version == version
            && self.settings == *settings
            && self.config.get_user() == Some(user)
            && self.config.get_password() == Some(password.as_bytes())
    }

    /// A connection whose session is set up for this call.
    async fn lease(self: Arc<Self>, cx: &CallContext, permit: OwnedSemaphorePermit) -> Result<Lease> {
        let session = session(&cx.query, cx.deadline.left());
        while let Some(client) = self.idle() {
            // Setting up also shows whether the server is still there.
            if client.batch_execute(&session).await.is_ok() {
                return Ok(Lease {
                    client: Some(client),
                    permit: Some(permit),
                    pool: self,
                });
            }
        }
        let client = self.connect().await?;
        let lease = Lease {
            client: Some(client),
            permit: Some(permit),
            pool: self,
        };
        lease.client()?.batch_execute(&session).await.map_err(from_postgres)?;
        Ok(lease)
    }

    /// An idle connection that is open, the last used first.
    fn idle(&self) -> Option<Client> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((client, since)) = idle.pop() {
            if !client.is_closed() && since.elapsed() < IDLE {
                return Some(client);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Client> {
        match &self.tls {
            Tls::Off => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(from_postgres)?;
                self.tasks.spawn(connection);
                Ok(client)
            }
            Tls::On(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await.map_err(from_postgres)?;
                self.tasks.spawn(connection);
                Ok(client)
            }
        }
    }

    /// Closes what has been idle for too long.
    fn sweep(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(client, since)| !client.is_closed() && since.elapsed() < IDLE);
    }
}

/// Places for the readers of one divided scan.
pub(super) struct Seats {
    pool: Arc<Pool>,
    free: Arc<Semaphore>,
    _permits: OwnedSemaphorePermit,
}

impl Seats {
    /// A connection for one of the readers.
    pub(super) async fn lease(&self, cx: &CallContext) -> Result<Lease> {
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| lost())?;
        Arc::clone(&self.pool).lease(cx, permit).await
    }
}

impl Lease {
    /// The options of the connection.
    pub(super) fn settings(&self) -> &Settings {
        &self.pool.settings
    }

    /// The connection.
    pub(super) fn client(&self) -> Result<&Client> {
        self.client.as_ref().ok_or_else(lost)
    }

    /// Ends a lease whose last statement is finished.
    pub(super) fn give_back(mut self) {
        if let Some(client) = self.client.take() {
            self.pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((client, Instant::now()));
            let pool = Arc::downgrade(&self.pool);
            self.pool.tasks.spawn(async move {
                tokio::time::sleep(IDLE + Duration::from_millis(100)).await;
                if let Some(pool) = pool.upgrade() {
                    pool.sweep();
                }
            });
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(client), Ok(_)) = (self.client.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let token = client.cancel_token();
        let (tls, permit) = (self.pool.tls.clone(), self.permit.take());
        self.pool.tasks.spawn(async move {
            let sent = tokio::time::timeout(CANCEL, cancel(&token, tls)).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::warn!("a cancel request did not reach the PostgreSQL server");
            }
            // Closed only now: the place in the pool is free when the server's work has ended.
            drop((client, permit));
        });
    }
}

async fn cancel(token: &CancelToken, tls: Tls) -> Result<(), tokio_postgres::Error> {
    match tls {
        Tls::Off => token.cancel_query(NoTls).await,
        Tls::On(tls) => token.cancel_query(tls).await,
    }
}

/// Everything that a statement of ours relies on, whatever the role's or the database's defaults are.
fn session(query: &QueryId, left: Duration) -> String {
    // 0 would mean no limit.
    let timeout = i32::try_from(left.as_millis()).unwrap_or(i32::MAX).max(1);
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
            c
        } else {
            '_'
        }
    };
    // The server cuts names at 63 bytes.
    let name: String = query.0.chars().map(safe).take(54).collect();
    format!(
        "SET default_transaction_read_only = on; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; \
         SET search_path = pg_catalog; SET extra_float_digits = 1; SET bytea_output = 'hex'; \
         SET idle_in_transaction_session_timeout = '60s'; SET statement_timeout = {timeout}; \
         SET application_name = 'lakegate:{name}'"
    )
}

fn lost() -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::Internal, "the connection pool is closed")
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("version", &self.version)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seats").finish_non_exhaustive()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}
