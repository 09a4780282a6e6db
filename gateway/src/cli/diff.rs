//! What would `apply` change, and for whom? Nothing is stored; the exit code tells scripts whether anything differs.

use clap::Args;

use super::{
    exit::Exit,
    failure::{Result, report},
    lake_files::{LakeFlags, has_changes, print_applied, remark_applied},
    profile::ServerFlags,
    screen::Screen,
};
use crate::config::environment::Environment;

/// Show what `apply` would change, and who would gain or lose what; exit 11 if anything differs.
#[derive(Debug, Args)]
pub struct Diff {
    #[command(flatten)]
    lake: LakeFlags,
    /// Only differences and errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Compares.
pub(super) async fn run(command: Diff, environment: Environment) -> Exit {
    let json = command.lake.format.is_json();
    report(diff(command, &environment).await, json)
}

async fn diff(command: Diff, environment: &Environment) -> Result<Exit> {
    let client = command.server.target(environment)?.client;
    let applied = client.apply_lake(&command.lake.read(true)?).await?;
    print_applied(&applied, command.lake.format);
    remark_applied(&applied, &Screen::of(environment, command.quiet));
    Ok(if has_changes(&applied) {
        Exit::Differs
    } else {
        Exit::Done
    })
}
