//! How is the tool asked? As `lakegate policy analyze` does.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

pub const TABLE: &str = "resource in Lakegate::Table::\"lake.sales.orders\"";

/// Whether it ended well, and its answer.
pub fn ask(question: &Value, solver: Option<&str>) -> (bool, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lakegate-analyze"));
    if let Some(solver) = solver {
        command.env("CVC5", solver);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(question.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    (output.status.success(), serde_json::from_slice(&output.stdout).unwrap())
}

/// Findings as text: `kind about detail`, and below each the lines of its counterexample.
#[track_caller]
pub fn told(question: Value) -> String {
    let (ended, answer) = ask(&question, None);
    assert!(ended, "{answer}");
    let mut lines = Vec::new();
    for one in answer["findings"].as_array().unwrap() {
        let text = |key: &str| one[key].as_str().unwrap_or("-").to_owned();
        lines.push(format!("{} {} {}", text("kind"), text("about"), text("detail")));
        let example = one
            .pointer("/counterexample/lines")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        lines.extend(example.map(|line| format!("  {}", line.as_str().unwrap())));
    }
    lines.join("\n")
}

/// Policies alone.
pub fn policies(new: &str, old: &str) -> Value {
    json!({"new": {"policies": new}, "old": {"policies": old}})
}

pub fn select(id: &str, effect: &str, resource: &str, rest: &str) -> String {
    format!("@id(\"{id}\") {effect}(principal, action == Lakegate::Action::\"Select\", {resource}){rest};\n")
}
