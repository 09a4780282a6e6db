//! Do apply, diff and export say what they did, and with which code?

use std::fs;

use serde_json::Value;

use super::fixture::Lake;

const MORE: &str = "lake: more\nroles:\n  staff: {}\nusers:\n  eve: {roles: [staff], kind: human}\n";

#[test]
fn diff_apply_and_diff_again() {
    let lake = Lake::start();
    let file = lake.path("more.yaml");
    fs::write(&file, MORE).unwrap();
    let file = file.to_str().unwrap();
    let run = |arguments: &[&str]| lake.run(&[arguments, &["-f", file, "--as", "admin"]].concat());

    let diff = run(&["diff"]).exits(11);
    assert!(
        diff.text().contains("+ user eve\n") && diff.stderr.contains("created 2"),
        "{diff:?}"
    );
    let dry = run(&["apply", "--dry-run"]).exits(0);
    assert!(dry.text().contains("+ role staff\n"), "{dry:?}");
    run(&["diff"]).exits(11);
    run(&["apply", "--yes"]).exits(0);
    let again = run(&["apply"]).exits(0);
    assert_eq!((again.text(), again.stderr.trim_end()), ("", "lake more: unchanged 2"));
    let same = run(&["diff", "-o", "json"]).exits(0);
    assert_eq!(same.json()["counts"]["unchanged"], 2);
}

#[test]
fn what_is_wrong_is_told_with_file_line_and_column() {
    let lake = Lake::start();
    let file = lake.path("wrong.yaml");
    fs::write(
        &file,
        "lake: more\nusers:\n  eve: {rolls: [staff]}\n  abe: {roles: [nobody]}\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let ran = lake.run(&["apply", "-f", file, "--as", "admin"]).exits(1);
    assert!(ran.stderr.contains("wrong.yaml:3:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("CONFIGURATION_INVALID"), "{}", ran.stderr);
    let ran = lake.run(&["apply", "-f", file, "--as", "admin", "-o", "json"]).exits(1);
    let envelope: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(envelope["problems"][0]["line"], 3);
    lake.run(&["apply", "-f", file, "--as", "ana"]).exits(4);
}

#[test]
fn what_is_exported_changes_nothing_when_applied() {
    let lake = Lake::start();
    let folder = lake.path("out");
    let folder = folder.to_str().unwrap();
    lake.run(&["export", "--lake", "acme", "-o", folder, "--as", "admin"])
        .exits(0);
    assert!(
        fs::read_to_string(lake.path("out/lake.yaml"))
            .unwrap()
            .contains("lake.sales.orders")
    );
    lake.run(&["diff", "-f", folder, "--as", "admin"]).exits(0);
    let printed = lake
        .run(&["export", "--lake", "acme", "--kind", "user", "bob", "--as", "admin"])
        .exits(0);
    assert!(
        printed.text().contains("bob") && !printed.text().contains("ana"),
        "{}",
        printed.text()
    );
}

/// What `export` prints is one document that `apply -f -` reads, policies included.
#[test]
fn export_goes_into_apply() {
    let lake = Lake::start();
    let file = lake.path("more.yaml");
    let cedar = lake.path("more.cedar");
    fs::write(&file, MORE).unwrap();
    let policy = "@id(\"staff.see\")\n// why: \"all\"\npermit(principal in Lakegate::Role::\"staff\",\n\n  action == \
                  Lakegate::Action::\"Describe\", resource);";
    fs::write(&cedar, policy).unwrap();
    let (file, cedar) = (file.to_str().unwrap(), cedar.to_str().unwrap());
    let apply = ["apply", "-f", file, cedar, "--as", "admin"];
    let refused = lake.run(&[&apply[..], &["-o", "json"]].concat()).exits(12);
    let refused: Value = serde_json::from_str(&refused.stderr).unwrap();
    let digest = refused["effects"]["digest"].as_str().unwrap();
    lake.run(&[&apply[..], &["--approve-gains", digest]].concat()).exits(0);
    let exported = lake.run(&["export", "--lake", "more", "--as", "admin"]).exits(0);
    assert!(
        exported.text().contains("    permit(principal in"),
        "{}",
        exported.text()
    );
    let again = lake
        .run_with(&["apply", "-f", "-", "--as", "admin"], exported.text())
        .exits(0);
    assert_eq!(again.stderr.trim_end(), "lake more: unchanged 3");
}

#[test]
fn an_export_of_what_is_not_there_exits_with_5() {
    let lake = Lake::start();
    let export = |arguments: &[&str]| lake.run(&[&["export", "--as", "admin"], arguments].concat());
    let ran = export(&["--lake", "acne"]).exits(5);
    assert!(
        ran.stderr.contains("lake `acne` does not exist") && ran.stdout.is_empty(),
        "{ran:?}"
    );
    let ran = export(&["--lake", "acme", "--kind", "user", "nobody"]).exits(5);
    assert!(ran.stderr.contains("`nobody` does not exist"), "{ran:?}");
    export(&["--lake", "acme", "--kind", "users"]).exits(1);
}
