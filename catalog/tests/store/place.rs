//! Where does a case keep its store? A temporary folder, or a database of its own on the test server.

use lakegate_catalog::{Store, StoreOptions};
use sqlx::{AnyPool, AssertSqlSafe};
use tempfile::TempDir;

const SERVER: &str = "LAKEGATE_TEST_POSTGRES_URL";

pub struct Place {
    pub options: StoreOptions,
    /// URL of the server and name of the database, to drop it; or the folder, which drops itself.
    server: Option<(String, String)>,
    _folder: Option<TempDir>,
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // A name that would be misread if it were put into an address as it stands.
        let path = folder.path().join("lake 100%?#.db");
        let options = StoreOptions {
            url: format!("sqlite://{}", path.display()),
            max_connections: 4,
        };
        Self {
            options,
            server: None,
            _folder: Some(folder),
        }
    }

    /// `None` if no server is named.
    pub async fn postgres(case: &str) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "only a test may read the environment")]
        let Ok(server) = std::env::var(SERVER) else {
            #[expect(clippy::print_stderr, reason = "a skipped case says so")]
            {
                eprintln!("skipped: {case} on PostgreSQL, {SERVER} is not set");
            }
            return None;
        };
        let database = format!("store_{}", uuid::Uuid::new_v4().simple());
        run(&server, &format!("CREATE DATABASE {database}")).await;
        let (front, query) = server
            .split_once('?')
            .map_or((server.as_str(), ""), |(front, query)| (front, query));
        let base = front
            .rsplit_once('/')
            .filter(|(base, _)| base.contains("//") && !base.ends_with('/'));
        let base = base.map_or(front, |(base, _)| base);
        let options = StoreOptions {
            url: format!("{base}/{database}?{query}"),
            max_connections: 4,
        };
        Some(Self {
            options,
            server: Some((server, database)),
            _folder: None,
        })
    }

    /// A migrated store: another process, as far as the store knows.
    pub async fn store(&self) -> Store {
        let store = Store::open(&self.options).await.expect("the store opens");
        store.migrate().await.expect("the schema is made");
        store
    }

    /// Runs a statement behind the store's back; says how many rows it touched.
    pub async fn tamper(&self, sql: &str) -> u64 {
        let url = match self.options.url.strip_prefix("sqlite://") {
            Some(path) => format!(
                "sqlite://{}",
                path.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
            ),
            None => self.options.url.clone(),
        };
        run(&url, sql).await
    }

    /// Drops the database.
    pub async fn remove(self) {
        if let Some((server, database)) = &self.server {
            run(server, &format!("DROP DATABASE {database} WITH (FORCE)")).await;
        }
    }
}

async fn run(url: &str, sql: &str) -> u64 {
    sqlx::any::install_default_drivers();
    let pool = AnyPool::connect(url).await.expect("the database is reached");
    let done = sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&pool)
        .await
        .expect("the statement runs");
    pool.close().await;
    done.rows_affected()
}
