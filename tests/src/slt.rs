//! How does an `.slt` file run? Its tables become files and a SQLite source; every record is asked by two people.
//!
//! sqllogictest's `statement ok`, `statement error CODE` and `query TYPES [rowsort]`, and one addition:
//!
//! ```text
//! table NAME parquet|csv|sqlite [rows per row group]
//! id bigint, name varchar
//! 1,a
//! ```
//!
//! `sam` may read every table; `fay` only through two row filters that together show every row, so that the same answer has
//! to come through the barrier with a policy filter in it. `LAKEGATE_SLT_UPDATE=1` writes what came out into the file.

mod tables;

use std::{fmt::Write as _, fs, path::Path};

use arrow::datatypes::DataType;

use crate::{answer::Answer, world::World};
use tables::SltTable;

const PEOPLE: [&str; 2] = ["sam", "fay"];

enum Record {
    /// Comments and blank lines.
    Text(String),
    Table(String, SltTable),
    Statement {
        sql: String,
        line: usize,
        error: Option<String>,
    },
    Query {
        sql: String,
        line: usize,
        types: String,
        sorted: bool,
        expected: Vec<String>,
    },
}

/// Runs one file; panics with every difference.
pub async fn run(path: &Path) {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut records = parse(&text);
    let world = World::new().await;
    let tables: Vec<&SltTable> = records
        .iter()
        .filter_map(|record| {
            if let Record::Table(_, table) = record {
                Some(table)
            } else {
                None
            }
        })
        .collect();
    tables::apply(&world, &tables).await;
    let update = std::env::var_os("LAKEGATE_SLT_UPDATE").is_some();
    let mut differences = String::new();
    for record in &mut records {
        for person in PEOPLE {
            let found = check(&world, person, record, update && person == PEOPLE[0]).await;
            if let Err(difference) = found {
                let _ = writeln!(differences, "{}:{difference}\n", path.display());
            }
        }
    }
    if update {
        fs::write(path, records.iter().map(written).collect::<String>()).expect("the file can be written");
    }
    assert!(differences.is_empty(), "\n{differences}");
}

async fn check(world: &World, person: &str, record: &mut Record, update: bool) -> Result<(), String> {
    match record {
        Record::Text(_) | Record::Table(..) => Ok(()),
        Record::Statement { sql, line, error } => {
            let got = world.run(person, sql).await.map(|answer| answer.text());
            let code = got.as_ref().err().map(|failure| failure.code.text().to_owned());
            if update {
                error.clone_from(&code);
            }
            if code == *error {
                return Ok(());
            }
            Err(format!("{line}: {person}: {sql}\nexpected {error:?}, got {got:?}"))
        }
        Record::Query {
            sql,
            line,
            types,
            sorted,
            expected,
        } => {
            let answer = match world.run(person, sql).await {
                Ok(answer) => answer,
                Err(error) => return Err(format!("{line}: {person}: {sql}\n{error:?}")),
            };
            let mut lines = answer.lines();
            if *sorted {
                lines.sort();
            }
            if update {
                expected.clone_from(&lines);
                *types = letters(&answer);
            }
            if lines == *expected && letters(&answer) == *types {
                return Ok(());
            }
            let (expected, got) = (expected.join("\n"), lines.join("\n"));
            Err(format!(
                "{line}: {person}: {sql}\nexpected {types}\n{expected}\ngot {}\n{got}",
                letters(&answer)
            ))
        }
    }
}

/// One letter a column: Boolean, Integer, Real (double, decimal), Text, Date, timestamP, others `?`.
fn letters(answer: &Answer) -> String {
    let letter = |data_type: &DataType| match data_type {
        DataType::Boolean => 'B',
        DataType::Utf8 => 'T',
        DataType::Date32 => 'D',
        DataType::Timestamp(..) => 'P',
        other if other.is_integer() => 'I',
        other if other.is_floating() || matches!(other, DataType::Decimal128(..) | DataType::Decimal256(..)) => 'R',
        _ => '?',
    };
    answer
        .schema
        .fields()
        .iter()
        .map(|field| letter(field.data_type()))
        .collect()
}

fn parse(text: &str) -> Vec<Record> {
    let lines: Vec<&str> = text.lines().collect();
    let mut records = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let head = lines[at];
        let words: Vec<&str> = head.split_whitespace().collect();
        let line = at + 1;
        let block = || lines[line..].iter().take_while(|line| !line.trim().is_empty());
        let body: Vec<&str> = block().copied().collect();
        let record = match words.as_slice() {
            ["table", name, format, rest @ ..] => {
                let table = SltTable::new(name, format, rest.first().copied(), &body);
                Record::Table(format!("{head}\n{}\n", body.join("\n")), table)
            }
            ["statement", "ok"] => Record::Statement {
                sql: body.join("\n"),
                line,
                error: None,
            },
            ["statement", "error", code] => Record::Statement {
                sql: body.join("\n"),
                line,
                error: Some((*code).to_owned()),
            },
            ["query", types, rest @ ..] => {
                let split = body.iter().position(|line| *line == "----").unwrap_or(body.len());
                let expected = body.iter().skip(split + 1).map(|line| (*line).to_owned()).collect();
                let sql = body[..split].join("\n");
                Record::Query {
                    sql,
                    line,
                    types: (*types).to_owned(),
                    sorted: rest.contains(&"rowsort"),
                    expected,
                }
            }
            [] => Record::Text(format!("{head}\n")),
            [first, ..] if first.starts_with('#') => Record::Text(format!("{head}\n")),
            _ => panic!("{line}: {head}: not a record"),
        };
        at += if matches!(record, Record::Text(_)) {
            1
        } else {
            1 + body.len()
        };
        records.push(record);
    }
    records
}

fn written(record: &Record) -> String {
    match record {
        Record::Text(text) | Record::Table(text, _) => text.clone(),
        Record::Statement { sql, error: None, .. } => format!("statement ok\n{sql}\n"),
        Record::Statement {
            sql, error: Some(code), ..
        } => format!("statement error {code}\n{sql}\n"),
        Record::Query {
            sql,
            types,
            sorted,
            expected,
            ..
        } => {
            let sort = if *sorted { " rowsort" } else { "" };
            let rows: String = expected.iter().map(|line| format!("{line}\n")).collect();
            format!("query {types}{sort}\n{sql}\n----\n{rows}")
        }
    }
}
