//! Why is it decided so?

use clap::Args;
use lakegate_openapi::policy_explanation::{ExplainPolicies, PolicyExplanation};

use super::story;
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

/// Say why somebody may see a table, or may not.
#[derive(Debug, Args)]
pub struct Explain {
    /// `CATALOG.DATABASE.TABLE[.COLUMN]`, or `KIND:NAME` as in grants
    #[arg(value_name = "RESOURCE")]
    resource: String,
    /// Whose access [default: your own]; somebody else's needs `SimulateAs`
    #[arg(long = "as", value_name = "USER")]
    principal: Option<String>,
    /// As if they acted on behalf of this user
    #[arg(long, value_name = "USER")]
    on_behalf_of: Option<String>,
    /// What they would do, as policies (`SelectMasked`) or grants (`select-masked`) name it [default: Select]
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Format of the answer
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    actor: ActorFlags,
}

/// Asks.
pub(super) async fn run(command: Explain, environment: Environment) -> Exit {
    let json = command.format.is_json();
    report(explain(command, &environment).await.map(|()| Exit::Done), json)
}

async fn explain(command: Explain, environment: &Environment) -> Result<()> {
    let client = command.actor.server().target(environment)?.client;
    let question = ExplainPolicies {
        principal: command.principal,
        on_behalf_of: command.on_behalf_of,
        action: command.action,
        resource: command.resource,
    };
    let told: PolicyExplanation = client.post(&["policies", "explain"], &question).await?;
    if command.format.is_json() {
        say(serde_json::to_string(&told).unwrap_or_default());
    } else {
        story::explanation(&told).iter().for_each(say);
    }
    Ok(())
}
