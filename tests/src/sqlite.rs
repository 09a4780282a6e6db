//! How do tests make a relational source? One SQLite file, filled by SQL.

use std::path::Path;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};

/// Runs statements on the database at `path`, which is made if it is not there.
pub async fn execute(path: &Path, statements: &str) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.expect("the database opens");
    let done = connection.execute(AssertSqlSafe(statements.to_owned())).await;
    if let Err(error) = done {
        panic!("{error}: {statements}");
    }
    connection.close().await.expect("the database closes");
}
