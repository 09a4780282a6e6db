//! How does an earlier state of governance come back? Shown first and asked for on a terminal, then one transaction.

use clap::Args;
use lakegate_openapi::epoch::RollbackLake;

use super::{
    apply::confirmed,
    exit::Exit,
    failure::{Result, report},
    items::ItemFormat,
    lake_files::{has_changes, print_applied, remark_applied},
    output::tell,
    profile::ServerFlags,
    screen::Screen,
};
use crate::config::environment::Environment;

/// Publish the policies, filters, masks and grants of an earlier epoch again, as a new one.
#[derive(Debug, Args)]
pub struct Rollback {
    /// Epoch, as `policy history` lists it
    #[arg(value_name = "EPOCH")]
    epoch: i64,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Accept exactly the gains that `--dry-run` shows with this digest
    #[arg(long, value_name = "DIGEST")]
    approve_gains: Option<String>,
    /// Only changes and errors
    #[arg(short, long)]
    quiet: bool,
    /// Format of the list of changes
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// Rolls back.
pub(super) async fn run(command: Rollback, environment: Environment) -> Exit {
    let json = command.format.is_json();
    report(rollback(command, &environment).await, json)
}

async fn rollback(command: Rollback, environment: &Environment) -> Result<Exit> {
    let screen = Screen::of(environment, command.quiet);
    let client = command.server.target(environment)?.client;
    let mut body = RollbackLake {
        epoch: command.epoch,
        dry_run: command.dry_run,
        approve_gains: command.approve_gains,
    };
    if !command.yes && !command.dry_run && screen.answers {
        let preview = client
            .rollback_lake(&RollbackLake {
                dry_run: true,
                ..body.clone()
            })
            .await?;
        if has_changes(&preview) {
            print_applied(&preview, ItemFormat::Table);
            remark_applied(&preview, &screen);
            if !confirmed().await? {
                tell("nothing was changed");
                return Ok(Exit::Refused);
            }
            let shown = preview.effects.and_then(|effects| effects.digest);
            body.approve_gains = body.approve_gains.or(shown);
        }
    }
    let applied = client.rollback_lake(&body).await?;
    print_applied(&applied, command.format);
    remark_applied(&applied, &screen);
    Ok(Exit::Done)
}
