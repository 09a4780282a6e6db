//! What could somebody else do?

use std::path::PathBuf;

use clap::Args;
use lakegate_openapi::policy_simulation::{PolicySimulation, SimulatePolicies, SimulatedContext};

use super::{story, texts::CedarTexts};
use crate::{
    cli::{
        exit::Exit,
        failure::{Result, report},
        items::ItemFormat,
        output::say,
        profile::ActorFlags,
    },
    config::environment::Environment,
};

/// Say what somebody else could do. Needs `SimulateAs`; nothing runs.
#[derive(Debug, Args)]
pub struct Simulate {
    /// `CATALOG.DATABASE.TABLE[.COLUMN]`, or `KIND:NAME` as in grants
    #[arg(value_name = "RESOURCE", required_unless_present = "sql", conflicts_with = "sql")]
    resource: Option<String>,
    /// Who
    #[arg(long = "as", value_name = "USER")]
    principal: String,
    /// On behalf of this user
    #[arg(long, value_name = "USER")]
    on_behalf_of: Option<String>,
    /// A query, instead of a resource: it is planned and not run
    #[arg(short = 'e', long = "sql", value_name = "SQL")]
    sql: Option<String>,
    /// What they would do with the resource [default: Select]
    #[arg(long, value_name = "ACTION", conflicts_with = "sql")]
    action: Option<String>,
    /// Catalog of unqualified names
    #[arg(long, value_name = "NAME")]
    catalog: Option<String>,
    /// Database of unqualified names
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Policies to try, as if they were stored: Cedar files, or directories with them
    #[arg(short = 'f', long = "file", value_name = "PATH", num_args = 1..)]
    draft: Vec<PathBuf>,
    /// Leave out these stored policies
    #[arg(long, value_name = "ID")]
    without: Vec<String>,
    #[command(flatten)]
    context: ContextFlags,
    /// Format of the answer
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    actor: ActorFlags,
}

/// The circumstances of the request.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Circumstances")]
pub struct ContextFlags {
    /// A role that the token would bring
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// With a second factor
    #[arg(long)]
    mfa: bool,
    /// Milliseconds since the log-in [default: unknown, the longest]
    #[arg(long, value_name = "MS")]
    auth_age_ms: Option<i64>,
    /// From this address [default: yours]
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,
    /// For one of their purposes
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,
    /// In this workgroup [default: primary]
    #[arg(long, value_name = "NAME")]
    workgroup: Option<String>,
    /// Through this front door: rest, athena, flight, pgwire, iceberg, console [default: rest]
    #[arg(long, value_name = "DOOR")]
    client: Option<String>,
    /// At this time (`2026-01-31T00:00:00Z`) [default: now]
    #[arg(long, value_name = "TIME")]
    now: Option<String>,
}

/// Asks.
pub(super) async fn run(command: Simulate, environment: Environment) -> Exit {
    let json = command.format.is_json();
    report(simulate(command, &environment).await.map(|()| Exit::Done), json)
}

async fn simulate(command: Simulate, environment: &Environment) -> Result<()> {
    let client = command.actor.server().target(environment)?.client;
    let policies = match command.draft.as_slice() {
        [] => None,
        paths => Some(CedarTexts::read(paths)?.joined()),
    };
    let at = command.context;
    let question = SimulatePolicies {
        principal: command.principal,
        on_behalf_of: command.on_behalf_of,
        roles: at.roles,
        context: SimulatedContext {
            now: at.now,
            ip: at.ip,
            mfa: Some(at.mfa),
            auth_age_ms: at.auth_age_ms,
            purpose: at.purpose,
            workgroup: at.workgroup,
            client: at.client,
        },
        action: command.action,
        resource: command.resource,
        sql: command.sql,
        catalog: command.catalog,
        database: command.database,
        policies,
        without: command.without,
    };
    let done: PolicySimulation = client.post(&["policies", "simulate"], &question).await?;
    if command.format.is_json() {
        say(serde_json::to_string(&done).unwrap_or_default());
    } else {
        story::simulation(&done).iter().for_each(say);
    }
    Ok(())
}
