//! Who did what, and what was decided? Is the trail of it whole?

mod acknowledge;
mod export;
mod keys;
mod place;
mod verify;

use clap::{Args, Subcommand, ValueEnum};

use super::{
    exit::Exit,
    failure::{Result, report},
    items::{ItemFormat, print_items},
    list::ListFlags,
    profile::ServerFlags,
    screen::Screen,
};
use crate::config::environment::Environment;

/// What to do with the audit trail.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Accept that the end of a chain is lost, so that the server starts again; what was changed cannot be accepted
    Acknowledge(acknowledge::Acknowledge),
    /// Write audit events as JSON lines, oldest first, for another system; OCSF unless `--format` says otherwise
    Export(export::Export),
    /// List the keys that sign the audit trail
    Keys(keys::Keys),
    /// List audit events, newest first
    List(List),
    /// Put a new key, signed by the old one, in its place
    RotateKey(keys::RotateKey),
    /// Walk every chain and checkpoint of the audit trail in the store, and name the first record that is not what was written
    Verify(verify::Verify),
}

/// Which events.
#[derive(Debug, Args)]
pub struct List {
    /// Only events of this query
    #[arg(long, value_name = "ID")]
    query_id: Option<String>,
    /// Only events of this principal
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Only events of this action
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only events about this resource (`table:lake.sales.orders`)
    #[arg(long, value_name = "KIND:NAME")]
    resource: Option<String>,
    /// Only events with this decision
    #[arg(long, value_enum)]
    decision: Option<Decision>,
    /// Only events from this time on (`2026-01-31T00:00:00Z`)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only events before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    list: ListFlags,
    /// Format of the list
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// What was decided.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Decision {
    Allow,
    Deny,
}

/// Does it.
pub(super) async fn run(command: Command, environment: Environment) -> Exit {
    match command {
        Command::List(list) => {
            let json = list.format.is_json();
            report(self::list(list, &environment).await.map(|()| Exit::Done), json)
        }
        Command::Acknowledge(command) => acknowledge::run(command, environment).await,
        Command::Export(command) => report(export::export(command, &environment).await.map(|()| Exit::Done), true),
        Command::Keys(command) => keys::list(command, environment).await,
        Command::RotateKey(command) => keys::rotate(command, environment).await,
        Command::Verify(verify) => verify::run(verify, environment).await,
    }
}

async fn list(list: List, environment: &Environment) -> Result<()> {
    const COLUMNS: [(&str, &str); 7] = [
        ("time", "/time"),
        ("principal", "/principal"),
        ("action", "/action"),
        ("resource", "/resource"),
        ("decision", "/decision"),
        ("outcome", "/outcome"),
        ("query", "/query_id"),
    ];
    let client = list.server.target(environment)?.client;
    let decision = list.decision.and_then(|decision| decision.to_possible_value());
    let filters = [
        ("query_id", list.query_id),
        ("principal", list.principal),
        ("action", list.action),
        ("resource", list.resource),
        ("decision", decision.map(|decision| decision.get_name().to_owned())),
        ("from", list.from),
        ("to", list.to),
    ];
    let filters: Vec<(&str, String)> = filters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let items = list.list.fetch(&client, &["audit-events"], &filters).await?;
    print_items(&items, &COLUMNS, list.format, &Screen::of(environment, false));
    Ok(())
}
