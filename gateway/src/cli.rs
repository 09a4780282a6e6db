//! What can be typed after `lakegate`? One line per command, one file per noun.

// sorted: start
pub mod config;
pub mod exit;
pub mod migrate;
pub mod output;
pub mod serve;
// sorted: end

use clap::{Parser, Subcommand};

use self::exit::Exit;
use crate::config::environment::Environment;

/// Lake governance and federated query gateway.
#[derive(Debug, Parser)]
#[command(name = "lakegate", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

// sorted: start
#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration, or show what holds
    #[command(subcommand)]
    Config(config::Command),
    /// Bring the metadata store's schema up to date
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Run the server
    Serve(serve::Serve),
}
// sorted: end

/// Reads the command line and does what it says.
pub async fn run(environment: Environment) -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    match cli.command {
        // sorted: start
        Command::Config(command) => config::run(command, environment),
        Command::Migrate(command) => migrate::run(command, environment).await,
        Command::Serve(command) => serve::run(command, environment).await,
        // sorted: end
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
