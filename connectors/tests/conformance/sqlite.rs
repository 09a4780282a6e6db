//! An SQLite file for the suite.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicI64},
};

use arrow::array::{BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};
use async_trait::async_trait;
use datafusion::common::ScalarValue;
use lakegate_connectors::{
    connection::Connection,
    connector::Connector,
    contract::{Broken, Fixture, Hidden, Lake, Misfit, Typed, fixture::MARK},
    predicate::{CompareOp, Predicate},
    sqlite::SqliteConnector,
};
use sqlx::{ConnectOptions, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::Mutex;

/// Every call opens the file and reads its schema: more would only be slow.
const TABLES: usize = 2_500;

#[derive(Debug)]
pub struct File {
    directory: PathBuf,
    lake: Lake,
    writer: Mutex<SqliteConnection>,
    /// Threads of the writer.
    open: usize,
    next: AtomicI64,
}

fn sql() -> String {
    let many: String = (0..TABLES - 10)
        .map(|number| format!("CREATE TABLE many_{number} (a);"))
        .collect();
    format!(
        r#"PRAGMA journal_mode = WAL;
        BEGIN;
        CREATE TABLE MixedCase (ColUmn INTEGER);
        CREATE TABLE typed (i INTEGER, t TEXT, r REAL, b BLOB, v BOOLEAN, d DATE);
        INSERT INTO typed VALUES (NULL, NULL, NULL, NULL, NULL, NULL), (-9223372036854775808, '', 1e999, x'', 0, '2000-02-29'),
            (9223372036854775807, 'Zoë 🛫', -0.5, x'00ff', 1, '');
        CREATE TABLE mixed (id INTEGER PRIMARY KEY, odd INTEGER);
        INSERT INTO mixed VALUES (10, 1), (11, 'text'), (12, 3);
        CREATE TABLE loose (id INTEGER PRIMARY KEY, n INT, t TEXT COLLATE NOCASE, r REAL, b BLOB, d DATE, v BOOLEAN);
        CREATE TABLE firm (id INTEGER PRIMARY KEY, n INT, t TEXT, r REAL, b BLOB) STRICT;
        WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 60)
        INSERT INTO loose SELECT i, CASE WHEN i % 7 > 0 THEN i % 5 - 2 END,
            CASE i % 6 WHEN 0 THEN NULL WHEN 1 THEN 'a' WHEN 2 THEN 'A' WHEN 3 THEN 'b%_c' WHEN 4 THEN '' ELSE 'ä🛫' END,
            CASE WHEN i % 3 > 0 THEN i / 4.0 END, CASE WHEN i % 4 > 0 THEN CAST(i % 4 AS BLOB) END,
            CASE WHEN i % 5 > 0 THEN '2020-01-0' || (i % 5) END, i % 2 FROM k;
        INSERT INTO firm SELECT id, n, t, r, b FROM loose;
        CREATE TABLE numbers (id INTEGER, name TEXT);
        WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i < 4999)
        INSERT INTO numbers SELECT 1 + i * 1777 % 5000, 'n' || (1 + i * 1777 % 5000) FROM k;
        CREATE VIEW never AS WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k) SELECT i AS id FROM k WHERE i < 0;
        CREATE VIEW endless AS WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k)
            SELECT i AS id, printf('%.*c', 100000, 'x') AS wide FROM k;
        CREATE TABLE owned (id INTEGER PRIMARY KEY, owner TEXT, note TEXT);
        WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 100)
        INSERT INTO owned SELECT i, CASE i % 2 WHEN 1 THEN 'ana' ELSE 'bo' END, CASE i % 2 WHEN 1 THEN 'note ' || i ELSE '{MARK}' END FROM k;
        CREATE VIEW computed AS SELECT id, owner, abs(CASE id WHEN 2 THEN -9223372036854775808 ELSE id END) AS share FROM owned;
        {many}
        COMMIT;"#
    )
}

fn lake() -> Lake {
    let late = Predicate::compare("id", CompareOp::GtEq, ScalarValue::Int64(Some(12)));
    Lake {
        database: "main".into(),
        many: ("main".into(), TABLES),
        spellings: vec!["MixedCase"],
        typed: vec![Typed {
            table: "typed",
            columns: [
                (
                    "i",
                    Arc::new(Int64Array::from(vec![None, Some(i64::MIN), Some(i64::MAX)])) as _,
                ),
                (
                    "t",
                    Arc::new(StringArray::from(vec![None, Some(""), Some("Zoë 🛫")])) as _,
                ),
                (
                    "r",
                    Arc::new(Float64Array::from(vec![None, Some(f64::INFINITY), Some(-0.5)])) as _,
                ),
                (
                    "b",
                    Arc::new(BinaryArray::from(vec![None, Some(&b""[..]), Some(&[0, 255][..])])) as _,
                ),
                (
                    "v",
                    Arc::new(BooleanArray::from(vec![None, Some(false), Some(true)])) as _,
                ),
                (
                    "d",
                    Arc::new(StringArray::from(vec![None, Some("2000-02-29"), Some("")])) as _,
                ),
            ]
            .into(),
        }],
        misfits: vec![Misfit {
            table: "mixed".into(),
            column: "odd",
        }],
        hidden: vec![Hidden {
            table: "mixed",
            columns: vec!["id", "odd"],
            guard: late,
            rows: 1,
        }],
        random: vec!["firm", "loose"],
        sparse: false,
        numbers: "numbers",
        never: "never",
        endless: "endless",
        owned: "owned",
        computed: Some(("computed", "share")),
        secrets: Vec::new(),
    }
}

impl File {
    pub async fn start() -> Option<Arc<dyn Fixture>> {
        let directory = std::env::temp_dir().join(format!("lakegate-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&directory).unwrap();
        let options = SqliteConnectOptions::new()
            .filename(directory.join("crm.db"))
            .create_if_missing(true);
        let mut writer = options.connect().await.unwrap();
        writer.execute(sqlx::AssertSqlSafe(sql())).await.unwrap();
        let mut file = Self {
            directory,
            lake: lake(),
            writer: Mutex::new(writer),
            open: 0,
            next: AtomicI64::new(6_000),
        };
        file.open = Self::threads();
        Some(Arc::new(file))
    }

    /// Threads that run statements of SQLite: each open database has one. (Its files tell less: SQLite closes them when the
    /// last lock of the process is gone.)
    fn threads() -> usize {
        let works = |entry: &std::fs::DirEntry| {
            std::fs::read_to_string(entry.path().join("comm")).is_ok_and(|name| name.starts_with("sqlx-sqlite"))
        };
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        threads.filter_map(Result::ok).filter(works).count()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

#[async_trait]
impl Fixture for File {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(SqliteConnector::new())
    }

    fn connection(&self) -> Connection {
        Connection {
            id: "file".into(),
            kind: "sqlite".into(),
            options: [("path".to_owned(), "crm.db".into())].into(),
            directory: Some(self.directory.clone()),
            local_roots: vec![self.directory.clone()],
            ..Connection::default()
        }
    }

    fn lake(&self) -> &Lake {
        &self.lake
    }

    async fn busy(&self, _query: &str) -> Result<usize, Broken> {
        Ok(Self::threads().saturating_sub(self.open))
    }

    async fn disturb(&self) -> Result<bool, Broken> {
        let number = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let text = format!("INSERT INTO numbers VALUES ({number}, 'n{number}')");
        self.writer.lock().await.execute(sqlx::AssertSqlSafe(text)).await?;
        Ok(true)
    }
}
