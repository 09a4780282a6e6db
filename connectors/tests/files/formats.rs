//! Do ORC and Avro files come back as their writers' own readers read them, and is every damage refused? (engine-gaps §6, §7)
//!
//! The files of `corpus/` hold the same rows, by pyarrow and fastavro (`corpus/write.py`), and once more as Parquet.

use std::time::{Duration, Instant};

use arrow::datatypes::{DataType, Field, TimeUnit};
use lakegate_connectors::files::{Format, check_policy_columns};

use crate::lake::{Lake, file_len, ours};

const ORC: &[&str] = &["lz4.orc", "old.orc", "plain.orc", "snappy.orc", "zlib.orc", "zstd.orc"];
const AVRO: &[&str] = &[
    "bzip2.avro",
    "deflate.avro",
    "null.avro",
    "snappy.avro",
    "zstandard.avro",
];

fn bytes(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/files/corpus")
        .join(name);
    std::fs::read(path).expect(name)
}

fn format(name: &str) -> Format {
    if name.ends_with("orc") {
        Format::Orc
    } else {
        Format::Avro
    }
}

fn columns() -> Vec<(&'static str, DataType)> {
    let list = |item| DataType::new_list(item, true);
    let members = |members: Vec<(&str, DataType)>| {
        let fields = members
            .into_iter()
            .map(|(name, data_type)| Field::new(name, data_type, true));
        DataType::Struct(fields.collect())
    };
    let entries = vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Int64, true),
    ];
    let entries = Field::new("entries", DataType::Struct(entries.into()), false);
    vec![
        ("b", DataType::Boolean),
        ("i8", DataType::Int8),
        ("i16", DataType::Int16),
        ("i32", DataType::Int32),
        ("i64", DataType::Int64),
        ("full", DataType::Int64),
        ("f", DataType::Float32),
        ("d", DataType::Float64),
        ("s", DataType::Utf8),
        ("dict", DataType::Utf8),
        ("y", DataType::Binary),
        ("day", DataType::Date32),
        ("ts", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("dec", DataType::Decimal128(18, 3)),
        ("big", DataType::Decimal128(38, 10)),
        ("l", list(DataType::Int64)),
        ("m", DataType::Map(entries.into(), false)),
        (
            "st",
            members(vec![
                ("x", DataType::Int32),
                ("y", list(members(vec![("z", DataType::Utf8)]))),
            ]),
        ),
    ]
}

/// Columns of Avro: it has no small integers, and the enum has a word for the empty text.
fn of_avro() -> Vec<(&'static str, DataType)> {
    let mut columns = columns();
    columns.retain(|(name, _)| !["i8", "i16", "dict"].contains(name));
    columns
}

/// The rows of a file of the corpus, in order of their text (bytes are shown as text, and some of them are line ends).
async fn rows(lake: &Lake, name: &str, format: Format, columns: &[(&str, DataType)]) -> String {
    lake.write("t/f", bytes(name));
    let table = lake.table("t", format, columns);
    lake.read(&table)
        .await
        .unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

#[tokio::test]
async fn orc_is_read_as_its_writer_reads_it() {
    let lake = Lake::new();
    let columns = columns();
    let expected = rows(&lake, "rows.parquet", Format::Parquet, &columns).await;
    assert!(expected.lines().count() > 420);
    for name in ORC {
        let found = rows(&lake, name, Format::Orc, &columns).await;
        for (found, expected) in found.lines().zip(expected.lines()) {
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(found.lines().count(), expected.lines().count(), "{name}");
    }
    // Some columns in another order, fewer bytes; none at all.
    lake.scanned();
    for name in ORC {
        lake.write("t/f", bytes(name));
        let table = lake.table("t", Format::Orc, &columns);
        let files = lake.list(&table).await;
        let some = lake.scan(&table, &files, vec![12, 4], None, vec![]).await.expect(name);
        assert!(lake.scanned() < file_len(&lake.path("t/f")) / 2, "{name}");
        lake.write("t/f", bytes("rows.parquet"));
        let parquet = lake.table("t", Format::Parquet, &columns);
        let files = lake.list(&parquet).await;
        let expected = lake
            .scan(&parquet, &files, vec![12, 4], None, vec![])
            .await
            .expect(name);
        assert_eq!(some, expected, "{name}");
        lake.scanned();
    }
}

#[tokio::test]
async fn avro_is_read_as_its_writer_reads_it() {
    let lake = Lake::new();
    let columns = of_avro();
    let expected = rows(&lake, "rows.parquet", Format::Parquet, &columns).await;
    for name in AVRO {
        let found = rows(&lake, name, Format::Avro, &columns).await;
        for (found, expected) in found.lines().zip(expected.lines()) {
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(found.lines().count(), expected.lines().count(), "{name}");
        let odd = [
            ("again", DataType::Utf8),
            ("mixed", DataType::Utf8),
            ("absent", DataType::Int64),
        ];
        let found = rows(&lake, name, Format::Avro, &odd).await;
        for row in [
            "again,mixed,absent",
            "blue,,",
            "blue,5,",
            "blue,\"five\",",
            "blue,{\"z\":\"deep\"},",
        ] {
            assert!(
                found.lines().any(|found| found == row),
                "{name}: {row} is not in {found}"
            );
        }
    }
}

/// Names without case, wider types, absent columns; columns of policies are looked for in the file.
#[tokio::test]
async fn declared_columns_meet_those_of_the_files() {
    let mut lake = Lake::new();
    for name in ["zlib.orc", "null.avro"] {
        lake.write("t/f", bytes(name));
        let mut table = lake.table(
            "t",
            format(name),
            &[("FULL", DataType::Decimal128(38, 2)), ("nix", DataType::Utf8)],
        );
        table.options.by_position = false;
        let found = lake.read(&table).await.expect(name);
        assert!(found.lines().any(|row| row == "7.00,"), "{name}: {found}");
        let files = lake.list(&table).await;
        let names = ["full".to_owned(), "nix".to_owned()];
        let absent = check_policy_columns(&table, &files, &names, &lake.store, &lake.cache).await;
        assert_eq!(absent.expect(name), [("nix".to_owned(), "t/f".to_owned())], "{name}");
        // A type that may fail at a value is refused before values are looked at where rows are hidden.
        let mut table = lake.table("t", format(name), &[("full", DataType::Int16)]);
        table.options.by_position = false;
        for (restricted, code) in [(false, "VALUE_MISMATCH"), (true, "TYPE_MISMATCH")] {
            lake.restricted = restricted;
            assert_eq!(ours(&lake.read(&table).await.expect_err(name)).code(), code, "{name}");
        }
        lake.restricted = false;
        let inferred = lake.infer("t", format(name)).await.expect(name);
        let full = inferred.iter().find(|(column, _)| column == "full");
        assert_eq!(full.map(|(_, data_type)| data_type), Some(&DataType::Int64));
    }
    // By position: what the file calls its columns does not matter.
    lake.write("t/f", bytes("zlib.orc"));
    let table = lake.table("t", Format::Orc, &[("x", DataType::Boolean), ("y", DataType::Int8)]);
    let mut named = lake.table("t", Format::Orc, &[("b", DataType::Boolean), ("i8", DataType::Int8)]);
    named.options.by_position = false;
    let (x, b) = (
        lake.read(&table).await.expect("rows"),
        lake.read(&named).await.expect("rows"),
    );
    assert_eq!(
        x.lines().skip(1).collect::<Vec<_>>(),
        b.lines().skip(1).collect::<Vec<_>>()
    );
}

/// Wherever a file is cut, it never looks whole; a flipped bit is an error or a value, never a panic that gets out or a hang.
#[tokio::test]
async fn cut_and_damaged_files_are_refused() {
    let lake = Lake::new();
    for name in ["plain.orc", "zlib.orc", "zstd.orc", "null.avro", "deflate.avro"] {
        let columns = if format(name) == Format::Orc {
            columns()
        } else {
            of_avro()
        };
        let table = lake.table("t", format(name), &columns);
        let good = bytes(name);
        for cut in (1..good.len()).step_by(good.len() / 20) {
            lake.write("t/f", &good[..cut]);
            match lake.read(&table).await {
                Err(error) => assert_eq!(ours(&error).file(), Some("t/f"), "{name} cut at {cut}: {error}"),
                // Between two blocks of Avro: no file says how many there are.
                Ok(_) => assert!(
                    format(name) == Format::Avro && ends_with_marker(&good, cut),
                    "{name} cut at {cut}"
                ),
            }
        }
        let started = Instant::now();
        for at in (3..good.len()).step_by(good.len() / 50) {
            for bits in [0x01, 0xff] {
                let mut damaged = good.clone();
                damaged[at] ^= bits;
                lake.write("t/f", &damaged);
                if let Err(error) = lake.read(&table).await {
                    assert_eq!(ours(&error).file(), Some("t/f"), "{name} damaged at {at}: {error:?}");
                }
            }
        }
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "{name}: {:?}",
            started.elapsed()
        );
    }
}

fn ends_with_marker(good: &[u8], cut: usize) -> bool {
    cut >= 16 && good[cut - 16..cut] == good[good.len() - 16..]
}

/// engine-gaps §6: other readers end early here and say nothing.
#[tokio::test]
async fn a_wrong_marker_of_avro_is_an_error() {
    let lake = Lake::new();
    let table = lake.table("t", Format::Avro, &of_avro());
    let good = bytes("null.avro");
    let marker = good[good.len() - 16..].to_vec();
    let places: Vec<usize> = (0..good.len() - 15)
        .filter(|at| good[*at..at + 16] == marker[..])
        .collect();
    assert!(places.len() > 3, "{places:?}");
    for at in &places[1..] {
        let mut damaged = good.clone();
        damaged[at + 5] ^= 1;
        lake.write("t/f", &damaged);
        let error = lake.read(&table).await.expect_err("another marker");
        assert_eq!(
            ours(&error).detail(),
            Some("a block does not end with the marker of the file")
        );
    }
    lake.write("t/f", "PAR1, or anything else");
    for format in [Format::Avro, Format::Orc] {
        let table = lake.table("t", format, &[("a", DataType::Int64)]);
        let error = lake.read(&table).await.expect_err("foreign");
        assert_eq!(
            (ours(&error).code(), ours(&error).file()),
            ("CORRUPT_FILE", Some("t/f"))
        );
    }
}
