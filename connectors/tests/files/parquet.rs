//! Are Parquet files read by name, widened, pruned, counted and refused as the design says?

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BinaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};
use datafusion::{
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::{
        PhysicalExpr,
        expressions::{binary, col, lit},
    },
};
use lakegate_connectors::files::{Format, check_policy_columns, raw_schema};
use parquet::{
    data_type::{ByteArray, ByteArrayType},
    file::{
        metadata::ParquetMetaDataReader, reader::FileReader, serialized_reader::SerializedFileReader,
        writer::SerializedFileWriter,
    },
    schema::parser::parse_message_type,
};

use crate::lake::{Lake, file_len, ours};

fn numbers(name: &str, values: std::ops::Range<i64>) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(values.clone()));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(
        values.clone().map(|value| format!("text {}", value * 7919)),
    ));
    let doubles: ArrayRef = Arc::new(Float64Array::from_iter_values(values.map(|value| value as f64)));
    RecordBatch::try_from_iter([(name, ids), ("t", texts), ("d", doubles)]).expect("batch")
}

fn compare(schema: &Schema, name: &str, operator: Operator, value: ScalarValue) -> Arc<dyn PhysicalExpr> {
    binary(col(name, schema).expect("column"), operator, lit(value), schema).expect("predicate")
}

/// Footer + 8, and compressed sizes of the columns of the row groups kept.
fn expected(path: &std::path::Path, columns: &[usize], groups: &[usize]) -> u64 {
    let reader = SerializedFileReader::new(std::fs::File::open(path).expect("file")).expect("reader");
    let bytes = std::fs::read(path).expect("bytes");
    let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().expect("length"));
    let chunks: i64 = groups
        .iter()
        .flat_map(|group| {
            columns
                .iter()
                .map(|column| reader.metadata().row_group(*group).column(*column).compressed_size())
        })
        .sum();
    u64::from(footer) + 8 + u64::try_from(chunks).expect("positive")
}

#[tokio::test]
async fn scanned_bytes_are_chunks_and_footers() {
    let mut lake = Lake::new();
    lake.parquet("t/one", &[numbers("id", 0..50_000)], 10_000);
    lake.parquet("t/two", &[numbers("id", 50_000..60_000)], 10_000);
    let table = lake.table(
        "t",
        Format::Parquet,
        &[("id", DataType::Int64), ("t", DataType::Utf8), ("d", DataType::Float64)],
    );
    let files = lake.list(&table).await;
    let (one, two) = (lake.path("t/one"), lake.path("t/two"));
    // The second round finds the footers in the cache and several partitions share files: the same count.
    for partitions in [1, 4] {
        lake.partitions = partitions;
        lake.scan(&table, &files, vec![0, 1], None, vec![]).await.expect("scan");
        assert_eq!(
            lake.scanned(),
            expected(&one, &[0, 1], &[0, 1, 2, 3, 4]) + expected(&two, &[0, 1], &[0])
        );
        let prune = compare(
            &raw_schema(&table),
            "id",
            Operator::GtEq,
            ScalarValue::Int64(Some(45_000)),
        );
        lake.scan(&table, &files, vec![0, 1], Some(prune), vec![])
            .await
            .expect("scan");
        assert_eq!(
            lake.scanned(),
            expected(&one, &[0, 1], &[4]) + expected(&two, &[0, 1], &[0])
        );
        let none = compare(
            &raw_schema(&table),
            "id",
            Operator::Gt,
            ScalarValue::Int64(Some(1_000_000)),
        );
        lake.scan(&table, &files, vec![2], Some(none), vec![])
            .await
            .expect("scan");
        assert_eq!(lake.scanned(), expected(&one, &[], &[]) + expected(&two, &[], &[]));
    }
    assert!(lake.cache.bytes() > 0);
    assert_eq!(lake.meter.files.load(std::sync::atomic::Ordering::Relaxed), 12);
}

#[tokio::test]
async fn columns_are_found_by_name_without_case_and_widened() {
    let lake = Lake::new();
    let amount: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    lake.parquet(
        "t/part-0001",
        &[RecordBatch::try_from_iter([("Text", text), ("AMOUNT", Arc::clone(&amount))]).expect("batch")],
        10,
    );
    lake.parquet(
        "t/sub/x.parquet",
        &[RecordBatch::try_from_iter([("amount", amount)]).expect("batch")],
        10,
    );
    lake.write("t/_SUCCESS", "");
    lake.write("t/_temporary/x.parquet", "garbage");
    let table = lake.table(
        "t",
        Format::Parquet,
        &[("amount", DataType::Int64), ("text", DataType::Utf8View)],
    );
    assert_eq!(lake.read(&table).await.expect("rows"), "amount,text\n1,\n1,a\n2,\n2,b");
    let prune = compare(
        &raw_schema(&table),
        "amount",
        Operator::Gt,
        ScalarValue::Int64(Some(100)),
    );
    let files = lake.list(&table).await;
    assert_eq!(
        lake.scan(&table, &files, vec![1], Some(prune), vec![])
            .await
            .expect("rows"),
        ""
    );
    let absent = check_policy_columns(
        &table,
        &files,
        &["text".into(), "amount".into()],
        &lake.store,
        &lake.cache,
    )
    .await
    .expect("check");
    assert_eq!(absent, [("text".to_owned(), "t/sub/x.parquet".to_owned())]);
}

#[tokio::test]
async fn text_is_no_number_and_two_names_are_an_error() {
    let lake = Lake::new();
    let text: ArrayRef = Arc::new(StringArray::from(vec!["1"]));
    lake.parquet(
        "t/a",
        &[RecordBatch::try_from_iter([("id", Arc::clone(&text)), ("x", Arc::clone(&text))]).expect("batch")],
        10,
    );
    let table = lake.table("t", Format::Parquet, &[("id", DataType::Int64), ("x", DataType::Utf8)]);
    let error = lake.read(&table).await.expect_err("type");
    assert_eq!(
        (ours(&error).code(), ours(&error).file()),
        ("TYPE_MISMATCH", Some("t/a"))
    );
    assert!(ours(&error).detail().expect("detail").contains("`id`"));
    let files = lake.list(&table).await;
    assert_eq!(
        lake.scan(&table, &files, vec![1], None, vec![])
            .await
            .expect("other column"),
        "x\n1"
    );

    lake.parquet(
        "u/a",
        &[RecordBatch::try_from_iter([("Id", Arc::clone(&text)), ("ID", text)]).expect("batch")],
        10,
    );
    let table = lake.table("u", Format::Parquet, &[("id", DataType::Utf8)]);
    let error = lake.read(&table).await.expect_err("ambiguous");
    assert_eq!(ours(&error).detail(), Some("columns `Id` and `ID`"));
    assert_eq!(
        lake.infer("u", Format::Parquet).await.expect_err("ambiguous").code(),
        "AMBIGUOUS_COLUMN"
    );
}

#[tokio::test]
async fn a_narrower_type_fails_at_the_value_or_for_the_restricted_at_once() {
    let mut lake = Lake::new();
    let rows = |values: Vec<i64>| {
        let values: ArrayRef = Arc::new(Int64Array::from(values));
        RecordBatch::try_from_iter([("n", Arc::clone(&values)), ("m", values)]).expect("batch")
    };
    lake.parquet("t/a", &[rows(vec![1, 2])], 10);
    let columns = [("n", DataType::Int32), ("m", DataType::Int64)];
    let table = lake.table("t", Format::Parquet, &columns);
    assert_eq!(lake.read(&table).await.expect("rows"), "n,m\n1,1\n2,2");
    lake.parquet("u/a", &[rows(vec![1, 1 << 40])], 10);
    let wide = lake.table("u", Format::Parquet, &columns);
    let error = lake.read(&wide).await.expect_err("a value that does not fit");
    assert_eq!(ours(&error).code(), "VALUE_MISMATCH");
    lake.restricted = true;
    // Whatever the values are: the same answer.
    for table in [&table, &wide] {
        let error = lake.read(table).await.expect_err("type");
        assert_eq!(ours(&error).code(), "TYPE_MISMATCH");
        let files = lake.list(table).await;
        lake.scan(table, &files, vec![1], None, vec![])
            .await
            .expect("other column");
    }
}

/// The decoder would make a text of any bytes: they are looked at, and the restricted are told the same whatever they are.
#[tokio::test]
async fn bytes_are_text_if_they_are() {
    let mut lake = Lake::new();
    let rows = |bytes: &[u8]| {
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![
            Some(bytes),
            None,
            Some(&b"a text that is not short"[..]),
        ]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        RecordBatch::try_from_iter([("x", bytes), ("n", numbers)]).expect("batch")
    };
    lake.parquet("t/a", &[rows("ä".as_bytes())], 10);
    lake.parquet("u/a", &[rows(b"\xff\xfe")], 10);
    let columns = [("x", DataType::Utf8View), ("n", DataType::Int64)];
    let good = lake.table("t", Format::Parquet, &columns);
    let bad = lake.table("u", Format::Parquet, &columns);
    assert_eq!(
        lake.read(&good).await.expect("rows"),
        "x,n\n,2\na text that is not short,3\nä,1"
    );
    let error = lake.read(&bad).await.expect_err("bytes that are no text");
    assert_eq!(
        (ours(&error).code(), ours(&error).file()),
        ("VALUE_MISMATCH", Some("u/a"))
    );
    lake.restricted = true;
    for table in [&good, &bad] {
        let error = lake.read(table).await.expect_err("type");
        assert_eq!(ours(&error).code(), "TYPE_MISMATCH");
        let files = lake.list(table).await;
        lake.scan(table, &files, vec![1], None, vec![])
            .await
            .expect("other column");
    }
}

/// A row with the bytes at the top and within a struct, both called JSON.
fn json_file(value: &[u8]) -> Vec<u8> {
    let schema = "message m { required binary x (JSON); required group s { required binary y (JSON); } }";
    let schema = Arc::new(parse_message_type(schema).expect("schema"));
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).expect("file");
    let mut group = file.next_row_group().expect("row group");
    while let Some(mut column) = group.next_column().expect("column") {
        let values = [ByteArray::from(value.to_vec())];
        column
            .typed::<ByteArrayType>()
            .write_batch(&values, None, None)
            .expect("value");
        column.close().expect("column");
    }
    group.close().expect("row group");
    file.into_inner().expect("bytes")
}

/// What a file calls JSON is text without a look: broken UTF-8 there is a broken file, to whoever reads it, at any depth.
#[tokio::test]
async fn json_of_a_file_is_utf8_or_the_file_is_broken() {
    let mut lake = Lake::new();
    lake.write("t/a", json_file("{\"ä\": 1}".as_bytes()));
    lake.write("u/a", json_file(b"\xff\xfe"));
    let within = DataType::Struct(vec![Field::new("y", DataType::Utf8, true)].into());
    let columns = [("x", DataType::Utf8View), ("s", within)];
    let good = lake.table("t", Format::Parquet, &columns);
    let bad = lake.table("u", Format::Parquet, &columns);
    for restricted in [false, true] {
        lake.restricted = restricted;
        for column in [0, 1] {
            let files = lake.list(&good).await;
            lake.scan(&good, &files, vec![column], None, vec![])
                .await
                .expect("text");
            let files = lake.list(&bad).await;
            let error = lake
                .scan(&bad, &files, vec![column], None, vec![])
                .await
                .expect_err("bytes that are no text");
            assert_eq!(
                (ours(&error).code(), ours(&error).file()),
                ("CORRUPT_FILE", Some("u/a"))
            );
        }
    }
}

#[tokio::test]
async fn nan_is_not_lost_to_statistics() {
    let lake = Lake::new();
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 1.0, f64::NAN]));
    lake.parquet(
        "t/a",
        &[RecordBatch::try_from_iter([("f", doubles)]).expect("batch")],
        10,
    );
    let table = lake.table("t", Format::Parquet, &[("f", DataType::Float64)]);
    let prune = compare(&raw_schema(&table), "f", Operator::Gt, ScalarValue::Float64(Some(1.0)));
    let files = lake.list(&table).await;
    assert_eq!(
        lake.scan(&table, &files, vec![0], Some(prune), vec![])
            .await
            .expect("rows"),
        "f\n0.5\n1.0\nNaN"
    );
}

#[tokio::test]
async fn values_come_from_pages_not_from_statistics() {
    // min = max = 0x4141414141414141 in the statistics; the page is changed behind their back.
    let lake = Lake::new();
    let value = 0x4141_4141_4141_4141_i64;
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![value]));
    let batch = RecordBatch::try_from_iter([("id", ids)]).expect("batch");
    let mut bytes = crate::lake::parquet_bytes(&[batch], 10);
    let position = bytes
        .windows(8)
        .position(|window| window == value.to_le_bytes())
        .expect("value");
    bytes[position..position + 8].copy_from_slice(&7_i64.to_le_bytes());
    lake.write("t/a", bytes);
    let table = lake.table("t", Format::Parquet, &[("id", DataType::Int64)]);
    assert_eq!(lake.read(&table).await.expect("rows"), "id\n7");
}

#[tokio::test]
async fn broken_files_are_refused_by_name_and_others_go_on() {
    let lake = Lake::new();
    let whole = crate::lake::parquet_bytes(&[numbers("id", 0..1_000)], 1_000);
    let mut wild = b"PAR1abc".to_vec();
    wild.extend_from_slice(&0xFFFF_FF00_u32.to_le_bytes());
    wild.extend_from_slice(b"PAR1");
    assert_eq!(wild.len(), 15);
    let cases = [
        ("tail", wild),
        ("short", b"PAR1".to_vec()),
        ("text", b"this is no Parquet file at all".to_vec()),
        ("cut", whole[..whole.len() / 2].to_vec()),
        (
            "gap",
            [&whole[..whole.len() / 2], &whole[whole.len() / 2 + 100..]].concat(),
        ),
    ];
    for (name, bytes) in cases {
        lake.write(&format!("{name}/f"), bytes);
        let table = lake.table(name, Format::Parquet, &[("id", DataType::Int64), ("t", DataType::Utf8)]);
        let error = lake.read(&table).await.expect_err(name);
        assert_eq!(
            (ours(&error).code(), ours(&error).file()),
            ("CORRUPT_FILE", Some(format!("{name}/f").as_str())),
            "{name}"
        );
        assert!(!ours(&error).to_string().contains('/'));
    }
    lake.write("good/f", &whole);
    let table = lake.table("good", Format::Parquet, &[("id", DataType::Int64)]);
    assert_eq!(lake.read(&table).await.expect("rows").lines().count(), 1_001);
}

#[tokio::test]
async fn damaged_pages_never_panic_through() {
    let lake = Lake::new();
    let whole = crate::lake::parquet_bytes(&[numbers("id", 0..2_000)], 2_000);
    let mut seed = 0x1234_5678_u64;
    let mut refused = 0;
    for round in 0..60 {
        let mut bytes = whole.clone();
        for _ in 0..8 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let position = usize::try_from(seed >> 33).expect("position") % bytes.len();
            bytes[position] ^= 1 << (seed & 7);
        }
        let name = format!("d{round}");
        lake.write(&format!("{name}/f"), bytes);
        let table = lake.table(
            &name,
            Format::Parquet,
            &[("id", DataType::Int64), ("t", DataType::Utf8), ("d", DataType::Float64)],
        );
        if let Err(error) = lake.read(&table).await {
            assert_eq!(ours(&error).file(), Some(format!("{name}/f").as_str()));
            refused += 1;
        }
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn inference_widens_over_all_files() {
    let lake = Lake::new();
    let (narrow, wide): (ArrayRef, ArrayRef) =
        (Arc::new(Int32Array::from(vec![1])), Arc::new(Int64Array::from(vec![2])));
    lake.parquet(
        "t/a",
        &[RecordBatch::try_from_iter([("Id", narrow)]).expect("batch")],
        10,
    );
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    lake.parquet(
        "t/b",
        &[RecordBatch::try_from_iter([("id", wide), ("name", text)]).expect("batch")],
        10,
    );
    let columns = lake.infer("t", Format::Parquet).await.expect("columns");
    assert_eq!(
        columns,
        [("id".to_owned(), DataType::Int64), ("name".to_owned(), DataType::Utf8)]
    );
    assert_eq!(
        lake.infer("nothing", Format::Parquet).await.expect_err("empty").code(),
        "NOTHING_TO_INFER"
    );
}

#[test]
fn the_expected_count_is_independent_of_our_reader() {
    let lake = Lake::new();
    lake.parquet("t/a", &[numbers("id", 0..100)], 100);
    let path = lake.path("t/a");
    let metadata = ParquetMetaDataReader::new()
        .parse_and_finish(&std::fs::File::open(&path).expect("file"))
        .expect("metadata");
    assert!(
        metadata.row_group(0).column(0).offset_index_offset().is_none(),
        "no page index in these files"
    );
    assert!(expected(&path, &[0, 1, 2], &[0]) + 4 <= file_len(&path));
}
