//! Do filters with Cedar bodies hide what they should, and is an error of Cedar never a row? governance.md §4.2.

use crate::{
    directory,
    door::{Rows, ask},
    everywhere,
    fixture::Lake,
};
use lakegate_query::error::ErrorCode;

const EU: &str = r#"when { resource.s.hasTag("region") && ["DE", "FR"].contains(resource.s.getTag("region")) }"#;
const DE: &str = r#"when { resource.s.hasTag("region") && resource.s.getTag("region") == "DE" }"#;
const SMALL: &str = r#"when { resource.d.hasTag("amount") && resource.d.getTag("amount").lessThan(decimal("25.0")) }"#;
const HOLD: &str = r#"when { true } unless { resource.n.hasTag("legal_hold") && resource.n.getTag("legal_hold") > 0 }"#;

fn cedar() -> Lake {
    let mut lake = Lake::default();
    for (filter, body) in lake.filters.iter_mut().zip([EU, DE, "when { false }", SMALL, HOLD]) {
        body.clone_into(&mut filter.1);
    }
    lake
}

#[tokio::test]
async fn permissive_and_restrictive_bodies_decide_rows_and_cells() {
    let lake = cedar();
    everywhere(
        &lake,
        "alice",
        "SELECT id, region, ssn, amount FROM orders",
        &["1|DE|nnn-nn-3333|10.00", "2|FR|nnn-nn-4444|-", "3|DE|nnn-nn-5555|30.00"],
    )
    .await;
    everywhere(
        &lake,
        "carol",
        "SELECT id, amount FROM orders",
        &["1|10.00", "2|20.00", "900002|1.00"],
    )
    .await;
    everywhere(&lake, "dana", "SELECT count(*) FROM orders", &["10"]).await;
}

/// Alice's rows by one body; 1, 2 and 3 are there to be seen, and `id * MAX` overflows on all but the first.
async fn by(body: &str) -> Vec<String> {
    let mut lake = cedar();
    body.clone_into(&mut lake.filters[0].1);
    "when { false }".clone_into(&mut lake.filters[1].1);
    let directory = directory();
    let seen = ask(
        &lake,
        "alice",
        Rows::Files(directory.path()),
        "SELECT id FROM orders WHERE id < 4",
    )
    .await;
    seen.unwrap()
}

const GUARDS: &str = r#"resource.n.hasTag("id") && resource.s.hasTag("region")"#;
const OVERFLOWS: &str = r#"resource.n.getTag("id") * 9223372036854775807 > 0"#;

/// E || TRUE: SQL's OR would show rows 2 and 3.
#[tokio::test]
async fn an_error_before_true_shows_no_row() {
    let body = format!(r#"when {{ {GUARDS} && ({OVERFLOWS} || resource.s.getTag("region") like "*") }}"#);
    assert_eq!(by(&body).await, ["1"]);
    let body = format!(r#"when {{ {GUARDS} && (resource.s.getTag("region") like "*" || {OVERFLOWS}) }}"#);
    assert_eq!(by(&body).await, ["1", "2", "3"]);
}

/// E && FALSE: SQL's AND would be FALSE, and its negation show rows 2 and 3.
#[tokio::test]
async fn an_error_before_false_shows_no_row() {
    let body = format!(r#"when {{ {GUARDS} && !({OVERFLOWS} && resource.s.getTag("region") == "") }}"#);
    assert_eq!(by(&body).await, ["1"]);
    let body = format!(r#"when {{ {GUARDS} && !(resource.s.getTag("region") == "" && {OVERFLOWS}) }}"#);
    assert_eq!(by(&body).await, ["1", "2", "3"]);
}

/// A restrictive body that is E hides the row.
#[tokio::test]
async fn an_error_of_a_restrictive_body_hides_the_row() {
    let mut lake = cedar();
    lake.filters[4].1 = format!(r#"when {{ {GUARDS} && ({OVERFLOWS} || resource.s.getTag("region") like "*") }}"#);
    everywhere(&lake, "alice", "SELECT id FROM orders", &["1"]).await;
    lake.filters[4].1 = r#"when { 9223372036854775807 + principal.clearance + 1 > 0 || true }"#.to_owned();
    everywhere(&lake, "alice", "SELECT id FROM orders", &[]).await;
}

#[tokio::test]
async fn facts_of_the_caller_are_values() {
    let mut lake = cedar();
    let body = r#"when { resource.s.hasTag("tenant") && principal.hasTag("dept") && principal.getTag("dept").contains(resource.s.getTag("tenant")) }"#;
    body.clone_into(&mut lake.filters[0].1);
    body.clone_into(&mut lake.filters[1].1);
    everywhere(&lake, "alice", "SELECT id FROM orders", &[]).await;
    for (dept, expected) in [(vec!["\"].contains(\"t1"], "0"), (vec![], "0"), (vec!["t2"], "1")] {
        let dept = dept.into_iter().map(str::to_owned).collect();
        lake.attributes.insert("dept".to_owned(), dept);
        everywhere(&lake, "alice", "SELECT count(*) FROM orders", &[expected]).await;
    }
}

/// C1 for Cedar: a body whose column is gone or has another type denies, in the words of all such denials.
#[tokio::test]
async fn a_table_that_no_longer_fits_its_bodies_denies() {
    let mut dropped = cedar();
    dropped.columns.retain(|column| column.name != "region");
    let mut retyped = cedar();
    for column in &mut retyped.columns {
        if column.name == "legal_hold" {
            "varchar".clone_into(&mut column.data_type);
        }
    }
    let directory = directory();
    let mut texts = Vec::new();
    for lake in [dropped, retyped] {
        for source in [Rows::Memory, Rows::Files(directory.path())] {
            let error = ask(&lake, "alice", source, "SELECT id FROM orders").await.unwrap_err();
            assert_eq!(error.code, ErrorCode::MissingColumn);
            texts.push(error.to_string());
        }
    }
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
}

/// Policies see the language of a filter: its attribute `body`.
#[tokio::test]
async fn policies_tell_the_languages_apart() {
    let policy = (
        "no.cedar".to_owned(),
        "@id(\"no.cedar\") forbid(principal, action == Lakegate::Action::\"SelectFiltered\", resource) when { resource.body == \"cedar\" };"
            .to_owned(),
    );
    let mut lake = Lake::default();
    lake.policies.push(policy);
    everywhere(&lake, "alice", "SELECT count(*) FROM orders", &["3"]).await;
    EU.clone_into(&mut lake.filters[0].1);
    everywhere(&lake, "alice", "SELECT count(*) FROM orders", &["2"]).await;
}

/// All rows are visible, and a column is clear on some of them only: the body decides cells and no row.
#[tokio::test]
async fn a_body_may_decide_cells_alone() {
    let mut lake = cedar();
    let policy = (
        "bob.rows".to_owned(),
        "@id(\"bob.rows\") permit(principal == Lakegate::User::\"u-bob\", action == Lakegate::Action::\"Select\", \
         resource == Lakegate::Table::\"t-orders\");"
            .to_owned(),
    );
    lake.policies.push(policy);
    for (privilege, kind, object) in [
        ("select-filtered", "DataFilter", "f-de"),
        ("select-masked", "Table", "t-orders"),
    ] {
        let [user, privilege, kind, object] = ["bob", privilege, kind, object].map(str::to_owned);
        lake.grants.push((user, privilege, kind, object));
    }
    everywhere(&lake, "bob", "SELECT count(*), count(amount) FROM orders", &["9|2"]).await;
}
