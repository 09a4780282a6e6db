//! Are footers and headers read once, and are stripes left out that hold nothing of what is asked for?

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::DataType};
use datafusion::{
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::{
        PhysicalExpr,
        expressions::{binary, col, is_null, lit},
    },
};
use lakegate_connectors::files::{
    FileTable, Format, PartitionSource, PolicyRead, check_policy_columns, policy_bytes, raw_schema,
};

use crate::lake::{Lake, file_len, hive, ours};

fn bytes(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/corpus");
    std::fs::read(folder.join(name)).expect(name)
}

/// Ten stripes of 200 rows each, whose values rise (`corpus/odd.py`).
fn stripes(lake: &Lake) -> FileTable {
    lake.write("t/f", bytes("stripes.orc"));
    let columns = [
        ("id", DataType::Int64),
        ("day", DataType::Date32),
        ("amount", DataType::Decimal128(12, 2)),
        ("word", DataType::Utf8),
        ("f", DataType::Float64),
    ];
    lake.table("t", Format::Orc, &columns)
}

fn compared(table: &FileTable, name: &str, operator: Operator, value: ScalarValue) -> Arc<dyn PhysicalExpr> {
    let schema = raw_schema(table);
    binary(col(name, &schema).expect(name), operator, lit(value), &schema).expect("condition")
}

async fn count(lake: &Lake, table: &FileTable, prune: Option<Arc<dyn PhysicalExpr>>) -> (usize, u64) {
    let files = lake.list(table).await;
    lake.scanned();
    let batches = lake
        .batches(table, &files, vec![0, 1, 2, 3, 4], prune, vec![])
        .await
        .expect("rows");
    (batches.iter().map(RecordBatch::num_rows).sum(), lake.scanned())
}

#[tokio::test]
async fn stripes_are_left_out_by_their_statistics() {
    let lake = Lake::new();
    let table = stripes(&lake);
    let (all, whole) = count(&lake, &table, None).await;
    assert_eq!(all, 2_000);
    let decimal = |value| ScalarValue::Decimal128(Some(value), 12, 2);
    // 2000-01-01 is the day 10957, and has ten rows, as every day.
    for (name, operator, value, rows) in [
        ("id", Operator::Eq, ScalarValue::Int64(Some(450)), 200),
        ("id", Operator::GtEq, ScalarValue::Int64(Some(1_800)), 200),
        ("id", Operator::GtEq, ScalarValue::Int64(Some(1_799)), 400),
        ("id", Operator::Gt, ScalarValue::Int64(Some(1_999)), 0),
        ("day", Operator::Lt, ScalarValue::Date32(Some(10_957 + 20)), 200),
        ("amount", Operator::Eq, decimal(-1), 200),
        ("amount", Operator::LtEq, decimal(-1_000), 200),
        ("word", Operator::Eq, ScalarValue::Utf8(Some("00450".into())), 200),
        ("word", Operator::Gt, ScalarValue::Utf8(Some("01999".into())), 0),
        // Of floats, statistics do not tell of NaN, which is greater than anything.
        ("f", Operator::Gt, ScalarValue::Float64(Some(5.0)), 2_000),
    ] {
        let (found, read) = count(&lake, &table, Some(compared(&table, name, operator, value.clone()))).await;
        assert_eq!(found, rows, "{name} {operator} {value}");
        assert_eq!(
            read < whole / 2,
            rows < 1_000,
            "{name} {operator} {value}: {read} of {whole}"
        );
    }
    let word = col("word", &raw_schema(&table)).expect("word");
    let (found, _) = count(&lake, &table, Some(is_null(word).expect("condition"))).await;
    assert_eq!(found, 400, "the stripes of rows 0 and 1000");
    // A column that the file has by another type, and one that it has not.
    let wider = lake.table(
        "t",
        Format::Orc,
        &[("id", DataType::Decimal128(20, 0)), ("nix", DataType::Int64)],
    );
    let files = lake.list(&wider).await;
    let above = |name: &str, value| Some(compared(&wider, name, Operator::Gt, value));
    for prune in [
        above("id", ScalarValue::Decimal128(Some(1_900), 20, 0)),
        above("nix", ScalarValue::Int64(Some(0))),
    ] {
        let batches = lake
            .batches(&wider, &files, vec![0], prune, vec![])
            .await
            .expect("rows");
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2_000);
    }
}

/// By place, the name of a condition is the table's: the file calls the column something else.
#[tokio::test]
async fn stripes_are_left_out_by_the_place_of_a_column() {
    let lake = Lake::new();
    stripes(&lake);
    let columns = [("day", DataType::Int64), ("id", DataType::Date32)];
    let table = lake.table("t", Format::Orc, &columns);
    let files = lake.list(&table).await;
    let prune = compared(&table, "day", Operator::Eq, ScalarValue::Int64(Some(450)));
    let batches = lake
        .batches(&table, &files, vec![0], Some(prune), vec![])
        .await
        .expect("rows");
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 200);
}

#[tokio::test]
async fn footers_and_headers_are_read_once() {
    let lake = Lake::new();
    for (name, format) in [
        ("zlib.orc", Format::Orc),
        ("snappy.avro", Format::Avro),
        ("rows.parquet", Format::Parquet),
    ] {
        lake.write("t/f", bytes(name));
        let mut table = lake.table("t", format, &[("full", DataType::Int64)]);
        table.options.by_position = false;
        let files = lake.list(&table).await;
        let (_, before) = lake.cache.requests();
        for _ in 0..3 {
            let names = ["full".to_owned()];
            let absent = check_policy_columns(&table, &files, &names, &lake.store, &lake.cache).await;
            assert_eq!(absent.expect(name), []);
            lake.infer("t", format).await.expect(name);
            lake.scan(&table, &files, vec![0], None, vec![]).await.expect(name);
        }
        let (_, after) = lake.cache.requests();
        assert_eq!(after - before, 1, "{name}");
        // Another file in its place is another one, known or not.
        let mut other = bytes(name);
        other.extend_from_slice(b" ");
        lake.write("t/f", &other);
        let error = lake.scan(&table, &files, vec![0], None, vec![]).await.expect_err(name);
        assert_eq!(ours(&error).code(), "SOURCE_SNAPSHOT_LOST", "{name}");
    }
}

/// What tells no version may be another file the next time.
#[tokio::test]
async fn files_without_a_version_are_not_kept() {
    let lake = Lake::new();
    lake.write("t/f", bytes("zlib.orc"));
    let table = lake.table("t", Format::Orc, &[("b", DataType::Boolean)]);
    let mut files = lake.list(&table).await;
    for file in &mut files.files {
        file.object_meta.e_tag = None;
        file.object_meta.version = None;
    }
    for _ in 0..2 {
        lake.scan(&table, &files, vec![0], None, vec![]).await.expect("rows");
    }
    assert_eq!((lake.cache.bytes(), lake.cache.requests()), (0, (0, 2)));
}

/// The figure of restricted callers is what a scan reads under the policy alone.
#[tokio::test]
async fn bytes_under_the_policy_are_those_that_it_reads() {
    let lake = Lake::new();
    let table = stripes(&lake);
    let files = lake.list(&table).await;
    let whole = file_len(&lake.path("t/f"));
    let policy = compared(&table, "id", Operator::GtEq, ScalarValue::Int64(Some(1_000)));
    for columns in [vec![0], vec![0, 3], vec![0, 1, 2, 3, 4]] {
        for policy in [None, Some(&policy)] {
            let read = PolicyRead {
                table: &table,
                files: &files,
                columns: &columns,
                policy,
            };
            let figure = policy_bytes(&read, &lake.store, &lake.cache).await.expect("a figure");
            lake.scanned();
            let scan = lake.scan(&table, &files, columns.clone(), policy.cloned(), vec![]);
            scan.await.expect("rows");
            assert_eq!(figure, lake.scanned(), "{columns:?} {policy:?}");
            assert!(figure < whole, "{columns:?} {policy:?}: {figure} of {whole}");
        }
    }
}

/// A partition's value wins over a column of its name in the file, of which the statistics tell.
#[tokio::test]
async fn statistics_of_a_column_say_nothing_of_a_partition() {
    let lake = Lake::new();
    lake.write("t/id=5000/f", bytes("stripes.orc"));
    let mut table = lake.table("t", Format::Orc, &[("word", DataType::Utf8)]);
    table.options.by_position = false;
    table.partition_columns = hive(&[("id", DataType::Int64)]);
    table.partitions = PartitionSource::Hive;
    let files = lake.list(&table).await;
    let prune = compared(&table, "id", Operator::Eq, ScalarValue::Int64(Some(5_000)));
    let batches = lake
        .batches(&table, &files, vec![0, 1], Some(prune), vec![])
        .await
        .expect("rows");
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2_000);
}
