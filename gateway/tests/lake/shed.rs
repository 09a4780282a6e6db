//! Can somebody who may change a table, but sees it in part, make its data come out from under its filters?

use lakegate::lake::{self, Applier, ApplyError, ApplyOptions, ApplyReport};

use super::fixture::{Fixture, input, problems};

/// eve sees `rows` in part, `cells` without a column, `open` whole and `shut` not at all; a forbid keeps her from `barred`.
const LAKE: &str = "lake: acme
connections: {files: {connector: files, options: {root: \"ROOT\"}}}
catalogs: {lake: {connection: files}}
databases: {lake.t: {location: \"t/\"}, lake.u: {location: \"u/\"}}
users: {eve: {}, bob: {}}
tags: {level: {values: [low, high]}}
tables:
  lake.t.rows:
    format: csv
    location: \"rows/\"
    columns: [{name: id, type: bigint}, {name: region, type: varchar}]
    filters: {eu: {where: \"region = 'EU'\"}}
  lake.t.parts:
    format: csv
    location: \"parts/\"
    columns: [{name: id, type: bigint}, {name: name, type: varchar}]
    partitioned_by: [{name: day, type: varchar}]
    partitions: [{values: {day: a}, location: \"file://ROOT/elsewhere/a/\"}]
  lake.t.tagged: {format: csv, location: \"tagged/\", columns: [{name: id, type: bigint, tags: {level: high}}]}
grants:
  - {to: \"user:eve\", privileges: [select-filtered], resource: \"filter:lake.t.rows/eu\"}
  - {to: \"user:eve\", privileges: [alter, describe, drop], resource: \"database:lake.t\"}
  - {to: \"user:eve\", privileges: [select], resource: \"table:lake.t.parts\"}
  - {to: \"user:eve\", privileges: [register-table], resource: \"connection:files\"}
";

/// What eve may try to drop: its own lake, so that a prune drops it.
const DROPPED: &str = "lake: dropped
tables:
  lake.t.cells: {format: csv, location: \"cells/\", columns: [{name: id, type: bigint}, {name: name, type: varchar}]}
  lake.t.barred: {format: csv, location: \"barred/\", columns: [{name: id, type: bigint}]}
  lake.t.open: {format: csv, location: \"open/\", columns: [{name: id, type: bigint}]}
  lake.t.shut: {format: csv, location: \"shut/\", columns: [{name: id, type: bigint}]}
";

const SIGHT: &str = "lake: sight
grants:
  - {to: \"user:eve\", privileges: [select], resource: \"table:lake.t.cells\"}
";

async fn fixture() -> Fixture {
    let fixture = Fixture::new().await;
    let root = fixture.directory.path().canonicalize().unwrap().display().to_string();
    let lake = LAKE.replace("ROOT", &root);
    let rule = |effect: &str, name: &str, what: &str| {
        let action = "Lakegate::Action::\"Select\"";
        format!(
            "{name}: '@id(\"{name}\") {effect}(principal == Lakegate::User::\"eve\", action == {action}, resource in {what});'"
        )
    };
    let policies = [
        rule("permit", "open", "Lakegate::Table::\"lake.t.open\""),
        rule("forbid", "barred", "Lakegate::Table::\"lake.t.barred\""),
        rule("forbid", "cells", "Lakegate::Column::\"lake.t.cells.name\""),
        rule("forbid", "parts", "Lakegate::Column::\"lake.t.parts.name\""),
    ];
    let sight = format!("{SIGHT}policies: {{{}}}\n", policies.join(", "));
    for yaml in [lake.as_str(), DROPPED, &sight] {
        let applied = fixture.apply(&[("a.yaml", yaml)]).await;
        applied.unwrap_or_else(|error| panic!("{error}"));
    }
    fixture
}

async fn pruned(fixture: &Fixture, user: &str, yaml: &str) -> Result<ApplyReport, ApplyError> {
    let (caller, governor) = fixture.caller(user).await;
    let by = Applier::Caller {
        caller: &caller,
        governor: &governor,
    };
    let options = ApplyOptions {
        prune: true,
        ..ApplyOptions::default()
    };
    lake::apply(&fixture.context(by), &input(&[("a.yaml", yaml)]), options).await
}

fn is_kept(result: Result<ApplyReport, ApplyError>, what: &str) {
    let found = problems(result);
    assert!(
        found.iter().any(|problem| problem.contains("come out from under")),
        "{what}: {found:?}"
    );
}

#[tokio::test]
async fn what_is_seen_in_part_keeps_its_shape_and_its_files() {
    let fixture = fixture().await;
    let root = fixture.directory.path().canonicalize().unwrap().display().to_string();
    let rows = "lake: acme\ntables:\n  lake.t.rows: {format: csv, location: \"rows/\", columns: [{name: id, type: bigint}, {name: region, type: varchar}]}\n";
    let parts = "lake: acme\ntables:\n  lake.t.parts:\n    format: csv\n    location: \"parts/\"\n    columns: [{name: id, type: bigint}, {name: name, type: varchar}]\n    \
                 partitioned_by: [{name: day, type: varchar}]\n    partitions: [{values: {day: a}, location: \"LOCATION\"}]\n";
    for (what, yaml) in [
        ("its location", rows.replace("rows/", "moved/")),
        ("its format", rows.replace("csv", "ndjson")),
        (
            "how its files are read",
            rows.replace("format: csv", "format: csv, options: {delimiter: \"|\"}"),
        ),
        (
            "a column in front",
            rows.replace("[{name: id", "[{name: more, type: varchar}, {name: id"),
        ),
        ("the type of a column", rows.replace("bigint", "varchar")),
        (
            "the order of its columns",
            rows.replace(
                "{name: id, type: bigint}, {name: region, type: varchar}",
                "{name: region, type: varchar}, {name: id, type: bigint}",
            ),
        ),
        (
            "the name of a hidden column",
            parts.replace("name: name", "name: other").replace("LOCATION", &format!("file://{root}/elsewhere/a/")),
        ),
        ("a partition elsewhere", parts.replace("LOCATION", "a/")),
        (
            "a tagged column that is not hers",
            "lake: acme\ntables:\n  lake.t.tagged: {format: csv, location: \"moved/\", columns: [{name: id, type: bigint, tags: {level: high}}]}\n".to_owned(),
        ),
        (
            "the database's location",
            "lake: acme\ndatabases: {lake.t: {location: \"moved/\"}}\n".to_owned(),
        ),
    ] {
        is_kept(fixture.apply_as("eve", &[("a.yaml", &yaml)]).await, what);
    }
    for (what, yaml) in [
        ("a comment", rows.replace("{format: csv", "{comment: mine, format: csv")),
        (
            "a column more",
            rows.replace("varchar}]", "varchar}, {name: more, type: varchar}]"),
        ),
    ] {
        let said = fixture.apply_as("eve", &[("a.yaml", &yaml)]).await;
        said.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let moved = rows.replace("rows/", "moved/");
    let moved = fixture.apply_as("admin", &[("a.yaml", &moved)]).await;
    moved.unwrap_or_else(|error| panic!("who manages policies: {error}"));
}

#[tokio::test]
async fn what_is_seen_in_part_is_not_dropped_to_be_made_again() {
    let fixture = fixture().await;
    let without = |name: &str| {
        let lines = DROPPED.lines().filter(|line| !line.contains(name));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    is_kept(
        pruned(&fixture, "eve", &without("lake.t.cells")).await,
        "a hidden column",
    );
    is_kept(pruned(&fixture, "eve", &without("lake.t.barred")).await, "a forbid");
    let whole = pruned(&fixture, "eve", &without("lake.t.open")).await;
    whole.unwrap_or_else(|error| panic!("what she sees whole: {error}"));
}

/// To somebody who may read nothing of it, a new table would be as closed.
#[tokio::test]
async fn what_nobody_governs_is_dropped_by_whoever_may() {
    let fixture = fixture().await;
    let lines = DROPPED.lines().filter(|line| !line.contains("lake.t.shut"));
    let without: String = lines.map(|line| format!("{line}\n")).collect();
    let dropped = pruned(&fixture, "eve", &without).await;
    dropped.unwrap_or_else(|error| panic!("{error}"));
}
