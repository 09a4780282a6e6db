//! What holds for every request at once? Asked of a solver, by a tool of its own beside this program.

mod lakes;
mod tool;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::{
        exit::Exit,
        failure::{Failure, Result, report},
        grid::printable,
        items::ItemFormat,
        output::say,
        profile::ServerFlags,
    },
    config::environment::Environment,
};

/// Prove what policies allow, for every request at once; exit 1 if there is a finding. Needs `lakegate-analyze` (`make analyze`) and cvc5.
#[derive(Debug, Args)]
pub struct Analyze {
    /// Cedar and lake files, or directories with them
    #[arg(short = 'f', long = "file", value_name = "PATH", num_args = 1.., required_unless_present = "server")]
    paths: Vec<PathBuf>,
    /// Do they allow anybody more than these?
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with = "server")]
    against: Vec<PathBuf>,
    /// Do they, in the place of what the server has stored, allow anybody more? Needs `ManagePolicy`
    #[arg(long)]
    server: bool,
    /// Who reaches this object (`table:lake.sales.orders`)?
    #[arg(long, value_name = "KIND:NAME", conflicts_with = "against")]
    open: Option<String>,
    /// Not counting the members of these roles
    #[arg(long, value_name = "ROLE", num_args = 1.., requires = "open")]
    except: Vec<String>,
    /// Longest time for one question about one kind of request
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout_seconds: u64,
    /// Format of the findings
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    flags: ServerFlags,
}

/// Analyses.
pub(super) async fn run(command: Analyze, environment: Environment) -> Exit {
    let json = command.format.is_json();
    report(analyze(command, &environment).await, json)
}

async fn analyze(command: Analyze, environment: &Environment) -> Result<Exit> {
    let new = lakes::of_files(&command.paths)?;
    let old = match command.against.as_slice() {
        _ if command.server => Some(lakes::of_server(&command.flags.target(environment)?.client, &new).await?),
        [] => None,
        paths => Some(lakes::of_files(paths)?),
    };
    let open = command.open.as_ref();
    let question = json!({
        "new": new,
        "old": old,
        "draft": command.server,
        "open": open.map(|resource| json!({"resource": resource, "except": command.except})),
        "timeout_ms": command.timeout_seconds.saturating_mul(1_000),
    });
    let tool = tool::path(environment);
    let answer = tokio::task::spawn_blocking(move || tool::ask(&tool, &question)).await;
    let answer = answer.map_err(|error| Failure::local(error.to_string()))??;
    let findings = answer.get("findings").and_then(Value::as_array);
    let findings = findings
        .ok_or_else(|| Failure::local("the analysis gave no findings: build its tool anew with `make analyze`"))?;
    if command.format.is_json() {
        say(&answer);
    } else {
        findings.iter().flat_map(lines).for_each(say);
        say(match (findings.len(), open, old.is_some()) {
            (0, Some(resource), _) => printable(&format!("proved: {resource} is open to nobody else")),
            (0, None, true) => "proved: nobody can do more than before".to_owned(),
            (0, None, false) => "proved: no policy fails, is dead, overruled or shadowed".to_owned(),
            (1, _, _) => "1 finding".to_owned(),
            (count, _, _) => format!("{count} findings"),
        });
    }
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Refused })
}

fn lines(finding: &Value) -> Vec<String> {
    let text = |key: &str| finding.get(key).and_then(Value::as_str).unwrap_or_default();
    let (about, detail) = (text("about"), text("detail"));
    let first = match text("kind") {
        "wider" => format!("{about}: a request is allowed that was not"),
        "unforbidden" => format!("{about}: a request is not forbidden any more, and whoever is granted it gains"),
        "wider-rows" => format!("{about} shows a row that it did not show"),
        "opaque" => format!("{about} is not analysed and may show more: {detail}"),
        "open" => format!("{about}: somebody else is allowed to"),
        "fails" => format!("{about} cannot always be evaluated, and then denies"),
        "dead" => format!("{about} matches no request"),
        "overruled" => format!("{about} permits nothing that is not forbidden"),
        "shadowed" => format!("{about} says nothing that {detail} does not say"),
        _ => format!("{about}: not proved: {detail}"),
    };
    let told = finding.pointer("/counterexample/lines").and_then(Value::as_array);
    let told = told
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|line| format!("  {line}"));
    std::iter::once(first)
        .chain(told)
        .map(|line| printable(&line))
        .collect()
}
