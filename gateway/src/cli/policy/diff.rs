//! Who gains or loses what between two epochs, and which past queries would be decided otherwise?

use clap::Args;
use lakegate_openapi::epoch::{EpochsCompared, PastQueries, PastQuery};

use crate::{
    cli::{
        effects::effect_lines,
        exit::Exit,
        failure::{Result, report},
        grid::printable,
        items::ItemFormat,
        output::say,
        profile::ServerFlags,
        screen::Screen,
    },
    config::environment::Environment,
};

/// Show who gains or loses what between two epochs; exit 11 if anybody does.
#[derive(Debug, Args)]
pub struct Diff {
    /// `[FROM] TO`; with one, what would change now if it held again
    #[arg(value_name = "EPOCH", num_args = 1..=2, required = true)]
    epochs: Vec<i64>,
    /// Also decide the queries of the last N days again, without running them
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// Format of the answer
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// Compares.
pub(super) async fn run(command: Diff, environment: Environment) -> Exit {
    let json = command.format.is_json();
    report(diff(command, &environment).await, json)
}

async fn diff(command: Diff, environment: &Environment) -> Result<Exit> {
    let client = command.server.target(environment)?.client;
    let (from, to) = match command.epochs.as_slice() {
        [from, to] => (Some(*from), *to),
        other => (None, other.first().copied().unwrap_or_default()),
    };
    let mut query = vec![("to", to.to_string())];
    query.extend(from.map(|from| ("from", from.to_string())));
    query.extend(command.days.map(|days| ("days", days.to_string())));
    let compared: EpochsCompared = client.get(&["epochs", "effects"], &query).await?;
    let changed = compared
        .queries
        .as_ref()
        .is_some_and(|queries| !queries.changed.is_empty());
    let differs = changed || compared.effects.gains + compared.effects.losses > 0;
    if command.format.is_json() {
        say(serde_json::to_string(&compared).unwrap_or_default());
    } else {
        let lines = effect_lines(&compared.effects);
        lines.iter().for_each(|line| say(printable(line)));
        let queries = compared.queries.iter().flat_map(past_lines);
        queries.for_each(|line| say(printable(&line)));
        let (from, to) = (compared.from, compared.to);
        let verdict = if differs {
            "differs"
        } else {
            "nobody gains or loses anything"
        };
        Screen::of(environment, false).remark(format!("epoch {from} → {to}: {verdict}"));
    }
    Ok(if differs { Exit::Differs } else { Exit::Done })
}

fn past_lines(queries: &PastQueries) -> Vec<String> {
    let more = if queries.complete { "" } else { ", the newest only" };
    let decided = format!("past queries: {} attempts decided again{more}", queries.decided);
    let line = |past: &PastQuery| {
        let PastQuery {
            principal,
            resource,
            attempts,
            change,
            ..
        } = past;
        let differences = past.differences.join("; ");
        format!(
            "  user:{principal} · {resource} · {attempts} × {change}: {differences} · last query {}",
            past.query_id
        )
    };
    std::iter::once(decided)
        .chain(queries.changed.iter().map(line))
        .collect()
}
