//! Each dependency has one version, in the manifest of the workspace, and stands in alphabetical order.

use super::Complaint;
use super::arrows::dependency_tables;
use super::sorted::check_order;

pub fn check(path: &str, manifest: &str) -> Vec<Complaint> {
    let table: toml::Table = match manifest.parse() {
        Ok(table) => table,
        Err(error) => return vec![format!("{path}: {error}")],
    };
    let mut complaints = check_keys(path, manifest);
    // The workspace, and tools that are none of its members: they have versions of their own.
    if table.contains_key("workspace") {
        return complaints;
    }
    for (heading, dependencies) in dependency_tables(&table) {
        for (name, dependency) in dependencies {
            if dependency.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                complaints.push(format!(
                    "{path}: [{heading}] `{name}`: its version belongs in the workspace's Cargo.toml"
                ));
            }
        }
    }
    complaints
}

/// The order of the lines below each heading that ends in `dependencies`.
fn check_keys(path: &str, manifest: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut keys: Option<Vec<(usize, String)>> = None;
    for (number, line) in (1..).zip(manifest.lines().chain(["[end]"])) {
        if line.starts_with('[') {
            complaints.extend(keys.take().into_iter().flat_map(|keys| check_order(path, &keys)));
            keys = line.ends_with("dependencies]").then(Vec::new);
        } else if line.trim().is_empty() {
            // A blank line begins a new group: our own crates first, then the others.
            complaints.extend(
                keys.as_mut()
                    .into_iter()
                    .flat_map(|keys| check_order(path, &std::mem::take(keys))),
            );
        } else if let (Some(keys), Some((key, _))) = (keys.as_mut(), line.split_once(['=', '.']))
            && !line.starts_with(['#', ' '])
        {
            keys.push((number, key.trim().to_owned()));
        }
    }
    complaints
}

pub fn check_toml(path: &str, text: &str) -> Vec<Complaint> {
    text.parse::<toml::Table>()
        .err()
        .map(|error| format!("{path}: {error}"))
        .into_iter()
        .collect()
}

#[test]
fn finds_own_versions() {
    assert_eq!(check("policy/Cargo.toml", "[dependencies]\nserde = \"1\"\n").len(), 1);
    assert_eq!(
        check("policy/Cargo.toml", "[dev-dependencies]\nserde = { version = \"1\" }\n").len(),
        1
    );
    assert!(check("policy/Cargo.toml", "[dependencies]\nserde.workspace = true\n").is_empty());
    assert!(check("Cargo.toml", "[workspace.dependencies]\nserde = \"1\"\n").is_empty());
}

#[test]
fn finds_unsorted_dependencies() {
    let unsorted =
        "[package]\nname = \"x\"\nedition = \"2024\"\n[dependencies]\nb.workspace = true\na.workspace = true\n";
    assert_eq!(check("policy/Cargo.toml", unsorted).len(), 1);
    assert_eq!(
        check("Cargo.toml", "[workspace.dependencies]\nb = \"1\"\na = \"1\"\n").len(),
        1
    );
    assert!(check("Cargo.toml", "[workspace.dependencies]\nb = \"1\"\n\na = \"1\"\n").is_empty());
}

#[test]
fn finds_broken_toml() {
    assert_eq!(check_toml("config.example.toml", "[http\nlisten = 1").len(), 1);
    assert!(check_toml("config.example.toml", "[http]\nlisten = 1").is_empty());
}
