//! How do tests make a source of PostgreSQL? One database each, on the server that the environment names.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, postgres::PgConnectOptions};

/// A database that nobody else uses.
#[derive(Clone, Debug)]
pub struct Database {
    host: String,
    port: u16,
    user: String,
    password: String,
    name: String,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// Makes one; `None` where the environment names no server.
    pub async fn create() -> Option<Self> {
        let variable = |name: &str| std::env::var(format!("LAKEGATE_TEST_PG_{name}")).ok();
        let host = variable("HOST")?;
        let set = |name: &str| variable(name).unwrap_or_else(|| panic!("LAKEGATE_TEST_PG_{name} is not set"));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut database = Self {
            host,
            port: set("PORT").parse().expect("a port"),
            user: set("USER"),
            password: set("PASSWORD"),
            name: set("DATABASE"),
        };
        let name = format!("world_{}_{number}", std::process::id());
        database.execute(&format!("DROP DATABASE IF EXISTS {name}")).await;
        database.execute(&format!("CREATE DATABASE {name}")).await;
        database.name = name;
        Some(database)
    }

    /// Runs statements.
    pub async fn execute(&self, statements: &str) {
        let options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .username(&self.user)
            .password(&self.password)
            .database(&self.name);
        let mut connection = options.connect().await.expect("the server answers");
        let done = connection.execute(AssertSqlSafe(statements.to_owned())).await;
        if let Err(error) = done {
            panic!("{error}: {statements}");
        }
        connection.close().await.expect("the connection closes");
    }

    /// The statements that this database has run, as the server's statistics keep them: literals are placeholders.
    pub async fn statements(&self) -> Vec<String> {
        let options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .username(&self.user)
            .password(&self.password)
            .database(&std::env::var("LAKEGATE_TEST_PG_DATABASE").expect("LAKEGATE_TEST_PG_DATABASE"));
        let mut connection = options.connect().await.expect("the server answers");
        let text = "SELECT query FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = $1 AND toplevel";
        let texts = sqlx::query_scalar(text)
            .bind(&self.name)
            .fetch_all(&mut connection)
            .await;
        connection.close().await.expect("the connection closes");
        texts.expect("statistics of statements")
    }

    /// Its name, which no other test's begins with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What secret references of [`Database::connection`] see.
    pub fn secrets(&self) -> Vec<(&str, &str)> {
        vec![("PG_USER", &self.user), ("PG_PASSWORD", &self.password)]
    }

    /// The entry of `connections` in a lake.
    pub fn connection(&self) -> String {
        self.connection_with("")
    }

    /// As [`Database::connection`], with `more` members of the entry.
    pub fn connection_with(&self, more: &str) -> String {
        format!(
            "{{connector: postgres, options: {{host: \"{}\", port: {}, database: \"{}\", tls: disable}}, credential: {{user: \
             \"env://PG_USER\", password: \"env://PG_PASSWORD\"}}{more}}}",
            self.host, self.port, self.name
        )
    }
}

/// Whether tests on PostgreSQL can run here; says so where they cannot.
pub fn is_there(test: &str) -> bool {
    let there = std::env::var("LAKEGATE_TEST_PG_HOST").is_ok();
    if !there {
        println!("skipped: {test} on PostgreSQL, LAKEGATE_TEST_PG_HOST is not set");
    }
    there
}
