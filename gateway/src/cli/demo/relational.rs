//! Where do the passengers live? In the SQLite file of the demo, or in a PostgreSQL that is loaded with the same rows.

use std::{path::PathBuf, process::Stdio};

use tokio::process::Command;

use super::home::Home;
use crate::{
    cli::failure::{Failure, Result},
    config::environment::Environment,
};

/// The relational source: a lake file, and what the server must have in its environment for it.
#[derive(Debug)]
pub(super) struct Relational {
    pub(super) lake_file: PathBuf,
    pub(super) variables: Vec<(&'static str, String)>,
}

/// libpq's variables, and ours that win over them.
const VARIABLES: [(&str, &str); 5] = [
    ("PGHOST", "LAKEGATE_DEMO_PG_HOST"),
    ("PGPORT", "LAKEGATE_DEMO_PG_PORT"),
    ("PGDATABASE", "LAKEGATE_DEMO_PG_DATABASE"),
    ("PGUSER", "LAKEGATE_DEMO_PG_USER"),
    ("PGPASSWORD", "LAKEGATE_DEMO_PG_PASSWORD"),
];

impl Relational {
    /// The SQLite file.
    pub(super) fn sqlite(home: &Home) -> Self {
        Self {
            lake_file: home.file("relational/sqlite.yaml"),
            variables: Vec::new(),
        }
    }
}

/// Loads the rows and writes the lake file for this PostgreSQL.
pub(super) async fn postgres(home: &Home, environment: &Environment) -> Result<Relational> {
    let value = |(name, ours): (&'static str, &str)| {
        let value = environment.get(ours).or_else(|| environment.get(name))?;
        Some((name, value.to_owned()))
    };
    let variables: Vec<(&'static str, String)> = VARIABLES.into_iter().filter_map(value).collect();
    if !variables.iter().any(|(name, _)| *name == "PGUSER") {
        return Err(Failure::usage(
            "`--postgres` needs PGHOST, PGPORT, PGDATABASE, PGUSER and PGPASSWORD (or LAKEGATE_DEMO_PG_…)",
        ));
    }
    let lake_file = home.data().join("postgres.yaml");
    let mut loader = Command::new("python3");
    loader
        .arg(home.file("load_postgres.py"))
        .arg("--write-lake")
        .arg(&lake_file)
        .stdin(Stdio::null());
    loader.envs(variables.iter().map(|(name, value)| (*name, value.as_str())));
    match loader.status().await {
        Ok(status) if status.success() => Ok(Relational { lake_file, variables }),
        Ok(status) => Err(Failure::local(format!(
            "the rows could not be loaded into PostgreSQL: load_postgres.py ended with {status}"
        ))),
        Err(error) => Err(Failure::local(format!("python3 cannot be run: {error}"))),
    }
}
