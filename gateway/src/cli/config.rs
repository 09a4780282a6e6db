//! Is the configuration right, and what holds?

use clap::{Args, Subcommand};

use super::{
    exit::Exit,
    output::{say, tell},
    serve::ConfigFlags,
};
use crate::config::{self, Loaded, Origin, environment::Environment};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Report all problems
    Check(ConfigFlags),
    /// Show the settings
    Show(Show),
}

/// Which settings to show. Secrets are always redacted.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    flags: ConfigFlags,
    /// Also those that hold by default, and where each came from
    #[arg(long)]
    effective: bool,
    /// Accepted for clarity: secrets are never shown
    #[arg(long)]
    redact: bool,
}

/// Checks or shows.
pub(super) fn run(command: Command, environment: Environment) -> Exit {
    let (flags, show) = match command {
        Command::Check(flags) => (flags, None),
        Command::Show(show) => (show.flags, Some(show.effective)),
    };
    match (config::load(flags.sources(environment)), show) {
        (Ok(loaded), Some(effective)) => print(&loaded, effective),
        (Ok(_), None) => tell("the configuration is valid"),
        (Err(problems), _) => {
            tell(problems);
            return Exit::Refused;
        }
    }
    Exit::Done
}

fn print(loaded: &Loaded, effective: bool) {
    let mut settings: Vec<_> = loaded.settings.iter().collect();
    settings.sort_by_key(|setting| setting.path);
    for setting in settings {
        if effective {
            say(format!("{} = {}  # {}", setting.path, setting.value, setting.origin));
        } else if setting.origin != Origin::Default {
            say(format!("{} = {}", setting.path, setting.value));
        }
    }
}
