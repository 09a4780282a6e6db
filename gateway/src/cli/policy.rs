//! What do the policies say, to whom, and why? Written, checked and tried before they hold.

// sorted: start
mod analyze;
mod cases;
mod diff;
mod explain;
mod find;
mod format;
mod history;
mod offline;
mod simulate;
mod story;
mod test;
mod texts;
mod validate;
// sorted: end

use clap::Subcommand;

use super::exit::Exit;
use crate::config::environment::Environment;

// sorted: start
/// What to do with policies.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prove what policies allow, for every request at once
    Analyze(analyze::Analyze),
    /// Show who gains or loses what between two epochs
    Diff(diff::Diff),
    /// Say why somebody may see a table, or may not
    Explain(explain::Explain),
    /// Show a policy
    Find(find::Find),
    /// Lay out Cedar files as Cedar's formatter does
    Format(format::Format),
    /// List the epochs: every change of the catalog, newest first
    History(history::History),
    /// List policies
    List(find::List),
    /// Say what somebody else could do, under which circumstances, and how their query would be planned
    Simulate(Box<simulate::Simulate>),
    /// Compare decisions with those that a file expects
    Test(test::Test),
    /// Check Cedar files
    Validate(validate::Validate),
}
// sorted: end

/// Does it.
pub(super) async fn run(command: Command, environment: Environment) -> Exit {
    match command {
        // sorted: start
        Command::Analyze(command) => analyze::run(command, environment).await,
        Command::Diff(command) => diff::run(command, environment).await,
        Command::Explain(command) => explain::run(command, environment).await,
        Command::Find(command) => find::run(command, environment).await,
        Command::Format(command) => format::run(&command),
        Command::History(command) => history::run(command, environment).await,
        Command::List(command) => find::list(command, environment).await,
        Command::Simulate(command) => simulate::run(*command, environment).await,
        Command::Test(command) => test::run(command, environment).await,
        Command::Validate(command) => validate::run(command, environment).await,
        // sorted: end
    }
}
