//! Who answers for a part of the audit trail that is gone? After this the server starts again; the loss is told for ever.

use std::fs::File;

use clap::Args;
use lakegate_catalog::Acceptance;

use super::place::{Place, failed, open, refused};
use crate::{
    checkpoints::signing_key::load,
    cli::{exit::Exit, output::say, serve::ConfigFlags},
    config::{environment::Environment, secrets::LocalSecrets},
    master_key,
};

/// Where the store is, and why the loss is accepted.
#[derive(Debug, Args)]
pub struct Acknowledge {
    #[command(flatten)]
    flags: ConfigFlags,
    /// Why the records are gone; signed, and told by every `audit verify`
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who accepts it [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Where copies of the checkpoints lie [default: `audit.checkpoints_url` of the configuration]
    #[arg(long, value_name = "URL")]
    checkpoints: Option<String>,
}

/// Accepts: 0 if every torn chain is accepted, 1 if nothing is torn or something was changed.
pub(super) async fn run(command: Acknowledge, environment: Environment) -> Exit {
    let place = match open(command.flags.clone(), environment).await {
        Ok(place) => place,
        Err(exit) => return exit,
    };
    match accept(command, &place).await {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

async fn accept(command: Acknowledge, place: &Place) -> Result<(), Exit> {
    let lock = File::create(place.config.data.join("lakegate.lock"))
        .map_err(|error| refused(format!("`{}` cannot be used: {error}", place.config.data.display())))?;
    lock.try_lock()
        .map_err(|_| refused("a server uses this store: stop it first"))?;
    let copies = place.copies(command.checkpoints.as_deref()).await?;
    let secrets = LocalSecrets::new(place.environment.clone(), Vec::new(), master_key::place(&place.config));
    let key = load(&place.config, &secrets).map_err(refused)?;
    let user = place.environment.get("USER").unwrap_or("unknown").to_owned();
    let acceptance = Acceptance {
        by: command.by.unwrap_or(user),
        reason: command.reason,
    };
    let done = place.store.acknowledge_audit(&key, &acceptance, &copies).await;
    let (lost, taken) = done.map_err(failed)?;
    for lost in lost {
        say(format!(
            "chain `{}` ends before record {}: accepted in checkpoint {}",
            lost.stream, lost.first, taken.seq
        ));
    }
    Ok(())
}
