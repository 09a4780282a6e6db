//! Is the metadata store's schema the one that this binary needs, and how does it become so?

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use lakegate_catalog::{Store, StoreError, StoreOptions};

use super::{
    exit::Exit,
    output::{say, tell},
    serve::ConfigFlags,
};
use crate::{
    config::{self, environment::Environment},
    error::chain,
};

/// Between two looks at the store.
const PAUSE: Duration = Duration::from_secs(1);

/// What to do about the schema.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show which migrations have been applied and which not
    Status(ConfigFlags),
    /// Apply what is missing; safe to run from several places at once
    Up(ConfigFlags),
    /// Wait until the schema is the one that this binary needs
    Wait(Wait),
}

/// How long to wait.
#[derive(Debug, Args)]
pub struct Wait {
    #[command(flatten)]
    flags: ConfigFlags,
    /// Give up after so many seconds
    #[arg(long, default_value_t = 600)]
    timeout_seconds: u64,
}

/// Migrates, waits or shows.
pub(super) async fn run(command: Command, environment: Environment) -> Exit {
    let flags = match &command {
        Command::Status(flags) | Command::Up(flags) => flags,
        Command::Wait(wait) => &wait.flags,
    };
    let config = match config::load(flags.clone().sources(environment)) {
        Ok(loaded) => loaded.config,
        Err(problems) => {
            tell(problems);
            return Exit::Refused;
        }
    };
    let url = config.database.url.clone();
    let options = StoreOptions {
        url,
        max_connections: config.database.max_connections,
    };
    let done = match &command {
        Command::Status(_) => status(&options).await,
        Command::Up(_) => up(&options).await,
        Command::Wait(wait) => wait_for_schema(&options, Duration::from_secs(wait.timeout_seconds)).await,
    };
    match done {
        Ok(()) => Exit::Done,
        Err(error) => {
            tell(chain(&error));
            if error.is_transient() {
                Exit::Unreachable
            } else {
                Exit::Refused
            }
        }
    }
}

async fn status(options: &StoreOptions) -> Result<(), StoreError> {
    let status = Store::open(options).await?.migration_status().await?;
    say(format!("version {}, needed {}", status.version, status.needed));
    for name in &status.applied {
        say(format!("applied  {name}"));
    }
    for name in &status.pending {
        say(format!("pending  {name}"));
    }
    Ok(())
}

async fn up(options: &StoreOptions) -> Result<(), StoreError> {
    let report = Store::open(options).await?.migrate().await?;
    for name in &report.applied {
        say(format!("applied  {name}"));
    }
    say(format!("version {}", report.to));
    Ok(())
}

async fn wait_for_schema(options: &StoreOptions, patience: Duration) -> Result<(), StoreError> {
    let start = Instant::now();
    loop {
        let found = match Store::open(options).await {
            Ok(store) => store.require_current().await,
            Err(error) => Err(error),
        };
        match found {
            Err(StoreError::SchemaBehind { .. } | StoreError::Unavailable(_)) if start.elapsed() < patience => {
                tokio::time::sleep(PAUSE).await;
            }
            found => return found,
        }
    }
}
