//! Which crate may use which: the table of ARCHITECTURE.md. A new edge is an architecture decision and needs an ADR.

use super::Complaint;

const ANYTHING: &[&str] = &["catalog", "connectors", "gateway", "jobs", "openapi", "policy", "query"];

/// Folder and the folders that its crate may use.
const ALLOWED: &[(&str, &[&str])] = &[
    // sorted: start
    ("analyze", &["policy"]),
    ("bench", ANYTHING),
    ("catalog", &[]),
    ("connectors", &[]),
    (
        "gateway",
        &["catalog", "connectors", "jobs", "openapi", "policy", "query"],
    ),
    ("jobs", &["catalog", "connectors", "policy", "query"]),
    ("openapi", &[]),
    ("policy", &[]),
    ("query", &["catalog", "connectors", "policy"]),
    ("tests", ANYTHING),
    // sorted: end
];

pub fn check(path: &str, manifest: &str) -> Vec<Complaint> {
    let table: toml::Table = match manifest.parse() {
        Ok(table) => table,
        Err(error) => return vec![format!("{path}: {error}")],
    };
    let Some(folder) = path.strip_suffix("/Cargo.toml") else {
        return check_members(path, &table);
    };
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == folder) else {
        return vec![format!("{path}: a new crate: write an ADR and add it to {}", file!())];
    };
    uses(&table)
        .filter(|used| !allowed.contains(&used.as_str()))
        .map(|used| format!("{path}: `{folder}` may not use `{used}`, only {allowed:?}; a new edge needs an ADR"))
        .collect()
}

/// Every member has its row, so that a crate in a new place is not overlooked.
fn check_members(path: &str, workspace: &toml::Table) -> Vec<Complaint> {
    let members = workspace
        .get("workspace")
        .and_then(|w| w.get("members"))
        .and_then(toml::Value::as_array);
    let names = members.into_iter().flatten().filter_map(toml::Value::as_str);
    names
        .filter(|name| !ALLOWED.iter().any(|(known, _)| known == name))
        .map(|name| format!("{path}: member `{name}` is not in the table of crate arrows"))
        .collect()
}

/// The folders of our own crates that this manifest names, in any kind of dependency.
fn uses(manifest: &toml::Table) -> impl Iterator<Item = String> {
    dependency_tables(manifest)
        .into_iter()
        .flat_map(|(_, dependencies)| dependencies.keys())
        .filter_map(|name| match name.as_str() {
            "lakegate" => Some("gateway".to_owned()),
            other => other.strip_prefix("lakegate-").map(ToOwned::to_owned),
        })
}

/// The tables of dependencies of a manifest with their headings, also those for one platform.
pub fn dependency_tables(manifest: &toml::Table) -> Vec<(String, &toml::Table)> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let mut found = Vec::new();
    for kind in kinds {
        let plain = manifest.get(kind).and_then(toml::Value::as_table);
        found.extend(plain.map(|table| (kind.to_owned(), table)));
        let platforms = manifest.get("target").and_then(toml::Value::as_table);
        for (platform, tables) in platforms.into_iter().flatten() {
            let table = tables.get(kind).and_then(toml::Value::as_table);
            found.extend(table.map(|table| (format!("target.{platform}.{kind}"), table)));
        }
    }
    found
}

#[test]
fn finds_forbidden_edges() {
    let edge = |section: &str| format!("[{section}]\nlakegate-query.workspace = true\n");
    for section in [
        "dependencies",
        "dev-dependencies",
        "build-dependencies",
        "target.'cfg(unix)'.dependencies",
    ] {
        assert_eq!(check("catalog/Cargo.toml", &edge(section)).len(), 1, "{section}");
        assert!(check("gateway/Cargo.toml", &edge(section)).is_empty(), "{section}");
    }
    assert_eq!(
        check("query/Cargo.toml", "[dependencies]\nlakegate.workspace = true\n").len(),
        1
    );
}

#[test]
fn finds_unknown_crates() {
    assert_eq!(check("common/Cargo.toml", "").len(), 1);
    assert_eq!(
        check("Cargo.toml", "[workspace]\nmembers = [\"policy\", \"util\"]\n").len(),
        1
    );
}

#[test]
fn tells_a_broken_manifest() {
    assert_eq!(check("policy/Cargo.toml", "[dependencies\n").len(), 1);
}
