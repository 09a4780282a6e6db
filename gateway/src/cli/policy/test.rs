//! Are decisions those that a file expects? By a server, or by lake files alone.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{cases, offline::Offline, texts::CedarTexts};
use crate::{
    cli::{
        exit::Exit,
        failure::{Failure, Result, report},
        grid::printable,
        items::ItemFormat,
        output::say,
        profile::ServerFlags,
    },
    client::Client,
    config::environment::Environment,
};

/// Compare decisions with those that files of cases expect; exit 1 if one differs.
#[derive(Debug, Args)]
pub struct Test {
    /// Files of cases (YAML), or directories with them
    #[arg(value_name = "CASES", required = true)]
    cases: Vec<PathBuf>,
    /// Decide by these lake files alone, without a server
    #[arg(long, value_name = "PATH", num_args = 1..)]
    lake: Vec<PathBuf>,
    /// Policies to try, as if they were stored: Cedar files, or directories with them
    #[arg(short = 'f', long = "file", value_name = "PATH", num_args = 1..)]
    draft: Vec<PathBuf>,
    /// Only cases that differ
    #[arg(short, long)]
    quiet: bool,
    /// Format of the outcome
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    format: ItemFormat,
    #[command(flatten)]
    server: ServerFlags,
}

/// Who decides.
enum Judge {
    Server(Box<Client>),
    Files(Box<Offline>),
}

/// Compares.
pub(super) async fn run(command: Test, environment: Environment) -> Exit {
    let json = command.format.is_json();
    report(test(command, &environment).await, json)
}

async fn test(command: Test, environment: &Environment) -> Result<Exit> {
    let cases = cases::read(&command.cases)?;
    let draft = match command.draft.as_slice() {
        [] => None,
        paths => Some(CedarTexts::read(paths)?.joined()),
    };
    let judge = match command.lake.as_slice() {
        [] => Judge::Server(Box::new(command.server.target(environment)?.client)),
        paths => Judge::Files(Box::new(Offline::open(paths).await?)),
    };
    let (mut outcomes, mut failed) = (Vec::new(), 0_usize);
    for case in &cases {
        let question = case.question(draft.clone());
        let done = match &judge {
            Judge::Server(client) => client
                .post(&["policies", "simulate"], &question)
                .await
                .map_err(Failure::from),
            Judge::Files(offline) => offline.simulate(question).await,
        };
        let differences = match done {
            Ok(done) => case.differences(&done),
            Err(failure) if failure.exit == Exit::Refused || failure.exit == Exit::NotFound => vec![failure.text()],
            Err(failure) => return Err(failure),
        };
        failed += usize::from(!differences.is_empty());
        if command.format.is_json() {
            outcomes.push(json!({"case": case.title(), "place": case.place, "differences": differences}));
        } else {
            told(case, &differences, command.quiet);
        }
    }
    if command.format.is_json() {
        say(json!({"cases": outcomes, "failed": failed}));
    } else {
        say(format!("{} cases, {failed} differ", cases.len()));
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Refused })
}

fn told(case: &cases::Case, differences: &[String], quiet: bool) {
    if differences.is_empty() {
        if !quiet {
            say(printable(&format!("ok    {}", case.title())));
        }
        return;
    }
    say(printable(&format!("DIFF  {} ({})", case.title(), case.place)));
    differences
        .iter()
        .flat_map(|text| text.lines())
        .for_each(|line| say(printable(&format!("      {line}"))));
}
