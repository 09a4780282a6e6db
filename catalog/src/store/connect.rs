//! How does the store reach its database? One writer beside readers for SQLite, one pool for PostgreSQL.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sqlx::{
    Any, AnyPool, Connection, Executor, Transaction,
    any::{AnyConnectOptions, AnyPoolOptions},
};
use tokio::time::timeout;

use crate::{
    error::{Result, StoreError},
    store::listen::Address,
};

/// How long a caller waits for a connection, and SQLite for a lock of another process.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a new statement waits for one. Nothing has happened yet when it is over.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);

/// A transaction on either database.
pub(crate) type Tx = Transaction<'static, Any>;

/// Where the store is.
#[derive(Clone)]
pub struct StoreOptions {
    /// `sqlite:///path/file.db` (the path is taken as it stands, nothing is decoded) or `postgres://…`.
    pub url: String,
    /// Connections at most; SQLite: readers beside the one writer.
    pub max_connections: u32,
}

/// Never prints the address: it may hold a password.
impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// Which database holds the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// Embedded, one process.
    Sqlite,
    /// Production, any number of processes.
    Postgres,
}

/// Connections to one database.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) dialect: Dialect,
    writer: AnyPool,
    pub(crate) reader: AnyPool,
    /// Where changes of other processes are told.
    pub(super) listen: Option<Address>,
}

impl Database {
    /// Open connections, and those of them that nobody uses.
    pub(crate) fn connections(&self) -> (usize, usize) {
        let one = |pool: &AnyPool| (usize::try_from(pool.size()).unwrap_or(usize::MAX), pool.num_idle());
        let (all, idle) = one(&self.reader);
        match self.dialect {
            // One pool for everything.
            Dialect::Postgres => (all, idle),
            Dialect::Sqlite => {
                let (writers, idle_writers) = one(&self.writer);
                (all + writers, idle + idle_writers)
            }
        }
    }

    /// Connects; SQLite: makes the file (mode 0600) if it is not there.
    pub(crate) async fn connect(options: &StoreOptions) -> Result<Self> {
        sqlx::any::install_default_drivers();
        if let Some(path) = options.url.strip_prefix("sqlite://") {
            Self::connect_sqlite(Path::new(path), options.max_connections).await
        } else if options.url.starts_with("postgres://") || options.url.starts_with("postgresql://") {
            Self::connect_postgres(&options.url, options.max_connections).await
        } else {
            Err(StoreError::Address {
                what: "neither a `sqlite://` path nor a `postgres://` address".to_owned(),
            })
        }
    }

    async fn connect_sqlite(path: &Path, max_connections: u32) -> Result<Self> {
        create_private(path).map_err(|error| StoreError::Address {
            what: format!("`{}`: {error}", path.display()),
        })?;
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let connect = connect_options(&format!("sqlite://{}?mode=rw", percent_encoded(&path)))?;
        // One writer, kept open: SQLite has one write lock, and waiting for it here is fair and does not poll.
        let writer = pool(1)
            .min_connections(1)
            .after_connect(|connection, _| Box::pin(async move { connection.execute(SQLITE_WRITER).await.map(drop) }));
        let writer = writer.connect_with(connect.clone()).await?;
        let reader = pool(max_connections)
            .after_connect(|connection, _| Box::pin(async move { connection.execute(SQLITE_READER).await.map(drop) }));
        Ok(Self {
            dialect: Dialect::Sqlite,
            writer,
            reader: reader.connect_lazy_with(connect),
            listen: None,
        })
    }

    async fn connect_postgres(url: &str, max_connections: u32) -> Result<Self> {
        let pool = pool(max_connections.max(2)).connect_with(connect_options(url)?).await?;
        Ok(Self {
            dialect: Dialect::Postgres,
            writer: pool.clone(),
            reader: pool,
            listen: Some(Address(url.to_owned())),
        })
    }

    /// Begins a transaction that writes. SQLite: takes the write lock at once.
    pub(crate) async fn begin(&self) -> Result<Tx> {
        Ok(match self.dialect {
            Dialect::Sqlite => self.writer.begin_with("BEGIN IMMEDIATE").await?,
            Dialect::Postgres => self.writer.begin().await?,
        })
    }

    /// As [`Database::begin`], for what is refused rather than kept waiting when the server is away.
    pub(crate) async fn begin_soon(&self) -> Result<Tx> {
        match self.dialect {
            Dialect::Sqlite => self.begin().await,
            Dialect::Postgres => {
                let late = |_| StoreError::from(sqlx::Error::PoolTimedOut);
                timeout(SHORT_PATIENCE, self.begin()).await.map_err(late)?
            }
        }
    }

    /// Begins a transaction that reads one state of the whole database.
    pub(crate) async fn begin_read(&self) -> Result<Tx> {
        Ok(match self.dialect {
            Dialect::Sqlite => self.reader.begin().await?,
            Dialect::Postgres => {
                self.reader
                    .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await?
            }
        })
    }

    /// Ends all connections; running statements end first.
    pub(crate) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

const SQLITE_WRITER: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON";
const SQLITE_READER: &str = "PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON; PRAGMA query_only = ON";

/// SQLite ends a transaction itself where the disk is full; the driver, whose own rollback then fails, takes it to be open for
/// ever. Such a connection is not used again. (Every connection is asked before this whether it lives; rollbacks have ended then.)
fn pool(max_connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(max_connections.max(1))
        .acquire_timeout(PATIENCE)
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

fn connect_options(url: &str) -> Result<AnyConnectOptions> {
    // The driver's message may quote the address, and with it a password.
    AnyConnectOptions::from_str(url).map_err(|_| StoreError::Address {
        what: "the address is malformed".to_owned(),
    })
}

/// Makes the file so that nobody else can read it; SQLite gives its `-wal` and `-shm` the same mode.
fn create_private(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path == Path::new(":memory:") {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the path of a file"));
    }
    let mut open = fs::OpenOptions::new();
    open.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    match open.open(path) {
        Ok(file) => {
            file.sync_all()?;
            // The new name is durable only when its folder is.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            fs::File::open(folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf))?.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// The driver decodes `%` in paths and splits at `?` and `#`.
fn percent_encoded(path: &Path) -> String {
    path.to_string_lossy().chars().fold(String::new(), |mut text, c| {
        match c {
            '%' => text.push_str("%25"),
            '?' => text.push_str("%3f"),
            '#' => text.push_str("%23"),
            c => text.push(c),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::{Database, StoreOptions};

    async fn sqlite() -> (Database, TempDir) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("lakegate.db").display());
        let options = StoreOptions {
            url,
            max_connections: 2,
        };
        (Database::connect(&options).await.expect("it opens"), folder)
    }

    #[tokio::test]
    async fn what_sqlite_has_ended_itself_is_not_open_for_ever() {
        let (database, _folder) = sqlite().await;
        let mut tx = database.begin().await.expect("it begins");
        for sql in ["CREATE TABLE t (x BLOB)", "PRAGMA max_page_count = 3"] {
            sqlx::query(sql).execute(&mut *tx).await.expect("it runs");
        }
        tx.commit().await.expect("it commits");
        let full = "INSERT INTO t VALUES (zeroblob(100000))";
        for _ in 0..2 {
            let mut tx = database.begin().await.expect("it begins again");
            // The first connection has no room; the one in its place has.
            if sqlx::query(full).execute(&mut *tx).await.is_ok() {
                return tx.commit().await.expect("it commits");
            }
        }
        panic!("the connection without room was used again");
    }

    #[tokio::test]
    async fn every_sqlite_connection_is_set_up() {
        let (database, _folder) = sqlite().await;
        let ask = async |pool: &sqlx::AnyPool, pragma: &'static str| {
            sqlx::query_scalar::<_, i64>(pragma)
                .fetch_one(pool)
                .await
                .expect("a number")
        };
        let synchronous_full = 2;
        assert_eq!(ask(&database.writer, "PRAGMA synchronous").await, synchronous_full);
        for pool in [&database.writer, &database.reader] {
            assert_eq!(ask(pool, "PRAGMA busy_timeout").await, 10_000);
            assert_eq!(ask(pool, "PRAGMA foreign_keys").await, 1);
            let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
                .fetch_one(pool)
                .await
                .expect("a word");
            assert_eq!(mode, "wal");
        }
        assert_eq!(ask(&database.reader, "PRAGMA query_only").await, 1);
    }
}
