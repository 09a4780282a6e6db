//! What holds for every request at once? Questions about a lake's policies as JSON on the standard input, findings as JSON on
//! the standard output. cvc5 answers them; `$CVC5` says where it is, else it is looked for on the `PATH`.
//!
//! `lakegate policy analyze` is the face of this program. Modules stand in the order in which a newcomer should read them.

mod input;
mod lake;

mod facts;
mod solver;
mod standing;

mod compare;
mod inspect;
mod open;
mod rows;

mod example;
mod finding;
mod simpler;
mod words;

use std::process::ExitCode;

use serde_json::json;

use crate::{finding::Finding, input::Input, solver::Analyst};

fn main() -> ExitCode {
    match answer() {
        Ok(findings) => {
            println!("{}", json!({ "findings": findings }));
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{}", json!({ "error": error }));
            ExitCode::FAILURE
        }
    }
}

fn answer() -> Result<Vec<Finding>, String> {
    let text = std::io::read_to_string(std::io::stdin()).map_err(|error| error.to_string())?;
    let input: Input = serde_json::from_str(&text).map_err(|error| format!("the question cannot be read: {error}"))?;
    let question = input.parse()?;
    let mut analyst = Analyst::start(question.timeout)?;
    if let Some(open) = &question.open {
        return open::open(&mut analyst, &question.new, open);
    }
    let mut found = match &question.old {
        None => inspect::inspect(&mut analyst, &question.new)?,
        Some(old) => compare::compare(&mut analyst, &question.new, old)?,
    };
    found.extend(rows::rows(&mut analyst, &question.new, question.old.as_ref())?);
    found.extend(
        question
            .old
            .iter()
            .flat_map(|old| standing::changed(&question.new, old)),
    );
    Ok(found)
}
