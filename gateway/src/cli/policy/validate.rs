//! Are Cedar files right? By themselves, or against the names and tables of a server.

use std::path::PathBuf;

use clap::Args;
use lakegate_openapi::policy::{PolicyProblem, PolicyValidation, ValidatePolicies};
use lakegate_policy::NameResolver;

use super::texts::CedarTexts;
use crate::{
    cli::{
        exit::Exit,
        failure::{Failure, Result, report},
        grid::printable,
        items::ItemFormat,
        output::{say, tell},
        profile::ServerFlags,
    },
    config::environment::Environment,
    from_wire::policy::check_text,
    to_wire,
};

/// Check Cedar files: by themselves, or with `--server` against what is there.
#[derive(Debug, Args)]
pub struct Validate {
    /// Cedar files, or directories with them; `-` is the standard input
    #[arg(short = 'f', long = "file", value_name = "PATH", num_args = 1..)]
    paths: Vec<PathBuf>,
    /// Ask the server: names, the whole set, and with `--stored` what it has stored
    #[arg(long)]
    server: bool,
    /// Also check the stored filters and masks against the tables as they are now, and the stored policies
    #[arg(long, requires = "server")]
    stored: bool,
    /// End with 1 if there are warnings
    #[arg(long)]
    deny_warnings: bool,
    /// Format of the findings
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    flags: ServerFlags,
}

/// Takes every name for a name of something.
struct AnyName;

impl NameResolver for AnyName {
    fn resolve(&self, _: &str, name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    fn name_of(&self, _: &str, id: &str) -> Option<String> {
        Some(id.to_owned())
    }
}

/// Checks.
pub(super) async fn run(command: Validate, environment: Environment) -> Exit {
    let json = command.format.is_json();
    report(validate(command, &environment).await, json)
}

async fn validate(command: Validate, environment: &Environment) -> Result<Exit> {
    let texts = match command.paths.as_slice() {
        [] if command.stored => CedarTexts::default(),
        [] => return Err(Failure::usage("say which files: `-f PATH`")),
        paths => CedarTexts::read(paths)?,
    };
    let text = texts.joined();
    let found: PolicyValidation = if command.server {
        let client = command.flags.target(environment)?.client;
        let stored = command.stored;
        client
            .post(&["policies", "validate"], &ValidatePolicies { text, stored })
            .await?
    } else {
        to_wire::policy::validation(check_text(&text, &[], &AnyName, None))
    };
    if command.format.is_json() {
        say(serde_json::to_string(&found).unwrap_or_default());
    } else {
        found.problems.iter().for_each(|one| tell(line(&texts, "error", one)));
        found.warnings.iter().for_each(|one| tell(line(&texts, "warning", one)));
        say(summary(&found));
    }
    let fails = !found.valid || (command.deny_warnings && !found.warnings.is_empty());
    Ok(if fails { Exit::Refused } else { Exit::Done })
}

fn summary(found: &PolicyValidation) -> String {
    match (found.problems.len(), found.warnings.len()) {
        (0, 0) => "valid".to_owned(),
        (0, warnings) => format!("valid, with {warnings} warnings"),
        (problems, warnings) => format!("{problems} errors, {warnings} warnings"),
    }
}

/// `FILE:LINE:COLUMN: error: policy `id`: what (remedy)`
fn line(texts: &CedarTexts, word: &str, problem: &PolicyProblem) -> String {
    let place = problem.line.and_then(|line| texts.place(line)).map(|(file, line)| {
        let column = problem.column.map(|column| format!(":{column}")).unwrap_or_default();
        format!("{file}:{line}{column}: ")
    });
    let policy = problem
        .policy
        .as_ref()
        .map(|id| format!("policy `{id}`: "))
        .unwrap_or_default();
    let place = place.unwrap_or_default();
    printable(&format!(
        "{place}{word}: {policy}{} ({})",
        problem.message, problem.remedy
    ))
}
