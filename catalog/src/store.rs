//! Where is everything kept? One code path over SQLite (embedded) and PostgreSQL (production).
//!
//! Every call that writes is one transaction. A call that is dropped half-way either happened as a whole or not at all.

mod acknowledge;
mod audit;
mod cell;
mod checkpoint;
mod commit;
mod connect;
mod epoch;
mod figures;
mod history;
mod idempotency;
mod integrity;
mod lease;
mod ledger;
mod listen;
mod migrate;
mod object;
mod past;
mod queries;
mod read;
mod recover;
mod reference;
mod secrets;
mod settings;
mod tail;
mod verify;

use std::sync::{Arc, RwLock};

use tokio::sync::Mutex;

pub use self::{
    acknowledge::Acceptance,
    checkpoint::{Due, KeyStanding, Taken},
    connect::{Dialect, StoreOptions},
    epoch::{Confirmation, Follower},
    figures::StoreFigures,
    lease::{LEASE, Renewal},
    migrate::{MigrationReport, MigrationStatus},
    verify::AuditTrust,
};
use self::{
    audit::{Head, Waiting},
    connect::Database,
    epoch::Epochs,
    figures::Counts,
};
use crate::{error::Result, snapshot::Snapshot};

/// The store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    database: Database,
    /// Name of this process's audit chain.
    boot_id: String,
    /// The last snapshot that was read.
    snapshot: RwLock<Option<Arc<Snapshot>>>,
    /// Held while a snapshot is read, so that one caller reads for all that wait.
    reading: Mutex<()>,
    /// Head of the audit chain; `None`: not known, read it. Held by whoever writes events until they are committed.
    // INVARIANT: taken before a transaction begins, never inside one.
    chain: Mutex<Option<Head>>,
    /// Events of `append_audit` that wait for the chain: whoever gets it next writes them all.
    waiting: std::sync::Mutex<Vec<Waiting>>,
    epochs: Epochs,
    counts: Counts,
}

impl Store {
    /// Connects. Makes the file of an embedded store if it is not there, but no schema: see [`Store::migrate`].
    ///
    /// # Errors
    /// `Address`, `Unavailable`, `SchemaTooNew`, `Corrupt` if an applied migration is not the one that this binary knows.
    pub async fn open(options: &StoreOptions) -> Result<Self> {
        let database = Database::connect(options).await?;
        migrate::refuse_newer(&database).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                database,
                boot_id: uuid::Uuid::now_v7().to_string(),
                snapshot: RwLock::default(),
                reading: Mutex::default(),
                chain: Mutex::default(),
                waiting: std::sync::Mutex::default(),
                epochs: Epochs::new(),
                counts: Counts::new(),
            }),
        })
    }

    /// Which database holds the store.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.inner.database.dialect
    }

    /// Id of this opening of the store: the name of its audit chain, and the `node` of the queries that it runs.
    #[must_use]
    pub fn boot_id(&self) -> &str {
        &self.inner.boot_id
    }

    /// Asks the database for one number.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query_scalar::<_, i64>("SELECT CAST(1 AS BIGINT)")
            .fetch_one(&self.inner.database.reader)
            .await?;
        Ok(())
    }

    /// Ends all connections after what is running. Every later call fails with `Unavailable`.
    pub async fn close(&self) {
        self.inner.database.close().await;
    }
}
