//! What happens without a server, and with a wrong command line?

use std::net::TcpListener;

use serde_json::Value;

use super::fixture::{binary, lakegate};

/// An address at which nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let wrong: [&[&str]; 9] = [
        &[],
        &["sqll"],
        &["sql", "-e"],
        &["sql", "-e", "select 1", "-f", "x.sql"],
        &["sql", "-e", "select 1", "-o", "xml"],
        &["sql", "-e", "  "],
        &["sql", "-f", "/nowhere/x.sql"],
        &["apply"],
        &["whoami", "--profile", "nobody"],
    ];
    for arguments in wrong {
        let ran = lakegate(arguments).exits(2);
        assert!(
            ran.stdout.is_empty() && !ran.stderr.is_empty(),
            "{arguments:?}: {ran:?}"
        );
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_10() {
    let url = nowhere();
    for arguments in [
        ["sql", "-e", "select 1"].as_slice(),
        &["whoami"],
        &["query", "list"],
        &["export"],
    ] {
        let ran = lakegate(&[arguments, &["--url", &url]].concat()).exits(10);
        assert!(ran.stderr.starts_with("SERVER_UNREACHABLE: "), "{ran:?}");
        assert!(ran.stderr.contains(&url), "{ran:?}");
    }
    let ran = lakegate(&["whoami", "-o", "json", "--url", &url]).exits(10);
    let envelope: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(
        (&envelope["code"], &envelope["retryable"]),
        (&Value::from("SERVER_UNREACHABLE"), &Value::from(true))
    );
}

#[test]
fn a_profiles_file_is_checked_without_showing_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("profiles.toml");
    std::fs::write(
        &file,
        "[profile.ana]\nurl = \"http://127.0.0.1:1\"\ntokn = \"very-secret\"\n",
    )
    .unwrap();
    let output = binary(&[("LAKEGATE_CONFIG", file.to_str().unwrap())])
        .args(["whoami", "--as", "ana"])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr.contains("profiles.toml:3: unknown field `tokn`") && !stderr.contains("very-secret"),
        "{stderr}"
    );
}

#[test]
fn a_lake_without_files_is_refused_before_anything_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    lakegate(&["diff", "-f", path, "--url", &nowhere()]).exits(2);
    lakegate(&["diff", "-f", "/nowhere/lake.yaml", "--url", &nowhere()]).exits(1);
    std::fs::write(directory.path().join("lake.yaml"), "lake: acme\n").unwrap();
    // What deletes is not done without a word.
    lakegate(&["apply", "-f", path, "--prune", "--url", &nowhere()]).exits(2);
    lakegate(&["apply", "-f", path, "--url", &nowhere()]).exits(10);
}

#[test]
fn the_demo_needs_its_folder() {
    let directory = tempfile::tempdir().unwrap();
    lakegate(&["demo", "--check", "--demo-dir", directory.path().to_str().unwrap()]).exits(2);
}
