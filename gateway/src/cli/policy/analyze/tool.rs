//! Where is the tool, and how is it asked? JSON in, JSON out.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    cli::failure::{Failure, Result},
    config::environment::Environment,
};

/// The tool's name, beside this program or on the `PATH`.
const TOOL: &str = "lakegate-analyze";

/// Where it is said to be, beside this program, or on the `PATH`.
pub fn path(environment: &Environment) -> PathBuf {
    let beside = || {
        let folder = std::env::current_exe().ok()?.parent()?.to_path_buf();
        Some(folder.join(TOOL)).filter(|tool| tool.is_file())
    };
    let named = environment.get("LAKEGATE_ANALYZE").map(PathBuf::from);
    named.or_else(beside).unwrap_or_else(|| PathBuf::from(TOOL))
}

/// Its answer.
///
/// # Errors
/// If it is not there, or has none.
pub fn ask(tool: &Path, question: &Value) -> Result<Value> {
    let absent = |error: std::io::Error| {
        Failure::local(format!(
            "{} cannot be run ({error}): build it with `make analyze`, or say where it is with `LAKEGATE_ANALYZE`; \
             `lakegate policy validate` works without it",
            tool.display()
        ))
    };
    let mut command = Command::new(tool);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(absent)?;
    if let Some(mut input) = child.stdin.take() {
        // A tool that ends before it has read says why.
        let _ = input.write_all(question.to_string().as_bytes());
    }
    let output = child.wait_with_output().map_err(absent)?;
    let answer: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| Failure::local(format!("{} gave no answer ({})", tool.display(), output.status)))?;
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => Err(Failure::local(error)),
        None => Ok(answer),
    }
}
