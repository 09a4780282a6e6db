//! Can a table be read past its filters through another one over the same files?

use super::fixture::{Fixture, problems};

/// `open` is seen whole by eve; `op` in part.
const LAKE: &str = "lake: acme
connections: {files: {connector: files, options: {root: \"ROOT\"}}}
catalogs: {lake: {connection: files}}
databases: {lake.t: {location: \"t/\"}, lake.v: {location: \"v/\"}}
users: {eve: {}}
tables:
  lake.t.op:
    format: csv
    location: \"op/\"
    columns: [{name: id, type: bigint}, {name: region, type: varchar}]
    filters: {eu: {where: \"region = 'EU'\"}}
  lake.t.parts:
    format: csv
    location: \"parts/\"
    columns: [{name: id, type: bigint}]
    partitioned_by: [{name: day, type: varchar}]
    partitions: [{values: {day: a}, location: \"file://ROOT/elsewhere/a/\"}]
  lake.t.open: {format: csv, location: \"open/\", columns: [{name: id, type: bigint}]}
  lake.v.mine: {format: csv, location: \"op/\", columns: [{name: id, type: bigint}]}
grants:
  - {to: \"user:eve\", privileges: [select-filtered], resource: \"filter:lake.t.op/eu\"}
  - {to: \"user:eve\", privileges: [select], resource: \"table:lake.t.open\"}
  - {to: \"user:eve\", privileges: [create-table, describe, alter, select], resource: \"database:lake.v\"}
  - {to: \"user:eve\", privileges: [create-table, describe], resource: \"database:lake.t\"}
  - {to: \"user:eve\", privileges: [register-table], resource: \"connection:files\"}
";

async fn fixture() -> Fixture {
    let fixture = Fixture::new().await;
    let yaml = LAKE.replace("ROOT", &root(&fixture));
    fixture
        .apply(&[("a.yaml", &yaml)])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    fixture
}

fn root(fixture: &Fixture) -> String {
    fixture.directory.path().canonicalize().unwrap().display().to_string()
}

fn table(name: &str, location: &str) -> String {
    format!(
        "lake: eves\ntables:\n  {name}: {{format: csv, location: \"{location}\", columns: [{{name: id, type: bigint}}]}}\n"
    )
}

#[tokio::test]
async fn nobody_makes_a_table_over_files_that_they_see_in_part() {
    let fixture = fixture().await;
    let root = root(&fixture);
    let parts = "lake: eves\ntables:\n  lake.v.p:\n    format: csv\n    location: \"p/\"\n    columns: [{name: id, type: bigint}]\n    \
                 partitioned_by: [{name: day, type: varchar}]\n    partitions: [{values: {day: a}, location: \"file://ROOT/t/op/day/\"}]\n";
    for (name, yaml) in [
        ("at it", table("lake.v.x", "file://ROOT/t/op/")),
        ("above it", table("lake.v.x", "ROOT/t/")),
        ("below it", table("lake.v.x", "file://ROOT//t/op/day=1/")),
        ("beside it, by a relative location", table("lake.t.x", "op")),
        (
            "at a declared partition of it",
            table("lake.v.x", "file://ROOT/elsewhere/a/b/"),
        ),
        (
            "by a table that moves",
            table("lake.v.mine", "file://ROOT/t/op/").replace("eves", "acme"),
        ),
        (
            "by a database that moves",
            "lake: acme\ndatabases: {lake.v: {location: \"t/\"}}\n".to_owned(),
        ),
        ("by a partition", parts.to_owned()),
    ] {
        let found = problems(
            fixture
                .apply_as("eve", &[("a.yaml", &yaml.replace("ROOT", &root))])
                .await,
        );
        assert!(
            found.iter().any(|problem| problem.contains("its files would overlap")),
            "{name}: {found:?}"
        );
        assert!(
            !found.iter().any(|problem| problem.contains("lake.t.op`")),
            "{name}: {found:?}"
        );
    }
    for (user, name, yaml) in [
        (
            "eve",
            "a name that begins alike",
            table("lake.v.a", "file://ROOT/t/op2/"),
        ),
        (
            "eve",
            "files that she sees whole",
            table("lake.v.b", "file://ROOT/t/open/"),
        ),
        ("admin", "who manages policies", table("lake.v.c", "file://ROOT/t/op/")),
    ] {
        let applied = fixture
            .apply_as(user, &[("a.yaml", &yaml.replace("ROOT", &root))])
            .await;
        applied.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// As the REST route has it: a folder outside the table is registered.
#[tokio::test]
async fn a_declared_partition_outside_its_table_needs_the_right_to_register() {
    let fixture = fixture().await;
    let yaml = "lake: acme\nusers: {bob: {}}\ngrants:\n  - {to: \"user:bob\", privileges: [describe, alter], resource: \"table:lake.t.parts\"}\n";
    fixture
        .apply(&[("b.yaml", yaml)])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let parts = |location: &str| {
        let yaml = "lake: acme\ntables:\n  lake.t.parts:\n    format: csv\n    location: \"parts/\"\n    columns: [{name: id, type: bigint}]\n    \
                    partitioned_by: [{name: day, type: varchar}]\n    partitions: [{values: {day: b}, location: \"LOCATION\"}]\n";
        yaml.replace("LOCATION", location)
    };
    let outside = parts(&format!("file://{}/far/", root(&fixture)));
    let found = problems(fixture.apply_as("bob", &[("a.yaml", &outside)]).await);
    assert!(
        found.iter().any(|problem| problem.contains("may not change partition")),
        "{found:?}"
    );
    let made = outside
        .replace("lake: acme", "lake: bobs")
        .replace("lake.t.parts", "lake.t.new");
    let yaml = "lake: acme\ngrants: [{to: \"user:bob\", privileges: [create-table], resource: \"database:lake.t\"}]\n";
    fixture
        .apply(&[("b.yaml", yaml)])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let found = problems(
        fixture
            .apply_as("bob", &[("a.yaml", &made.replace("parts/", "new/"))])
            .await,
    );
    assert!(
        found.iter().any(|problem| problem.contains("may not change partition")),
        "a new table: {found:?}"
    );
    let inside = fixture.apply_as("bob", &[("a.yaml", &parts("b/"))]).await;
    inside.unwrap_or_else(|error| panic!("{error}"));
}
