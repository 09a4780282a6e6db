//! Does the barrier show what the decision allows, and nothing else? The fixture and cases of governance.md §9.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable,
    clippy::expect_used,
    missing_docs
)]

#[path = "governance/door.rs"]
mod door;
#[path = "governance/fixture.rs"]
mod fixture;
#[path = "governance/lake.rs"]
mod lake;

#[path = "governance/barrier.rs"]
mod barrier;
#[path = "governance/bodies.rs"]
mod bodies;
#[path = "governance/kept.rs"]
mod kept;
#[path = "governance/leaks.rs"]
mod leaks;
#[path = "governance/listed.rs"]
mod listed;
#[path = "governance/rules.rs"]
mod rules;
#[path = "governance/shown.rs"]
mod shown;
#[path = "governance/source.rs"]
mod source;
#[path = "governance/text.rs"]
mod text;

use door::{Rows, ask, assert_no_canary, attempt, open};
use fixture::{Lake, write_files};
use lakegate_query::error::ErrorCode;

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    write_files(directory.path());
    directory
}

async fn everywhere(lake: &Lake, user: &str, sql: &str, expected: &[&str]) {
    let directory = directory();
    for source in [Rows::Memory, Rows::Files(directory.path())] {
        let seen = ask(lake, user, source, sql)
            .await
            .unwrap_or_else(|error| panic!("{user} {source:?} {sql}: {error:?}"));
        assert_eq!(seen, expected, "{user} {source:?} {sql}");
        if !expected.iter().any(|line| line.contains("90000")) {
            seen.iter().for_each(|line| assert_no_canary(line));
        }
    }
}

#[tokio::test]
async fn alice_sees_her_rows_and_cells() {
    let lake = Lake::default();
    everywhere(
        &lake,
        "alice",
        "SELECT id, region, ssn, amount, qty, note FROM orders",
        &[
            "1|DE|nnn-nn-3333|10.00|1|ok",
            "2|FR|nnn-nn-4444|-|2|ok",
            "3|DE|nnn-nn-5555|30.00|3|ok",
        ],
    )
    .await;
    everywhere(
        &lake,
        "alice",
        "SELECT count(*), min(id), max(id), sum(amount) FROM orders",
        &["3|1|3|40.00"],
    )
    .await;
    everywhere(&lake, "alice", "SELECT count(*) FROM (SELECT * FROM orders)", &["3"]).await;
    everywhere(&lake, "alice", "SELECT length(email) FROM orders WHERE id = 1", &["64"]).await;
    let directory = directory();
    for column in ["customer", "CANARY"] {
        let error = ask(
            &lake,
            "alice",
            Rows::Files(directory.path()),
            &format!("SELECT {column} FROM orders"),
        )
        .await
        .unwrap_err();
        assert_eq!(error.code, ErrorCode::ColumnNotFound);
    }
}

#[tokio::test]
async fn carol_never_sees_the_cross_product_of_her_filters() {
    let lake = Lake::default();
    everywhere(
        &lake,
        "carol",
        "SELECT id, region, amount FROM orders",
        &["1|-|10.00", "2|-|20.00", "900001|US|-", "900002|-|1.00"],
    )
    .await;
    // B4: amount is NULL on the US row.
    everywhere(&lake, "carol", "SELECT id FROM orders WHERE amount > 1000", &[]).await;
}

#[tokio::test]
async fn dana_sees_all_and_bob_nothing() {
    let lake = Lake::default();
    everywhere(
        &lake,
        "dana",
        "SELECT count(*), count(customer), max(id) FROM orders",
        &["10|10|900007"],
    )
    .await;
    everywhere(&lake, "dana", "SELECT ssn FROM orders WHERE id = 1", &["111-22-3333"]).await;
    for user in ["bob", "mallory"] {
        let cx = lake.context(user);
        let attempt = attempt(&cx);
        let error = attempt.grant.unwrap_err();
        assert_eq!(error.to_string(), "table `lake.sales.orders` does not exist");
        assert_eq!(
            (attempt.event.decision.as_str(), attempt.event.outcome.as_str()),
            ("deny", "TABLE_NOT_FOUND")
        );
    }
}

#[tokio::test]
async fn describe_without_data_is_access_denied() {
    let mut lake = Lake::default();
    lake.grants.push((
        "bob".to_owned(),
        "describe".to_owned(),
        "Database".to_owned(),
        "d-sales".to_owned(),
    ));
    let error = attempt(&lake.context("bob")).grant.unwrap_err();
    assert_eq!(
        (error.code, error.to_string().as_str()),
        (ErrorCode::AccessDenied, "you may not read `lake.sales.orders`")
    );
}

#[tokio::test]
async fn every_decision_is_audited_with_its_parts() {
    let lake = Lake::default();
    let attempt = attempt(&lake.context("alice"));
    let event = attempt.event;
    assert_eq!(
        (event.kind.as_str(), event.action.as_str(), event.decision.as_str()),
        ("query.attempt", "Select", "allow")
    );
    assert_eq!(event.filters, ["orders#de@1", "orders#eu@1"]);
    assert_eq!(event.restrictive, ["orders#hold@1"]);
    assert_eq!(event.hidden, ["customer"]);
    assert_eq!(event.masks.get("ssn").map(String::as_str), Some("show-last-4@1"));
    assert!(!event.policies.is_empty() && event.resource == "table:lake.sales.orders");
    assert!(!format!("{event:?}").contains("'DE'"), "literals are never audited");
}

#[tokio::test]
async fn a1_scalar_subquery_and_a2_fallible_functions_see_visible_rows_only() {
    let lake = Lake::default();
    // The engine does not plan a subquery without FROM that reads the outer row; with one it does.
    let bare = "SELECT id, (SELECT 10 / o.qty) FROM orders o";
    assert_eq!(
        ask(&lake, "alice", Rows::Memory, bare).await.unwrap_err().code,
        ErrorCode::NotSupported
    );
    let scalar = "SELECT id, (SELECT max(10 / i.qty) FROM orders i WHERE i.id = o.id) AS x FROM orders o";
    everywhere(&lake, "alice", scalar, &["1|10", "2|5", "3|3"]).await;
    for sql in [
        "SELECT CAST(code AS INT) FROM orders",
        "SELECT CAST(concat(code, '') AS INT) + qty FROM orders",
        "SELECT 10 / qty FROM orders",
        "SELECT arrow_cast(code, 'Int8') FROM orders",
        "SELECT id FROM orders WHERE 10 / qty > 0",
        "SELECT id FROM orders WHERE CAST(code AS INT) > 0",
        "SELECT id FROM orders WHERE random() >= 0 AND 10 / qty > 0",
        "SELECT 10 / qty AS a, 20 / qty AS b FROM orders WHERE 10 / qty > 0 AND 20 / qty > 0",
        "SELECT id FROM orders WHERE id IN (SELECT CAST(code AS BIGINT) / 10 FROM orders)",
        "SELECT a.id FROM orders a JOIN orders b ON a.id = CAST(b.code AS BIGINT) / 10",
        "SELECT sum(10 / qty) FROM orders GROUP BY region, CAST(code AS INT)",
        "SELECT row_number() OVER (ORDER BY CAST(code AS INT)) FROM orders",
    ] {
        let directory = directory();
        for source in [Rows::Memory, Rows::Files(directory.path())] {
            let seen = ask(&lake, "alice", source, sql)
                .await
                .unwrap_or_else(|error| panic!("{source:?} {sql}: {error:?}"));
            assert_eq!(seen.len(), 3, "{source:?} {sql}: {seen:?}");
        }
    }
    // Of visible rows, errors stay: the same class as over the pre-filtered copy.
    let error = ask(&lake, "alice", Rows::Memory, "SELECT CAST(note AS INT) FROM orders")
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidCast);
    let error = ask(&lake, "alice", Rows::Memory, "SELECT 1 / (qty - 1) FROM orders")
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::DivisionByZero);
}

#[tokio::test]
async fn a3_top_n_limit_and_offset() {
    let lake = Lake::default();
    everywhere(
        &lake,
        "alice",
        "SELECT id FROM orders ORDER BY CAST(code AS INT) LIMIT 1",
        &["1"],
    )
    .await;
    everywhere(
        &lake,
        "alice",
        "SELECT id FROM orders ORDER BY ssn DESC LIMIT 1",
        &["3"],
    )
    .await;
    everywhere(
        &lake,
        "alice",
        "SELECT count(*) FROM (SELECT id FROM orders LIMIT 3)",
        &["3"],
    )
    .await;
    everywhere(
        &lake,
        "alice",
        "SELECT count(*) FROM (SELECT id FROM orders OFFSET 1)",
        &["2"],
    )
    .await;
    everywhere(
        &lake,
        "alice",
        "SELECT count(*) FROM (SELECT id FROM orders LIMIT 100)",
        &["3"],
    )
    .await;
}

#[tokio::test]
async fn b3_and_b5_expressions_and_types_are_those_of_governed_values() {
    let lake = Lake::default();
    let sql = "SELECT length(ssn), substr(ssn, 1, 3), ascii(ssn), ssn || '' FROM orders WHERE id = 1";
    everywhere(&lake, "alice", sql, &["11|nnn|110|nnn-nn-3333"]).await;
    everywhere(
        &lake,
        "alice",
        "SELECT id FROM orders WHERE ssn = 'nnn-nn-3333'",
        &["1"],
    )
    .await;
    everywhere(&lake, "alice", "SELECT id FROM orders WHERE ssn LIKE '111%'", &[]).await;
    let directory = directory();
    let (_, context) = open(&lake, "alice", Rows::Files(directory.path())).await.unwrap();
    let frame = context.sql("SELECT * FROM orders").await.unwrap();
    let names: Vec<&str> = frame
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert!(!names.contains(&"customer") && names.len() == 13, "{names:?}");
    let field = frame.schema().field_with_unqualified_name("ssn").unwrap();
    assert!(field.is_nullable() && field.metadata().is_empty());
    // That of the column without its mask: text of Parquet files.
    assert_eq!(field.data_type(), &arrow::datatypes::DataType::Utf8View);
}

#[tokio::test]
async fn b2_masks_hold_on_struct_fields_by_every_route() {
    let mut lake = Lake::default();
    lake.masks
        .push(("m-zip".to_owned(), "addr.zip".to_owned(), "show-last-4".to_owned(), 10));
    // Only id and the struct's street are opened by the filter.
    lake.filters[0].2 =
        lakegate_catalog::governance::FilterColumns::Include(vec![fixture::id("c-id"), fixture::id("c-addr.street")]);
    everywhere(
        &lake,
        "alice",
        "SELECT addr['zip'], get_field(addr, 'zip') AS z FROM orders WHERE id = 1",
        &["nnn-nn-3333|nnn-nn-3333"],
    )
    .await;
    everywhere(
        &lake,
        "alice",
        "SELECT addr FROM orders WHERE id = 1",
        &["{street: Ann, zip: nnn-nn-3333}"],
    )
    .await;
    // Without the mask the field leaves the type.
    lake.masks.pop();
    everywhere(
        &lake,
        "alice",
        "SELECT addr FROM orders WHERE id = 1",
        &["{street: Ann}"],
    )
    .await;
    let error = ask(&lake, "alice", Rows::Memory, "SELECT addr['zip'] FROM orders")
        .await
        .unwrap_err();
    assert_ne!(error.code, ErrorCode::Internal);
}

/// The nearest granted mask wins: one that is not granted decides nothing, so the field has its struct's.
#[tokio::test]
async fn b2_a_mask_that_is_not_granted_hides_no_field() {
    let mut lake = Lake::default();
    let mask = |name: &str, column: &str, func: &str| (name.to_owned(), column.to_owned(), func.to_owned(), 10);
    lake.masks.push(mask("m-addr", "addr", "mask-to-fixed-value"));
    lake.masks.push(mask("m-zip", "addr.zip", "show-last-4"));
    lake.filters[0].2 = lakegate_catalog::governance::FilterColumns::Include(vec![fixture::id("c-id")]);
    lake.grants.retain(|(_, privilege, _, _)| privilege != "select-masked");
    let grant = |object: &str| {
        let [user, privilege, kind] = ["alice", "select-masked", "ColumnMask"].map(str::to_owned);
        (user, privilege, kind, object.to_owned())
    };
    lake.grants.push(grant("m-addr"));
    let sql = "SELECT addr FROM orders WHERE id = 1";
    everywhere(&lake, "alice", sql, &["{street: XXXXXXXX, zip: XXXXXXXX}"]).await;
    lake.grants.push(grant("m-zip"));
    everywhere(&lake, "alice", sql, &["{street: XXXXXXXX, zip: nnn-nn-3333}"]).await;
}

#[tokio::test]
async fn c3_not_in_sees_no_hidden_row() {
    let lake = Lake::default();
    let sql = "SELECT count(*) FROM generate_series(900000, 900010) g(x) WHERE x NOT IN (SELECT id FROM orders)";
    everywhere(&lake, "alice", sql, &["11"]).await;
    everywhere(
        &lake,
        "alice",
        "SELECT count(*) FROM orders a JOIN (VALUES (900001), (1)) v(x) ON a.id = v.x",
        &["1"],
    )
    .await;
    everywhere(&lake, "alice", "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT count(*) FROM r JOIN orders ON id = n", &["3"]).await;
}

#[tokio::test]
async fn c5_and_c6_tags_are_values() {
    let mut lake = Lake::default();
    lake.filters[0].1 = "tenant IN principal.tag('dept')".to_owned();
    lake.filters[1].1 = "tenant IN principal.tag('dept')".to_owned();
    everywhere(&lake, "alice", "SELECT id FROM orders", &[]).await;
    lake.attributes
        .insert("dept".to_owned(), vec!["x') OR (1=1".to_owned()]);
    everywhere(&lake, "alice", "SELECT id FROM orders", &[]).await;
    lake.attributes.insert("dept".to_owned(), Vec::new());
    everywhere(&lake, "alice", "SELECT id FROM orders", &[]).await;
    lake.attributes.insert("dept".to_owned(), vec!["t2".to_owned()]);
    everywhere(&lake, "alice", "SELECT count(*) FROM orders", &["1"]).await;
}

#[tokio::test]
async fn c1_a_table_that_no_longer_fits_its_policies_denies() {
    let directory = directory();
    let sql = "SELECT id FROM orders";
    let whole = Lake::default();
    let mut texts = Vec::new();
    // Dropped at the source, dropped from the catalog, retyped.
    let mut dropped = whole.clone();
    dropped.columns.retain(|column| column.name != "region");
    let mut retyped = whole.clone();
    for column in &mut retyped.columns {
        if column.name == "legal_hold" {
            "varchar".clone_into(&mut column.data_type);
        }
    }
    for lake in [dropped, retyped] {
        for source in [Rows::Memory, Rows::Files(directory.path())] {
            match ask(&lake, "alice", source, sql).await {
                Err(error) => texts.push((error.code, error.to_string())),
                Ok(seen) => panic!("{source:?} showed {seen:?}"),
            }
        }
    }
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
    // A file that lacks a policy column.
    let thin = fixture::batch(fixture::VISIBLE);
    let kept: Vec<usize> = (0..thin.num_columns()).filter(|at| *at != 10).collect();
    fixture::write_parquet(&directory.path().join("d.parquet"), &[thin.project(&kept).unwrap()]);
    let error = ask(&whole, "alice", Rows::Files(directory.path()), sql)
        .await
        .unwrap_err();
    assert_eq!((error.code, error.to_string()), texts[0]);
    // User conditions do not decide about it, and the owner may say that it is NULL.
    let error = ask(
        &whole,
        "alice",
        Rows::Files(directory.path()),
        "SELECT id FROM orders WHERE id = 1",
    )
    .await
    .unwrap_err();
    assert_eq!((error.code, error.to_string()), texts[0]);
    let lenient = Lake {
        absent: lakegate_catalog::relation::AbsentPolicyColumns::Null,
        ..whole
    };
    let seen = ask(
        &lenient,
        "alice",
        Rows::Files(directory.path()),
        "SELECT count(*) FROM orders",
    )
    .await
    .unwrap();
    assert_eq!(seen, ["6"]);
}

#[tokio::test]
async fn h2_local_hashes_are_constant_within_a_statement_only() {
    let lake = Lake::default();
    let sql = "SELECT a.email = b.email, a.email FROM orders a JOIN orders b ON a.id = b.id WHERE a.id = 1";
    let first = ask(&lake, "alice", Rows::Memory, sql).await.unwrap();
    let second = ask(&lake, "alice", Rows::Memory, sql).await.unwrap();
    assert!(first[0].starts_with("true|") && second[0].starts_with("true|"));
    assert_ne!(first, second);
}

#[tokio::test]
async fn i3_ranks_decide_and_a_tie_is_null() {
    let mut lake = Lake::default();
    lake.masks
        .push(("m-a".to_owned(), "ssn".to_owned(), "mask-to-fixed-value".to_owned(), 20));
    everywhere(&lake, "alice", "SELECT ssn FROM orders WHERE id = 1", &["nnn-nn-3333"]).await;
    lake.masks[2].3 = 5;
    everywhere(&lake, "alice", "SELECT ssn FROM orders WHERE id = 1", &["XXXXXXXX"]).await;
    lake.masks[2].3 = 10;
    everywhere(&lake, "alice", "SELECT ssn IS NULL FROM orders WHERE id = 1", &["true"]).await;
    let cx = lake.context("alice");
    assert!(!attempt(&cx).grant.unwrap().access.alerts.is_empty());
}

#[tokio::test]
async fn forbid_wins_over_every_grant() {
    let mut lake = Lake::default();
    let forbid = |id: &str, resource: &str| {
        (
            id.to_owned(),
            format!("@id(\"{id}\") forbid(principal, action == Lakegate::Action::\"Select\", {resource});"),
        )
    };
    lake.policies
        .push(forbid("no.ssn", "resource == Lakegate::Column::\"c-amount\""));
    everywhere(&lake, "dana", "SELECT count(*) FROM orders", &["10"]).await;
    let error = ask(&lake, "dana", Rows::Memory, "SELECT amount FROM orders")
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::ColumnNotFound);
    // A forbid on the struct column closes its fields.
    lake.policies
        .push(forbid("no.addr", "resource == Lakegate::Column::\"c-addr\""));
    let error = ask(&lake, "dana", Rows::Memory, "SELECT addr FROM orders")
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::ColumnNotFound);
    lake.policies
        .push(forbid("closed", "resource == Lakegate::Table::\"t-orders\""));
    for user in ["alice", "dana"] {
        assert_eq!(
            ask(&lake, user, Rows::Memory, "SELECT 1 FROM orders")
                .await
                .unwrap_err()
                .code,
            ErrorCode::TableNotFound
        );
    }
}
