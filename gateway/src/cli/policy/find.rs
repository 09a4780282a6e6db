//! Which policies are stored, and what does one say?

use clap::Args;
use serde_json::Value;

use crate::{
    cli::{
        exit::Exit,
        failure::{Result, report},
        items::{ItemFormat, print_item, print_items},
        list::ListFlags,
        output::say,
        profile::ServerFlags,
        screen::Screen,
    },
    config::environment::Environment,
};

/// Show a policy.
#[derive(Debug, Args)]
pub struct Find {
    /// Its `@id`
    id: String,
    /// Format of the answer
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// List policies.
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

/// Shows one.
pub(super) async fn run(command: Find, environment: Environment) -> Exit {
    let json = command.format.is_json();
    report(find(command, &environment).await.map(|()| Exit::Done), json)
}

async fn find(command: Find, environment: &Environment) -> Result<()> {
    let client = command.server.target(environment)?.client;
    let policy: Value = client.get(&["policies", &command.id], &[]).await?;
    match policy.get("text").and_then(Value::as_str) {
        Some(text) if !command.format.is_json() => say(text),
        _ => print_item(&policy, command.format),
    }
    Ok(())
}

/// Lists them.
pub(super) async fn list(command: List, environment: Environment) -> Exit {
    let json = command.format.is_json();
    report(listed(command, &environment).await.map(|()| Exit::Done), json)
}

async fn listed(command: List, environment: &Environment) -> Result<()> {
    const COLUMNS: [(&str, &str); 4] = [
        ("id", "/name"),
        ("version", "/version"),
        ("changed", "/updated_at"),
        ("dangling", "/dangling"),
    ];
    let client = command.server.target(environment)?.client;
    let items = command.list.fetch(&client, &["policies"], &[]).await?;
    print_items(&items, &COLUMNS, command.format, &Screen::of(environment, false));
    Ok(())
}
