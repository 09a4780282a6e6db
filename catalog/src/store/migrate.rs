//! Which schema has the store? Embedded migrations, one set per dialect, applied in one transaction.

use sqlx::{Any, Executor, Row};

use crate::{
    error::{Result, StoreError},
    store::{
        Store,
        cell::{now, time_text},
        connect::{Database, Dialect, Tx},
    },
};

/// One step of the schema.
struct Migration {
    version: i64,
    name: &'static str,
    /// Oldest binary that may use a store with this migration.
    min_binary: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "0001_first",
        min_binary: "0.1.0",
        sqlite: include_str!("../../migrations/sqlite/0001_first.sql"),
        postgres: include_str!("../../migrations/postgres/0001_first.sql"),
    },
    Migration {
        version: 2,
        name: "0002_node_leases",
        min_binary: "0.1.0",
        sqlite: include_str!("../../migrations/sqlite/0002_node_leases.sql"),
        postgres: include_str!("../../migrations/postgres/0002_node_leases.sql"),
    },
    Migration {
        version: 3,
        name: "0003_secrets",
        min_binary: "0.1.0",
        sqlite: include_str!("../../migrations/sqlite/0003_secrets.sql"),
        postgres: include_str!("../../migrations/postgres/0003_secrets.sql"),
    },
    Migration {
        version: 4,
        name: "0004_audit_checkpoints",
        min_binary: "0.1.0",
        sqlite: include_str!("../../migrations/sqlite/0004_audit_checkpoints.sql"),
        postgres: include_str!("../../migrations/postgres/0004_audit_checkpoints.sql"),
    },
];

/// Version of this binary, to compare with `min_binary`.
const BINARY: &str = env!("CARGO_PKG_VERSION");

/// PostgreSQL advisory lock of migrations: `lakegate` in ASCII.
const LOCK: i64 = 0x6c61_6b65_6761_7465;

/// One row per applied migration.
const SCHEMA_TABLE: &str = "CREATE TABLE IF NOT EXISTS lakegate_schema (version BIGINT NOT NULL PRIMARY KEY, \
     name TEXT NOT NULL, min_binary TEXT NOT NULL, checksum TEXT NOT NULL, applied_at TEXT NOT NULL)";

/// What a migration did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MigrationReport {
    /// Version before; 0: empty.
    pub from: i64,
    pub to: i64,
    /// Names of the migrations that were applied now.
    pub applied: Vec<String>,
}

/// Which migrations have been applied, and which not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MigrationStatus {
    /// Version of the store; 0: empty.
    pub version: i64,
    /// Version that this binary needs.
    pub needed: i64,
    pub applied: Vec<String>,
    pub pending: Vec<String>,
}

/// A row of the schema table.
struct Applied {
    version: i64,
    name: String,
    min_binary: String,
    checksum: String,
}

impl Store {
    /// Brings the schema up to this binary's version; does nothing the second time. Processes that do so at once wait
    /// for each other.
    ///
    /// # Errors
    /// `SchemaTooNew`; `Corrupt` if an applied migration is not the one that this binary knows.
    pub async fn migrate(&self) -> Result<MigrationReport> {
        let database = &self.inner.database;
        let mut tx = database.begin().await?;
        if database.dialect == Dialect::Postgres {
            sqlx::query("SELECT pg_advisory_xact_lock($1)")
                .bind(LOCK)
                .execute(&mut *tx)
                .await?;
        }
        (&mut *tx).execute(sqlx::raw_sql(SCHEMA_TABLE)).await?;
        let applied = read_applied(&mut *tx).await?;
        check(&applied, database.dialect)?;
        let from = newest(&applied);
        let mut report = MigrationReport {
            from,
            to: from,
            applied: Vec::new(),
        };
        for migration in MIGRATIONS.iter().filter(|migration| migration.version > from) {
            apply(&mut tx, migration, database.dialect).await?;
            report.to = migration.version;
            report.applied.push(migration.name.to_owned());
        }
        tx.commit().await?;
        Ok(report)
    }

    /// Which migrations have been applied, and which not.
    ///
    /// # Errors
    /// `SchemaTooNew`; `Corrupt` if an applied migration is not the one that this binary knows.
    pub async fn migration_status(&self) -> Result<MigrationStatus> {
        let applied = find_applied(&self.inner.database).await?;
        check(&applied, self.inner.database.dialect)?;
        let version = newest(&applied);
        Ok(MigrationStatus {
            version,
            needed: needed(),
            applied: applied.into_iter().map(|applied| applied.name).collect(),
            pending: MIGRATIONS
                .iter()
                .filter(|migration| migration.version > version)
                .map(|migration| migration.name.to_owned())
                .collect(),
        })
    }

    /// Checks that the schema is one that this binary works on.
    ///
    /// # Errors
    /// `SchemaBehind`, `SchemaTooNew`.
    pub async fn require_current(&self) -> Result<()> {
        let found = self.migration_status().await?.version;
        if found < needed() {
            Err(StoreError::SchemaBehind {
                found,
                needed: needed(),
            })
        } else {
            Ok(())
        }
    }
}

/// Refuses a store that only newer binaries may use.
pub(super) async fn refuse_newer(database: &Database) -> Result<()> {
    check(&find_applied(database).await?, database.dialect)
}

/// Version of the schema that this binary needs.
fn needed() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

fn newest(applied: &[Applied]) -> i64 {
    applied.last().map_or(0, |applied| applied.version)
}

async fn apply(tx: &mut Tx, migration: &Migration, dialect: Dialect) -> Result<()> {
    (&mut **tx).execute(sqlx::raw_sql(migration.text(dialect))).await?;
    sqlx::query(
        "INSERT INTO lakegate_schema (version, name, min_binary, checksum, applied_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(migration.version)
    .bind(migration.name)
    .bind(migration.min_binary)
    .bind(migration.checksum(dialect))
    .bind(time_text(&now()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What has been applied; nothing if there is no schema table.
async fn find_applied(database: &Database) -> Result<Vec<Applied>> {
    let exists = match database.dialect {
        Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'lakegate_schema'",
        Dialect::Postgres => "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('lakegate_schema')",
    };
    let tables: i64 = sqlx::query_scalar(exists).fetch_one(&database.reader).await?;
    if tables == 0 {
        Ok(Vec::new())
    } else {
        read_applied(&database.reader).await
    }
}

async fn read_applied(from: impl Executor<'_, Database = Any>) -> Result<Vec<Applied>> {
    let rows = sqlx::query("SELECT version, name, min_binary, checksum FROM lakegate_schema ORDER BY version")
        .fetch_all(from)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Applied {
                version: row.try_get(0)?,
                name: row.try_get(1)?,
                min_binary: row.try_get(2)?,
                checksum: row.try_get(3)?,
            })
        })
        .collect()
}

fn check(applied: &[Applied], dialect: Dialect) -> Result<()> {
    if let Some(shut) = applied.iter().rev().find(|applied| newer(&applied.min_binary, BINARY)) {
        return Err(StoreError::SchemaTooNew {
            found: newest(applied),
            min_binary: shut.min_binary.clone(),
        });
    }
    for migration in MIGRATIONS {
        let stored = applied.iter().find(|applied| applied.version == migration.version);
        if stored.is_some_and(|stored| stored.checksum != migration.checksum(dialect)) {
            return Err(StoreError::corrupt(format!(
                "migration `{}` is not the one that was applied",
                migration.name
            )));
        }
    }
    Ok(())
}

/// Whether version `left` is newer than `right`; both `major.minor.patch`. A malformed number counts as the newest.
fn newer(left: &str, right: &str) -> bool {
    let numbers = |text: &str| {
        text.split('.')
            .map(|part| part.parse().unwrap_or(u64::MAX))
            .collect::<Vec<_>>()
    };
    numbers(left) > numbers(right)
}

impl Migration {
    fn text(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }

    fn checksum(&self, dialect: Dialect) -> String {
        blake3::hash(self.text(dialect).as_bytes()).to_hex().to_string()
    }
}
