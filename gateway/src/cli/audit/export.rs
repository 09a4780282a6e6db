//! How does the audit trail get into another system? Line by line, oldest first, as it is stored or as OCSF.

use clap::{Args, ValueEnum};
use lakegate_openapi::{audit_event::AuditEvent, list::List};

use crate::{
    cli::{failure::Result, output::say, profile::ServerFlags},
    config::environment::Environment,
    to_wire::ocsf,
};

/// The largest page that the API gives.
const PAGE: &str = "1000";

/// Which events, and how.
#[derive(Debug, Args)]
pub struct Export {
    /// Format of the lines
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,
    /// Only events from this time on (`2026-01-31T00:00:00Z`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only events before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    server: ServerFlags,
}

/// What a line is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// The event as the API gives it, with its place in the chain
    Json,
    /// An event of the Open Cybersecurity Schema Framework
    #[default]
    Ocsf,
}

/// Writes the lines.
pub(super) async fn export(command: Export, environment: &Environment) -> Result<()> {
    let client = command.server.target(environment)?.client;
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", PAGE.to_owned()), ("order", "oldest".to_owned())];
        query.extend(command.since.clone().map(|time| ("from", time)));
        query.extend(command.until.clone().map(|time| ("to", time)));
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page: List<AuditEvent> = client.get(&["audit-events"], &query).await?;
        for event in &page.items {
            match command.format {
                Format::Json => say(serde_json::json!(event)),
                Format::Ocsf => say(ocsf::event(event)),
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(());
        }
    }
}
