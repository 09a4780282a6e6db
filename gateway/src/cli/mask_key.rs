//! Which key do keyed masks hash with, and how does a new one take its place?

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    exit::Exit,
    failure::{Result, report},
    items::{ItemFormat, print_item, print_items},
    list::ListFlags,
    profile::ServerFlags,
    screen::Screen,
};
use crate::config::environment::Environment;

/// What to do with the mask key.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the versions of the mask key, newest first; never the key itself
    List(List),
    /// Wrap all versions by the server's master key, after that was changed; no hash changes
    Rewrap(Rotate),
    /// Make a new mask key: values under `hmac-sha-256` look different from now on, in every table at once
    Rotate(Rotate),
}

/// Which versions.
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    list: ListFlags,
    /// Format of the list
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// How to tell.
#[derive(Debug, Args)]
pub struct Rotate {
    /// Format of the answer
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// Does it.
pub(super) async fn run(command: Command, environment: Environment) -> Exit {
    let (done, json) = match command {
        Command::List(command) => {
            let json = command.format.is_json();
            (list(command, &environment).await, json)
        }
        Command::Rewrap(command) => {
            let json = command.format.is_json();
            (rewrap(command, &environment).await, json)
        }
        Command::Rotate(command) => {
            let json = command.format.is_json();
            (rotate(command, &environment).await, json)
        }
    };
    report(done.map(|()| Exit::Done), json)
}

async fn list(list: List, environment: &Environment) -> Result<()> {
    const COLUMNS: [(&str, &str); 5] = [
        ("version", "/version"),
        ("current", "/current"),
        ("usable", "/usable"),
        ("created", "/created_at"),
        ("by", "/principal"),
    ];
    let client = list.server.target(environment)?.client;
    let items = list.list.fetch(&client, &["mask-keys"], &[]).await?;
    print_items(&items, &COLUMNS, list.format, &Screen::of(environment, false));
    Ok(())
}

async fn rewrap(command: Rotate, environment: &Environment) -> Result<()> {
    let client = command.server.target(environment)?.client;
    let done: Value = client.post(&["mask-keys", "rewrap"], &json!({})).await?;
    print_item(&done, command.format);
    Ok(())
}

async fn rotate(command: Rotate, environment: &Environment) -> Result<()> {
    let client = command.server.target(environment)?.client;
    let made: Value = client.post(&["mask-keys"], &json!({})).await?;
    print_item(&made, command.format);
    Ok(())
}
