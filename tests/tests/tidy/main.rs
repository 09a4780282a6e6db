//! The rules of the house that a compiler does not know: each check lists what breaks its rule, file by file.
//!
//! A check is a plain function from text to complaints, so that its own test can show it a bad sample; the tests here show
//! it the repository.

mod adr;
mod arrows;
mod manifests;
mod sorted;
mod source;
mod tree;

use tree::{Tree, TreeFile};

/// One broken rule: where, what, and the remedy.
type Complaint = String;

fn expect_none(rule: &str, complaints: &[Complaint]) {
    assert!(complaints.is_empty(), "{rule}:\n  {}\n", complaints.join("\n  "));
}

fn complaints_of(files: &[TreeFile], check: impl Fn(&str, &str) -> Vec<Complaint>) -> Vec<Complaint> {
    files.iter().flat_map(|file| check(&file.path, &file.text)).collect()
}

#[test]
fn crate_arrows_point_down() {
    let manifests = Tree::read().named("Cargo.toml");
    expect_none(
        "crate arrows (ARCHITECTURE.md)",
        &complaints_of(&manifests, arrows::check),
    );
}

#[test]
fn dependencies_have_one_version_and_alphabetical_order() {
    let manifests = Tree::read().named("Cargo.toml");
    expect_none(
        "dependencies (Cargo.toml of the workspace)",
        &complaints_of(&manifests, manifests::check),
    );
}

#[test]
fn source_files_are_short_and_say_what_they_are_for() {
    let sources = Tree::read().ending(".rs");
    expect_none("source files (STYLE.md)", &complaints_of(&sources, source::check));
}

#[test]
fn policy_is_pure() {
    let sources = Tree::read().below("policy/src/").ending(".rs");
    expect_none(
        "policy decides without I/O, clock or async",
        &complaints_of(&sources, source::check_pure),
    );
}

#[test]
fn marked_lists_are_sorted() {
    expect_none("sorted lists", &complaints_of(Tree::read().files(), sorted::check));
}

#[test]
fn example_configuration_is_toml() {
    let examples = Tree::read().named("config.example.toml");
    expect_none(
        "example configuration",
        &complaints_of(&examples, manifests::check_toml),
    );
}

#[test]
fn no_file_names_a_machine() {
    expect_none(
        "paths of one machine",
        &complaints_of(Tree::read().files(), tree::check_machine_paths),
    );
}

#[test]
fn decisions_are_numbered() {
    let records = Tree::read().below("docs/adr/").ending(".md");
    expect_none("decision records (docs/adr)", &adr::check(&records));
}
