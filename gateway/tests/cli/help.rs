//! What does each command say of itself? A golden file; `UPDATE_GOLDEN=1` rewrites it.

use std::{fs, path::Path};

use clap::CommandFactory;

use super::fixture::lakegate;

/// Every command with its path.
fn commands(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
    found.push(path.to_vec());
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        let path = [path, &[below.get_name().to_owned()]].concat();
        commands(below, &path, found);
    }
}

#[test]
fn the_help_of_every_command_is_as_agreed() {
    let mut paths = Vec::new();
    commands(&lakegate::cli::Cli::command(), &[], &mut paths);
    let mut text = String::new();
    for path in paths {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let ran = lakegate(&arguments).exits(0);
        assert!(ran.stderr.is_empty(), "{}", ran.stderr);
        let lines: Vec<&str> = ran.text().lines().map(str::trim_end).collect();
        text.push_str(&format!(
            "$ lakegate {}\n{}\n\n",
            arguments.join(" "),
            lines.join("\n").trim_end()
        ));
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &text).unwrap();
    }
    let stored = fs::read_to_string(&golden).unwrap_or_default();
    let other = stored.lines().zip(text.lines()).find(|(stored, now)| stored != now);
    let remedy = "run `UPDATE_GOLDEN=1 cargo test -p lakegate --test cli` and look at the difference";
    assert!(stored == text, "{other:?}: {remedy}");
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = lakegate(&["completions", shell]).exits(0);
        assert!(ran.text().contains("whoami"), "{shell}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(
        lakegate(&["--version"]).exits(0).text().trim(),
        concat!("lakegate ", env!("CARGO_PKG_VERSION"))
    );
}
