//! How is the server started from the command line?

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;

use super::{exit::Exit, output::tell};
use crate::{
    config::{self, Sources, environment::Environment},
    server::{self, Start},
};

/// Flags that say where the configuration is, and override it.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigFlags {
    /// Directory of everything that is kept [default: lakegate-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Configuration file [default: DIR/lakegate.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address of the REST API; port 0 asks for a free one
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<String>,
    /// Address of probes and metrics
    #[arg(long, value_name = "ADDRESS")]
    pub management: Option<String>,
    /// Address of Flight SQL: only `off` in this version
    #[arg(long, value_name = "ADDRESS")]
    pub flight: Option<String>,
    /// Address of the PostgreSQL protocol: only `off` in this version
    #[arg(long, value_name = "ADDRESS")]
    pub postgres: Option<String>,
}

/// Flags of `lakegate serve`.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub flags: ConfigFlags,
    /// Apply these lake files or directories before the doors open
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub apply: Vec<PathBuf>,
    /// Write the bound addresses here when the doors are open
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

impl ConfigFlags {
    /// Where to read the configuration from.
    #[must_use]
    pub fn sources(self, environment: Environment) -> Sources {
        let flags = [
            ("flight.listen", self.flight),
            ("http.listen", self.http),
            ("management.listen", self.management),
            ("postgres.listen", self.postgres),
        ];
        let flags: BTreeMap<_, _> = flags
            .into_iter()
            .filter_map(|(path, value)| Some((path, value?)))
            .collect();
        Sources {
            data: self.data,
            file: self.config,
            flags,
            environment,
        }
    }
}

/// Runs the server until it is told to stop.
pub(super) async fn run(command: Serve, environment: Environment) -> Exit {
    let sources = command.flags.sources(environment);
    let config = match config::load(sources.clone()) {
        Ok(loaded) => loaded.config,
        Err(problems) => {
            tell(problems);
            return Exit::Refused;
        }
    };
    let start = Start {
        config,
        sources,
        apply: command.apply,
        ready_file: command.ready_file,
    };
    match server::serve(start).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            tell(error);
            Exit::Refused
        }
    }
}
