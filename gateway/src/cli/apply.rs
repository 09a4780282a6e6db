//! How does the lake become what the files say? Shown first and asked for on a terminal, then one transaction.

use std::io::BufRead;

use clap::Args;
use lakegate_openapi::lake::ApplyLake;

use super::{
    exit::Exit,
    failure::{Failure, Result, report},
    lake_files::{LakeFlags, has_changes, print_applied, remark_applied},
    output::tell,
    profile::ServerFlags,
    screen::Screen,
};
use crate::config::environment::Environment;

/// Make the lake what the files say.
#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    lake: LakeFlags,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Accept exactly the gains that `diff` shows with this digest
    #[arg(long, value_name = "DIGEST")]
    approve_gains: Option<String>,
    /// Only changes and errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    server: ServerFlags,
}

/// Applies.
pub(super) async fn run(command: Apply, environment: Environment) -> Exit {
    let json = command.lake.format.is_json();
    report(apply(command, &environment).await, json)
}

async fn apply(command: Apply, environment: &Environment) -> Result<Exit> {
    let screen = Screen::of(environment, command.quiet);
    let client = command.server.target(environment)?.client;
    let lake = ApplyLake {
        approve_gains: command.approve_gains.clone(),
        ..command.lake.read(command.dry_run)?
    };
    let asks = !command.yes && !command.dry_run && screen.answers && !command.lake.takes_standard_input();
    if !command.yes && !command.dry_run && command.lake.prune && !asks {
        return Err(Failure::usage(
            "`--prune` deletes: say `--yes`, or look first with `--dry-run`",
        ));
    }
    if asks {
        let preview = client
            .apply_lake(&ApplyLake {
                dry_run: true,
                ..lake.clone()
            })
            .await?;
        let mut lake = lake;
        if has_changes(&preview) {
            print_applied(&preview, Default::default());
            remark_applied(&preview, &screen);
            if !confirmed().await? {
                tell("nothing was changed");
                return Ok(Exit::Refused);
            }
            // Whoever has seen the gains and says yes approves these, and no others.
            let shown = preview.effects.and_then(|effects| effects.digest);
            lake.approve_gains = lake.approve_gains.or(shown);
        }
        let applied = client.apply_lake(&lake).await?;
        if command.lake.format.is_json() {
            print_applied(&applied, command.lake.format);
        }
        remark_applied(&applied, &screen);
        return Ok(Exit::Done);
    }
    let applied = client.apply_lake(&lake).await?;
    print_applied(&applied, command.lake.format);
    remark_applied(&applied, &screen);
    Ok(Exit::Done)
}

/// Asks on the terminal.
pub(super) async fn confirmed() -> Result<bool> {
    tell("apply these changes? [y/N]");
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    match answer.await {
        Ok(Ok(line)) => Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes")),
        _ => Err(Failure::local("the answer cannot be read")),
    }
}
