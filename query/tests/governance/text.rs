//! Do bad values of hidden rows in text files neither fail nor show? governance.md §3 rule 6 and §6.1.

use std::path::Path;

use lakegate_catalog::relation::{AbsentPolicyColumns, TableFormat};
use lakegate_query::error::ErrorCode;

use crate::{
    door::{Rows, ask},
    fixture::Lake,
};

const WANTED: &[&str] = &["id", "region", "customer", "ssn", "amount", "qty", "legal_hold"];

/// `qty` is of no policy, `legal_hold` and `amount` (masks nothing, filter `small`) are.
const CSV: &str = "id,region,customer,ssn,amount,qty,legal_hold\n\
    1,DE,Ann,111-22-3333,10.00,1,\n\
    2,FR,Bob,222-33-4444,20.00,2,0\n\
    3,DE,Cy,333-44-5555,30.00,3,\n\
    900001,US,CANARY_C1,CANARY-SSN-1,31337.00,CANARY_NAN,\n\
    900002,DE,CANARY_C2,CANARY-SSN-2,1.00,5,CANARY_HOLD\n\
    900003,DE,CANARY_C3,CANARY-SSN-3,40.00,4,1\n";

fn lake(format: TableFormat) -> Lake {
    let mut lake = Lake {
        format,
        ..Lake::default()
    };
    lake.columns.retain(|column| WANTED.contains(&column.name.as_str()));
    lake.masks.retain(|(_, column, ..)| column == "ssn");
    lake.grants.retain(|(_, _, _, object)| object != "f-small");
    lake
}

async fn seen(directory: &Path, format: TableFormat, user: &str, sql: &str) -> Result<Vec<String>, ErrorCode> {
    ask(&lake(format), user, Rows::Files(directory), sql)
        .await
        .map_err(|error| error.code)
}

#[tokio::test]
async fn csv_values_are_converted_above_the_policy() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("o.csv"), CSV).unwrap();
    let sql = "SELECT id, region, ssn, amount, qty FROM orders";
    let rows = seen(directory.path(), TableFormat::Csv, "alice", sql).await.unwrap();
    assert_eq!(
        rows,
        [
            "1|DE|nnn-nn-3333|10.00|1",
            "2|FR|nnn-nn-4444|-|2",
            "3|DE|nnn-nn-5555|30.00|3"
        ]
    );
    let rows = seen(
        directory.path(),
        TableFormat::Csv,
        "alice",
        "SELECT sum(qty) FROM orders WHERE id > 0",
    )
    .await
    .unwrap();
    assert_eq!(rows, ["6"]);
    assert_eq!(
        seen(
            directory.path(),
            TableFormat::Csv,
            "alice",
            "SELECT count(*) FROM orders"
        )
        .await
        .unwrap(),
        ["3"]
    );
}

#[tokio::test]
async fn a_bad_value_of_a_visible_row_names_the_column_only() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("o.csv"),
        format!("{CSV}4,DE,Di,444-55-6666,1.00,not a number,\n"),
    )
    .unwrap();
    let lake = lake(TableFormat::Csv);
    let error = ask(
        &lake,
        "alice",
        Rows::Files(directory.path()),
        "SELECT sum(qty) FROM orders",
    )
    .await
    .unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidCast);
    assert_eq!(
        error.to_string(),
        "column `qty` holds a value that is not a valid integer"
    );
    // Columns that are not asked for are not converted.
    let rows = seen(
        directory.path(),
        TableFormat::Csv,
        "alice",
        "SELECT count(*) FROM orders",
    )
    .await
    .unwrap();
    assert_eq!(rows, ["4"]);
}

#[tokio::test]
async fn a_bad_value_in_a_cell_that_is_not_clear_is_not_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    // alice sees `amount` on DE rows only.
    std::fs::write(directory.path().join("o.csv"), CSV.replace("20.00", "CANARY")).unwrap();
    let rows = seen(
        directory.path(),
        TableFormat::Csv,
        "alice",
        "SELECT id, amount FROM orders",
    )
    .await
    .unwrap();
    assert_eq!(rows, ["1|10.00", "2|-", "3|30.00"]);
}

#[tokio::test]
async fn short_rows_and_missing_keys_are_not_null() {
    let directory = tempfile::tempdir().unwrap();
    let lines = [
        r#"{"id": 1, "region": "DE", "customer": "Ann", "ssn": "111-22-3333", "amount": 10.00, "qty": 1, "legal_hold": null}"#,
        r#"{"id": 2, "region": "FR", "customer": "Bob", "ssn": "222-33-4444", "amount": 20.00, "qty": 2, "legal_hold": 0}"#,
        r#"{"id": 900002, "region": "DE", "customer": "CANARY", "ssn": "CANARY", "amount": 1.00, "qty": 5}"#,
        r#"{"id": 900001, "region": "US", "customer": "CANARY", "ssn": "CANARY", "amount": 31337, "qty": "CANARY", "legal_hold": null}"#,
    ];
    std::fs::write(directory.path().join("o.ndjson"), lines.join("\n")).unwrap();
    let rows = seen(
        directory.path(),
        TableFormat::Ndjson,
        "alice",
        "SELECT id, ssn, qty FROM orders",
    )
    .await
    .unwrap();
    assert_eq!(rows, ["1|nnn-nn-3333|1", "2|nnn-nn-4444|2"]);
    // The owner may say that a missing key is NULL.
    let lenient = Lake {
        absent: AbsentPolicyColumns::Null,
        ..lake(TableFormat::Ndjson)
    };
    let rows = ask(
        &lenient,
        "alice",
        Rows::Files(directory.path()),
        "SELECT count(*) FROM orders",
    )
    .await
    .unwrap();
    assert_eq!(rows, ["3"]);
}

#[tokio::test]
async fn partitions_that_the_policy_hides_are_never_opened() {
    let directory = tempfile::tempdir().unwrap();
    let without: String = CSV
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let kept: Vec<&str> = cells
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != 1)
                .map(|(_, cell)| *cell)
                .collect();
            kept.join(",") + "\n"
        })
        .collect();
    for region in ["DE", "US"] {
        let folder = directory.path().join(format!("region={region}"));
        std::fs::create_dir(&folder).unwrap();
        // The hidden partition holds something that could not be read.
        let text = if region == "US" {
            "CANARY\0\"open".to_owned()
        } else {
            without.clone()
        };
        std::fs::write(folder.join("o.csv"), text).unwrap();
    }
    let mut lake = lake(TableFormat::Csv);
    let at = lake.columns.iter().position(|column| column.name == "region").unwrap();
    let mut region = lake.columns.remove(at);
    region.partition = true;
    lake.columns.push(region);
    let rows = ask(
        &lake,
        "alice",
        Rows::Files(directory.path()),
        "SELECT id, region FROM orders WHERE id < 900000",
    )
    .await
    .unwrap();
    assert_eq!(rows, ["1|DE", "2|DE", "3|DE"]);
}
