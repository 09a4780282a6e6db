//! Do queries end with the code and the words that their failure deserves?

use std::{
    io::Read,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::fixture::Lake;

#[test]
fn failures_have_code_place_hint_and_exit() {
    let lake = Lake::start();
    let syntax = lake.sql("select id\nfrm lake.sales.orders where", &[]).exits(1);
    assert!(
        syntax.stderr.starts_with("SYNTAX_ERROR: ") && syntax.stderr.contains("hint: "),
        "{}",
        syntax.stderr
    );
    assert!(
        syntax.stderr.contains("2 | frm lake.sales.orders where\n"),
        "{}",
        syntax.stderr
    );
    let column = lake.sql("select note from lake.sales.orders", &[]).exits(1);
    assert!(
        column.stderr.starts_with("COLUMN_NOT_FOUND: ") && column.stderr.contains("query "),
        "{}",
        column.stderr
    );
    lake.sql("select 1 / 0", &[]).exits(1);
    let hidden = lake.sql("select * from lake.sales.secrets", &[]).exits(5);
    let missing = lake.sql("select * from lake.sales.secretz", &[]).exits(5);
    let neutral = |text: &str| {
        text.lines()
            .take(2)
            .collect::<Vec<_>>()
            .join("\n")
            .replace("secretz", "secrets")
    };
    assert_eq!(neutral(&hidden.stderr), neutral(&missing.stderr));
    lake.sql("select 1", &["--workgroup", "nobodys"]).exits(5);
    let json = lake.sql("select * from lake.sales.secrets", &["-o", "json"]).exits(5);
    let envelope: Value = serde_json::from_str(&json.stderr).unwrap();
    assert_eq!(envelope["code"], "TABLE_NOT_FOUND");
    assert!(json.stdout.is_empty() && envelope["query_id"].is_string(), "{envelope}");
}

#[test]
fn a_credential_is_needed() {
    let lake = Lake::start();
    lake.run(&["whoami", "--url", &lake.url]).exits(3);
    let mut command: Command = lake.command(&["sql", "-e", "select 1"]);
    command
        .env("LAKEGATE_URL", &lake.url)
        .env("LAKEGATE_TOKEN", "wrong-key-0123456789-0123456789-0123456");
    assert_eq!(command.output().unwrap().status.code(), Some(3));
    assert!(lake.run(&["whoami", "--as", "ana"]).exits(0).text().contains("ana"));
    assert_eq!(
        lake.run(&["whoami", "--as", "bob", "-o", "json"]).exits(0).json()["name"],
        "bob"
    );
}

#[test]
fn queries_are_submitted_found_listed_and_cancelled() {
    let lake = Lake::start();
    let submitted = lake
        .run(&[
            "query",
            "submit",
            "--as",
            "ana",
            "-e",
            "select count(*) from lake.sales.orders",
        ])
        .exits(0);
    let id = submitted.text().trim().to_owned();
    let found = lake
        .run(&["query", "find", &id, "--wait", "--as", "ana", "-o", "json"])
        .exits(0)
        .json();
    assert_eq!(
        (&found["state"], &found["id"]),
        (&Value::from("SUCCEEDED"), &Value::from(id.clone()))
    );
    let cancelled = lake
        .run(&["query", "cancel", &id, "--as", "ana", "-o", "json"])
        .exits(0)
        .json();
    assert_eq!(cancelled["state"], "SUCCEEDED");
    let list = lake
        .run(&["query", "list", "--as", "ana", "--state", "succeeded", "-o", "json"])
        .exits(0)
        .json();
    assert_eq!(list["items"][0]["id"], Value::from(id.clone()));
    assert!(
        lake.run(&["query", "list", "--as", "ana"])
            .exits(0)
            .text()
            .contains("select count(*)")
    );
    lake.run(&["query", "find", &id, "--as", "bob"]).exits(5);
    lake.run(&["query", "results", &id, "--as", "bob"]).exits(5);
    let audit = lake.run(&["audit", "list", "--as", "admin", "--query-id", &id, "-o", "json"]);
    if audit.code == 0 {
        assert_eq!(audit.json()["items"][0]["principal"], "ana");
    } else {
        audit.exits(4);
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let lake = Lake::start();
    let sql = "select value from generate_series(1, 1000000)";
    let mut command = lake.command(&["sql", "--as", "ana", "-o", "csv", "-e", sql]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut start = [0_u8; 100];
    stdout.read_exact(&mut start).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}
