//! Are files of Parquet by old, careless and hostile writers read, or refused by a word that says why? (engine-gaps §3)
//!
//! The files of `corpus/` are pyarrow's, with a few bytes changed (`corpus/odd.py`).

use std::{sync::Arc, time::Instant};

use arrow::{array::RecordBatch, datatypes::DataType};
use datafusion::{
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::expressions::{binary, col, lit},
};
use lakegate_connectors::{
    error::ConnectorError,
    files::{FileTable, Format, raw_schema},
};

use crate::lake::{Lake, ours};

fn bytes(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/corpus");
    std::fs::read(folder.join(name)).expect(name)
}

fn columns() -> Vec<(&'static str, DataType)> {
    vec![
        ("id", DataType::Int64),
        ("word", DataType::Utf8View),
        ("day", DataType::Date32),
        ("l", DataType::new_list(DataType::Int64, true)),
    ]
}

fn table(lake: &Lake, name: &str, columns: &[(&str, DataType)]) -> FileTable {
    lake.write("t/f", bytes(name));
    lake.table("t", Format::Parquet, columns)
}

async fn refused(lake: &Lake, table: &FileTable) -> (String, Option<String>, Option<String>) {
    let error = lake.read(table).await.expect_err("refused");
    let ours: &ConnectorError = ours(&error);
    let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
    (ours.to_string(), owned(ours.detail()), owned(ours.file()))
}

/// R: a dictionary at the place 0, annotations that nobody knows, and lists of short numbers mean what other readers read.
#[tokio::test]
async fn old_footers_are_read() {
    let lake = Lake::new();
    let expected = lake
        .read(&table(&lake, "as-written.parquet", &columns()))
        .await
        .expect("rows");
    assert_eq!(expected.lines().count(), 61);
    for name in ["no-dictionary.parquet", "annotation.parquet", "short-lists.parquet"] {
        let table = table(&lake, name, &columns());
        let found = lake
            .read(&table)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(found, expected, "{name}");
        // The index of pages, which a condition asks for.
        let schema = raw_schema(&table);
        let bound = lit(ScalarValue::Int64(Some(55)));
        let prune = binary(col("id", &schema).expect("id"), Operator::Gt, bound, &schema).expect("condition");
        let files = lake.list(&table).await;
        lake.scanned();
        for projection in [vec![0, 2], vec![0, 1, 2, 3]] {
            let found = lake.scan(&table, &files, projection.clone(), Some(Arc::clone(&prune)), vec![]);
            let found = found.await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert!(found.lines().any(|row| row.starts_with("59,")), "{name}: {found}");
            let all = found.lines().count() == 61;
            assert_eq!(
                all,
                name != "short-lists.parquet" || projection.len() == 4,
                "{name}: {found}"
            );
        }
    }
}

/// R: what is not encrypted is read.
#[tokio::test]
async fn encrypted_columns_are_refused_by_name() {
    let mut lake = Lake::new();
    let plain = [columns()[0].clone(), columns()[2].clone()];
    let expected = lake
        .read(&table(&lake, "as-written.parquet", &plain))
        .await
        .expect("rows");
    for restricted in [false, true] {
        lake.restricted = restricted;
        let open = table(&lake, "encrypted-columns.parquet", &plain);
        assert_eq!(lake.read(&open).await.expect("rows"), expected);
        let files = lake.list(&open).await;
        let none = lake.batches(&open, &files, vec![], None, vec![]).await.expect("rows");
        assert_eq!(none.iter().map(RecordBatch::num_rows).sum::<usize>(), 60);
        let word = table(&lake, "encrypted-columns.parquet", &[("word", DataType::Utf8View)]);
        let (words, detail, file) = refused(&lake, &word).await;
        assert_eq!(words, "an encrypted column of a Parquet file");
        assert_eq!(
            (detail.as_deref(), file.as_deref()),
            (Some("column `word`"), Some("t/f"))
        );
        let all = table(&lake, "encrypted-footer.parquet", &plain);
        let (words, _, file) = refused(&lake, &all).await;
        assert_eq!(
            (words.as_str(), file.as_deref()),
            ("an encrypted Parquet footer", Some("t/f"))
        );
    }
}

/// H: three kilobytes that hold two thousand million bytes, as their header says or not.
#[tokio::test]
async fn pages_of_gigabytes_are_refused_before_they_are() {
    let lake = Lake::new();
    for (name, words) in [
        ("gigabytes.parquet", "a page of a file expands too much"),
        (
            "gigabytes-unsaid.parquet",
            "a page of a file expands to more than it says",
        ),
    ] {
        let table = table(&lake, name, &[("s", DataType::Utf8View)]);
        assert!(bytes(name).len() < 4_096);
        let started = Instant::now();
        let error = lake.read(&table).await.expect_err("refused");
        assert!(started.elapsed().as_secs() < 2, "{name}: {:?}", started.elapsed());
        let error = ours(&error);
        assert_eq!(
            (error.code(), error.file()),
            ("SOURCE_LIMIT_EXCEEDED", Some("t/f")),
            "{name}"
        );
        assert_eq!(error.to_string(), words, "{name}");
    }
}

/// P: a footer of 30 bytes that names two thousand million row groups, for which its decoder would ask for memory.
#[tokio::test]
async fn a_footer_of_endless_row_groups_ends_nothing() {
    let lake = Lake::new();
    let root = [0x48, 1, b'm', 0x15, 2, 0];
    let leaf = [0x15, 4, 0x25, 0, 0x18, 1, b'x', 0];
    let groups = [0x16, 2, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07];
    let footer = [&[0x15, 2, 0x19, 0x2c][..], &root, &leaf, &groups].concat();
    let length = u32::try_from(footer.len()).expect("short").to_le_bytes();
    lake.write("t/f", [b"PAR1", &footer[..], &length, b"PAR1"].concat());
    let table = lake.table("t", Format::Parquet, &[("x", DataType::Int64)]);
    let error = lake.read(&table).await.expect_err("refused");
    assert_eq!(
        (ours(&error).code(), ours(&error).file()),
        ("CORRUPT_FILE", Some("t/f"))
    );
}
