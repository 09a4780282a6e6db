//! Who am I to the server?

use clap::Args;
use serde_json::Value;

use super::{
    exit::Exit,
    failure::{Result, report},
    items::{ItemFormat, print_item},
    profile::ServerFlags,
};
use crate::config::environment::Environment;

/// Show the identity that the credential proves.
#[derive(Debug, Args)]
pub struct Whoami {
    /// Format of the answer
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// Asks.
pub(super) async fn run(command: Whoami, environment: Environment) -> Exit {
    let json = command.format.is_json();
    report(ask(command, &environment).await.map(|()| Exit::Done), json)
}

async fn ask(command: Whoami, environment: &Environment) -> Result<()> {
    let client = command.server.target(environment)?.client;
    let identity: Value = client.get(&["whoami"], &[]).await?;
    print_item(&identity, command.format);
    Ok(())
}
