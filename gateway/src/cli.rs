//! What can be typed after `lakegate`? One line per command, one file per noun.

// sorted: start
pub mod apply;
pub mod audit;
pub mod completions;
pub mod config;
pub mod connector;
pub mod demo;
pub mod diff;
pub mod effects;
pub mod exit;
pub mod export;
pub mod failure;
pub mod grid;
pub mod human;
pub mod items;
pub mod lake_files;
pub mod list;
pub mod mask_key;
pub mod migrate;
pub mod output;
pub mod policy;
pub mod profile;
pub mod query;
pub mod rollback;
pub mod rows;
pub mod screen;
pub mod serve;
pub mod sink;
pub mod sql;
pub mod statement;
pub mod stop;
pub mod whoami;
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
    /// Make the lake what the files say
    Apply(apply::Apply),
    /// Read the audit trail
    #[command(subcommand)]
    Audit(audit::Command),
    /// Print the completion script of a shell
    Completions(completions::Completions),
    /// Check a configuration, or show what holds
    #[command(subcommand)]
    Config(config::Command),
    /// Run a connector in a process of its own
    #[command(subcommand)]
    Connector(connector::Command),
    /// One query, four people: start the demo lake, ask, and stay up
    Demo(demo::Demo),
    /// Show what `apply` would change, and who would gain or lose what
    Diff(diff::Diff),
    /// Write the running lake as files
    Export(export::Export),
    /// List the versions of the key that `hmac-sha-256` masks hash with, or make a new one
    #[command(subcommand)]
    MaskKey(mask_key::Command),
    /// Bring the metadata store's schema up to date
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Write, check, explain, compare and try policies
    #[command(subcommand)]
    Policy(policy::Command),
    /// Submit, find, list and cancel queries; fetch results
    #[command(subcommand)]
    Query(query::Command),
    /// Publish the policies, filters, masks and grants of an earlier epoch again
    Rollback(rollback::Rollback),
    /// Run the server
    Serve(serve::Serve),
    /// Run a statement and print its rows
    Sql(Box<sql::Sql>),
    /// Show who the server takes me for
    Whoami(whoami::Whoami),
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
        Command::Apply(command) => apply::run(command, environment).await,
        Command::Audit(command) => audit::run(command, environment).await,
        Command::Completions(command) => completions::run(&command),
        Command::Config(command) => config::run(command, environment),
        Command::Connector(command) => connector::run(command, environment).await,
        Command::Demo(command) => demo::run(command, environment).await,
        Command::Diff(command) => diff::run(command, environment).await,
        Command::Export(command) => export::run(command, environment).await,
        Command::MaskKey(command) => mask_key::run(command, environment).await,
        Command::Migrate(command) => migrate::run(command, environment).await,
        Command::Policy(command) => policy::run(command, environment).await,
        Command::Query(command) => query::run(command, environment).await,
        Command::Rollback(command) => rollback::run(command, environment).await,
        Command::Serve(command) => serve::run(command, environment).await,
        Command::Sql(command) => sql::run(*command, environment).await,
        Command::Whoami(command) => whoami::run(command, environment).await,
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
