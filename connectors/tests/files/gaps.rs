//! What other readers of Parquet get wrong (engine-gaps §3): moments of old writers, intervals, lists of old writers.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, IntervalDayTimeArray, RecordBatch},
    datatypes::{DataType, IntervalDayTime, TimeUnit},
};
use lakegate_connectors::files::Format;
use parquet::{
    data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type, Int96, Int96Type},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};

use crate::lake::{Lake, ours, parquet_bytes};

fn written(
    schema: &str,
    write: impl FnOnce(&mut parquet::file::writer::SerializedRowGroupWriter<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let schema = Arc::new(parse_message_type(schema).expect("schema"));
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).expect("writer");
    let mut group = writer.next_row_group().expect("group");
    write(&mut group);
    group.close().expect("close");
    writer.close().expect("close");
    bytes
}

/// W: INT96 outside of 1677 to 2262 wrapped to other centuries.
#[tokio::test]
async fn moments_of_old_writers_keep_their_century() {
    let lake = Lake::new();
    // Days since 1970-01-01 of the first days of the years 1, 1600 and 9999, and of 2024; 1.5 s into the day.
    let days = [-719_162_i64, -135_140, 2_932_532, 19_723];
    let values: Vec<Int96> = days
        .iter()
        .map(|day| {
            let mut value = Int96::new();
            let nanos = 1_500_000_000_u64;
            let low = u32::try_from(nanos & 0xffff_ffff).expect("low");
            let high = u32::try_from(nanos >> 32).expect("high");
            value.set_data(low, high, u32::try_from(day + 2_440_588).expect("day"));
            value
        })
        .collect();
    let bytes = written("message m { required int96 ts; }", |group| {
        let mut column = group.next_column().expect("next").expect("column");
        column
            .typed::<Int96Type>()
            .write_batch(&values, None, None)
            .expect("write");
        column.close().expect("close");
    });
    lake.write("t/f", bytes);
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let table = lake.table("t", Format::Parquet, &[("ts", micros.clone())]);
    assert_eq!(
        lake.read(&table).await.expect("rows"),
        "ts\n0001-01-01T00:00:01.500\n1600-01-01T00:00:01.500\n2024-01-01T00:00:01.500\n9999-01-01T00:00:01.500"
    );
    assert_eq!(
        lake.infer("t", Format::Parquet).await.expect("columns"),
        [("ts".to_owned(), micros)]
    );
}

/// W: the months of an INTERVAL were dropped; a clear word instead, and the columns beside it.
#[tokio::test]
async fn intervals_are_refused_by_name() {
    let lake = Lake::new();
    let intervals: ArrayRef = Arc::new(IntervalDayTimeArray::from(vec![IntervalDayTime::new(1, 2)]));
    let ids: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![7]));
    let batch = RecordBatch::try_from_iter([("v", intervals), ("id", ids)]).expect("batch");
    lake.write("t/f", parquet_bytes(&[batch], 10));
    let error = lake.infer("t", Format::Parquet).await.expect_err("interval");
    assert!(
        error.code() == "NOT_SUPPORTED" && error.detail().is_some_and(|detail| detail.contains("`v`")),
        "{error:?}"
    );
    for declared in [DataType::Utf8View, DataType::Int64, DataType::Binary] {
        let table = lake.table("t", Format::Parquet, &[("v", declared)]);
        assert_eq!(
            ours(&lake.read(&table).await.expect_err("interval")).code(),
            "TYPE_MISMATCH"
        );
    }
    let table = lake.table("t", Format::Parquet, &[("id", DataType::Int64)]);
    assert_eq!(lake.read(&table).await.expect("rows"), "id\n7");
}

/// W: a repeated group without the annotation LIST: rows and their count never disagree.
#[tokio::test]
async fn lists_of_old_writers_lose_no_row() {
    let lake = Lake::new();
    let schema =
        "message m { required int64 id; repeated group items { required int32 v; optional binary w (UTF8); } }";
    let bytes = written(schema, |group| {
        let mut column = group.next_column().expect("next").expect("column");
        let ids = [1, 2, 3, 4, 5, 6];
        column
            .typed::<Int64Type>()
            .write_batch(&ids, None, None)
            .expect("write");
        column.close().expect("close");
        // Row 1 has two items, row 4 one, the others none.
        let (definitions, repetitions) = ([1, 1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0, 0]);
        let mut column = group.next_column().expect("next").expect("column");
        let values = [10, 11, 40];
        let written = column
            .typed::<Int32Type>()
            .write_batch(&values, Some(&definitions), Some(&repetitions));
        written.expect("write");
        column.close().expect("close");
        let mut column = group.next_column().expect("next").expect("column");
        let definitions = [2, 1, 0, 0, 2, 0, 0];
        let values = [ByteArray::from("x"), ByteArray::from("y")];
        let written = column
            .typed::<ByteArrayType>()
            .write_batch(&values, Some(&definitions), Some(&repetitions));
        written.expect("write");
        column.close().expect("close");
    });
    lake.write("t/f", bytes);
    let columns = lake.infer("t", Format::Parquet).await.expect("columns");
    assert_eq!(columns.len(), 2);
    let types: Vec<(&str, DataType)> = columns
        .iter()
        .map(|(name, kind)| (name.as_str(), kind.clone()))
        .collect();
    for columns in [&types[..], &types[..1]] {
        let table = lake.table("t", Format::Parquet, columns);
        let rows = lake.read(&table).await.expect("rows");
        assert_eq!(rows.lines().count(), 7, "{rows}");
    }
}
