//! Do rows come out exactly, in every format?

use std::fs;

use serde_json::json;

use super::fixture::{Lake, Ran};

const ALL: &str = "select id, region, total from orders order by total desc nulls last";
const HERE: [&str; 4] = ["--catalog", "lake", "--database", "sales"];

fn print(lake: &Lake, format: &str, more: &[&str]) -> Ran {
    lake.sql(ALL, &[&["-o", format], HERE.as_slice(), more].concat())
        .exits(0)
}

#[test]
fn every_format_has_the_rows_that_ana_may_see() {
    let lake = Lake::start();
    let table = print(&lake, "table", &[]);
    assert_eq!(
        table.text(),
        "              id  region  total\n9007199254740993  eu      10.50\n               3  eu       0.01\n               5  eu       NULL\n"
    );
    let json = print(&lake, "json", &[]).json();
    assert_eq!(
        json["rows"],
        json!([
            ["9007199254740993", "eu", "10.50"],
            ["3", "eu", "0.01"],
            ["5", "eu", null]
        ])
    );
    assert_eq!(json["columns"][2]["type"], "decimal(12,2)");
    let csv =
        "\"id\",\"region\",\"total\"\n\"9007199254740993\",\"eu\",\"10.50\"\n\"3\",\"eu\",\"0.01\"\n\"5\",\"eu\",\n";
    assert_eq!(print(&lake, "csv", &[]).text(), csv);
    assert_eq!(print(&lake, "csv", &["--no-header"]).text().lines().count(), 3);
    assert_eq!(
        print(&lake, "tsv", &["--no-header", "--max-rows", "1"]).text(),
        "9007199254740993\teu\t10.50\n"
    );
    assert_eq!(print(&lake, "jsonl", &[]).text().lines().count(), 3);
    assert!(
        print(&lake, "markdown", &[])
            .text()
            .starts_with("| id | region | total |\n|--:|---|--:|\n")
    );
    assert!(print(&lake, "vertical", &[]).text().contains("total  | 10.50\n"));
    assert_eq!(print(&lake, "null", &[]).text(), "");

    let arrow = print(&lake, "arrow", &[]);
    let reader = arrow_ipc::reader::StreamReader::try_new(arrow.stdout.as_slice(), None).unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 3);
    let file = lake.path("rows.parquet");
    print(&lake, "parquet", &["--output-file", file.to_str().unwrap()]);
    let file = fs::File::open(file).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(file, 1024).unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 3);
}

#[test]
fn the_footer_is_for_people_and_rows_are_alone_on_stdout() {
    let lake = Lake::start();
    let ran = print(&lake, "csv", &[]);
    let footer = ran.stderr.trim_end();
    assert!(
        footer.starts_with("3 rows · 1.0 MiB scanned · ") && footer.contains(" s · query "),
        "{footer}"
    );
    assert_eq!(print(&lake, "csv", &["--quiet"]).stderr, "");
    let id = footer.rsplit(' ').next().unwrap();
    let again = lake.run(&["query", "results", id, "--as", "ana", "-o", "csv"]).exits(0);
    assert_eq!(again.stdout, ran.stdout);
}

#[test]
fn a_statement_comes_from_a_flag_a_file_or_the_standard_input() {
    let lake = Lake::start();
    let file = lake.path("q.sql");
    fs::write(&file, "select count(*) as n from lake.sales.orders").unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(
        lake.run(&["sql", "--as", "ana", "-f", file, "-o", "tsv"])
            .exits(0)
            .text(),
        "n\n3\n"
    );
    let piped = lake.run_with(&["sql", "--as", "ana", "-o", "tsv"], "select 7 as n");
    assert_eq!(piped.exits(0).text(), "n\n7\n");
    let bound = lake.sql(
        "select count(*) as n from lake.sales.orders where id < $1",
        &["--param", "5", "-o", "tsv"],
    );
    assert_eq!(bound.exits(0).text(), "n\n1\n");
}
