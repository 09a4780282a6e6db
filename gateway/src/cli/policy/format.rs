//! How are Cedar files laid out? As Cedar's own formatter does it; comments and annotations stay.

use std::{fs, path::PathBuf};

use cedar_policy_formatter::{Config, policies_str_to_pretty};
use clap::Args;
use lakegate_policy::check_size;

use super::texts::CedarTexts;
use crate::cli::{
    exit::Exit,
    failure::{Failure, Result, report},
    output::{say, tell},
};

/// Lay out Cedar files. The standard input (`-`) is written to the standard output.
#[derive(Debug, Args)]
pub struct Format {
    /// Cedar files, or directories with them
    #[arg(short = 'f', long = "file", value_name = "PATH", num_args = 1.., required = true)]
    paths: Vec<PathBuf>,
    /// Change nothing; exit 11 if a file would change
    #[arg(long)]
    check: bool,
    /// Longest line
    #[arg(long, value_name = "CHARACTERS", default_value_t = 120)]
    width: usize,
}

/// Lays out.
pub(super) fn run(command: &Format) -> Exit {
    report(format(command), false)
}

fn format(command: &Format) -> Result<Exit> {
    let config = Config {
        line_width: command.width,
        indent_width: 2,
    };
    let texts = CedarTexts::read(&command.paths)?;
    let (mut differ, mut wrong) = (false, false);
    for (name, text) in &texts.files {
        if let Err(problem) = check_size(text) {
            tell(format!("{name}: {problem}; {}", problem.remedy));
            wrong = true;
            continue;
        }
        let Ok(pretty) = policies_str_to_pretty(text, &config) else {
            tell(format!("{name}: this is no Cedar: `lakegate policy validate` says why"));
            wrong = true;
            continue;
        };
        let pretty = format!("{}\n", pretty.trim_end());
        let same = pretty == *text;
        differ |= !same;
        match (name.as_str(), same || command.check) {
            ("-", _) if !command.check => say(pretty.trim_end()),
            (_, true) if same => {}
            (name, true) => say(name),
            (name, false) => {
                let failed = |error| Failure::local(format!("{name} cannot be written: {error}"));
                fs::write(name, &pretty).map_err(failed)?;
                say(format!("formatted {name}"));
            }
        }
    }
    Ok(match (wrong, differ && command.check) {
        (true, _) => Exit::Refused,
        (false, true) => Exit::Differs,
        (false, false) => Exit::Done,
    })
}
