//! Does every format write every value exactly, and does a cut result look cut?

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
        DurationMillisecondArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
        IntervalMonthDayNanoArray, ListArray, MapBuilder, NullArray, RecordBatch, StringArray, StringBuilder,
        StringViewArray, StructArray, Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
        UInt64Array,
    },
    datatypes::{DataType, Field, Int32Type, IntervalMonthDayNano, IntervalUnit, Schema},
    ipc::reader::StreamReader,
};
use lakegate_query::error::{ErrorCode, QueryError};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

/// Two rows of every type; the second is NULL where it may be.
fn batch() -> RecordBatch {
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("k");
    map.values().append_value("v\"");
    map.append(true).unwrap();
    map.append(false).unwrap();
    let address = StructArray::from(vec![(
        Arc::new(Field::new("zip", DataType::Utf8, true)),
        Arc::new(StringArray::from(vec![Some("1"), None])) as ArrayRef,
    )]);
    let dictionary: DictionaryArray<Int32Type> = [Some("x"), None].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("i", Arc::new(Int32Array::from(vec![Some(-7), None]))),
        ("l", Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
        ("u", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ("r", Arc::new(Float32Array::from(vec![Some(0.1), None]))),
        ("f", Arc::new(Float64Array::from(vec![1e300, f64::NAN]))),
        (
            "g",
            Arc::new(Float64Array::from(vec![f64::INFINITY, f64::NEG_INFINITY])),
        ),
        (
            "d",
            Arc::new(
                Decimal128Array::from(vec![Some(-12_345), None])
                    .with_precision_and_scale(12, 2)
                    .unwrap(),
            ),
        ),
        ("s", Arc::new(StringArray::from(vec![Some("a\"b\n"), Some("")]))),
        ("v", Arc::new(StringViewArray::from(vec![Some("é"), None]))),
        ("x", Arc::new(BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None]))),
        (
            "id",
            Arc::new(FixedSizeBinaryArray::try_from_iter([[1_u8; 16], [2; 16]].into_iter()).unwrap()),
        ),
        ("day", Arc::new(Date32Array::from(vec![Some(19_724), None]))),
        (
            "t",
            Arc::new(Time64MicrosecondArray::from(vec![Some(3_723_000_001), None])),
        ),
        (
            "ts",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1_704_164_645_123_456), None])),
        ),
        (
            "tz",
            Arc::new(TimestampNanosecondArray::from(vec![Some(1), None]).with_timezone("Europe/Berlin")),
        ),
        (
            "iv",
            Arc::new(IntervalMonthDayNanoArray::from(vec![
                Some(IntervalMonthDayNano::new(14, 3, 1_500_000_000)),
                None,
            ])),
        ),
        ("du", Arc::new(DurationMillisecondArray::from(vec![Some(61_000), None]))),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
                Some(vec![Some(1), None]),
                None,
            ])),
        ),
        ("row", Arc::new(address)),
        ("map", Arc::new(map.finish())),
        ("dict", Arc::new(dictionary)),
        ("null", Arc::new(NullArray::new(2))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

const FIRST: [&str; 23] = [
    "true",
    "-7",
    r#""-9223372036854775808""#,
    r#""18446744073709551615""#,
    "0.1",
    "1e+300",
    r#""Infinity""#,
    r#""-123.45""#,
    r#""a\"b\n""#,
    r#""é""#,
    r#""AP8=""#,
    r#""01010101-0101-0101-0101-010101010101""#,
    r#""2024-01-02""#,
    r#""01:02:03.000001""#,
    r#""2024-01-02T03:04:05.123456""#,
    r#""1970-01-01T00:00:00.000000001Z""#,
    r#""P1Y2M3DT1.5S""#,
    r#""PT1M1S""#,
    "[1,null]",
    r#"{"zip":"1"}"#,
    r#"[["k","v\""]]"#,
    r#""x""#,
    "null",
];

fn rows(batches: Vec<std::result::Result<RecordBatch, QueryError>>) -> Batches {
    stream::iter(batches).boxed()
}

async fn written(
    format: ResultFormat,
    schema: &SchemaRef,
    batches: Batches,
    cursor: Option<String>,
) -> Result<Vec<u8>> {
    let mut stream = encode(format, schema, batches, cursor)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        assert!(!chunk.is_empty(), "an empty chunk would end the body");
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn text(format: ResultFormat) -> String {
    let batch = batch();
    let schema = batch.schema();
    String::from_utf8(written(format, &schema, rows(vec![Ok(batch)]), None).await.unwrap()).unwrap()
}

#[tokio::test]
async fn json_is_exact() {
    let text = text(ResultFormat::Json).await;
    let first = text.split("\"rows\":[[").nth(1).unwrap();
    assert!(
        first.replace("1e300", "1e+300").starts_with(&FIRST.join(",")),
        "{first}\n{}",
        FIRST.join(",")
    );
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        value["columns"][7],
        serde_json::json!({"name": "d", "type": "decimal(12,2)", "nullable": true})
    );
    assert_eq!(value["columns"][20]["type"], "map(varchar, varchar)");
    let second = value["rows"][1].as_array().unwrap();
    assert_eq!(
        (&second[5], &second[6], &second[8]),
        (&"NaN".into(), &"-Infinity".into(), &"".into())
    );
    assert_eq!(second[19], serde_json::json!({"zip": null}));
    assert_eq!(second.iter().filter(|value| value.is_null()).count(), 18);
    assert!(value.get("next_cursor").is_none());
}

#[tokio::test]
async fn json_has_a_place_for_the_cursor() {
    let schema = batch().schema();
    let bytes = written(ResultFormat::Json, &schema, rows(vec![]), Some("c".to_owned()))
        .await
        .unwrap();
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        (&value["next_cursor"], &value["rows"]),
        (&"c".into(), &serde_json::json!([]))
    );
}

#[tokio::test]
async fn ndjson_is_one_object_a_line() {
    let text = text(ResultFormat::Ndjson).await;
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["l"], "-9223372036854775808");
    assert_eq!(lines[1]["s"], "");
}

#[tokio::test]
async fn csv_tells_null_from_empty() {
    let text = text(ResultFormat::Csv).await;
    assert!(text.starts_with("\"b\",\"i\",\"l\","));
    assert!(text.contains("\"true\",\"-7\",\"-9223372036854775808\""));
    assert!(text.contains(",\"a\"\"b\n\","), "{text}");
    assert!(text.contains(",\"[[\"\"k\"\",\"\"v\\\"\"\"\"]]\","), "{text}");
    let last = text.trim_end().rsplit_once('\n').unwrap().1;
    assert!(last.starts_with(",,,,,\"NaN\",\"-Infinity\",,\"\",,"), "{last}");
    assert!(text.ends_with(",\n"));
}

#[tokio::test]
async fn arrow_and_parquet_keep_every_value() {
    let batch = batch();
    let stream = written(
        ResultFormat::ArrowStream,
        &batch.schema(),
        rows(vec![Ok(batch.clone())]),
        None,
    )
    .await
    .unwrap();
    let read: Vec<_> = StreamReader::try_new(stream.as_slice(), None)
        .unwrap()
        .map(|batch| batch.unwrap())
        .collect();
    assert_eq!(read, std::slice::from_ref(&batch));

    let file = written(
        ResultFormat::Parquet,
        &batch.schema(),
        rows(vec![Ok(batch.clone())]),
        None,
    )
    .await
    .unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file))
        .unwrap()
        .build()
        .unwrap();
    let read: Vec<RecordBatch> = reader.map(|batch| batch.unwrap()).collect();
    assert_eq!(read[0].num_rows(), 2);
    assert_eq!(read[0].column(2).as_ref(), batch.column(2).as_ref() as &dyn Array);
    // Parquet has no intervals of months, days and nanoseconds: they are text.
    assert_eq!(
        read[0].column(16).as_ref(),
        &StringArray::from(vec![Some("P1Y2M3DT1.5S"), None]) as &dyn Array
    );
}

#[tokio::test]
async fn parquet_refuses_what_it_cannot_hold_before_the_first_byte() {
    let fields = vec![Arc::new(Field::new(
        "i",
        DataType::Interval(IntervalUnit::MonthDayNano),
        true,
    ))];
    let schema = Arc::new(Schema::new(vec![Field::new(
        "s",
        DataType::Struct(fields.into()),
        true,
    )]));
    let refused = encode(ResultFormat::Parquet, &schema, rows(vec![]), None);
    let error = refused.err().unwrap();
    assert_eq!(error.code(), ErrorCode::NotSupported);
    assert!(encode(ResultFormat::Csv, &schema, rows(vec![]), None).is_ok());
}

#[tokio::test]
async fn an_error_ends_every_format_without_its_end() {
    let batch = RecordBatch::try_from_iter([("n", Arc::new(Int32Array::from(vec![1])) as ArrayRef)]).unwrap();
    let schema = batch.schema();
    for format in ResultFormat::ALL {
        let fail = QueryError::new(ErrorCode::DivisionByZero, "division by zero");
        let mut stream = encode(format, &schema, rows(vec![Ok(batch.clone()), Err(fail)]), None).unwrap();
        let (mut bytes, mut error) = (Vec::new(), None);
        while let Some(chunk) = stream.next().await {
            match chunk {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(found) => error = Some(found),
            }
        }
        assert_eq!(error.unwrap().code(), ErrorCode::DivisionByZero, "{format:?}");
        let whole = written(format, &schema, rows(vec![Ok(batch.clone())]), None)
            .await
            .unwrap();
        match format {
            // Lines have no end marker: the aborted body is the sign.
            ResultFormat::Csv | ResultFormat::Ndjson => assert!(whole.starts_with(&bytes)),
            _ => assert!(bytes.len() < whole.len(), "{format:?}"),
        }
    }
}

#[tokio::test]
async fn every_format_bears_two_columns_of_one_name() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("id", DataType::Int64, false),
    ]));
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![2]))];
    let batch = RecordBatch::try_new(SchemaRef::clone(&schema), columns).unwrap();
    for format in ResultFormat::ALL {
        let bytes = written(format, &schema, rows(vec![Ok(batch.clone())]), None)
            .await
            .unwrap();
        match format {
            ResultFormat::ArrowStream => {
                let read = StreamReader::try_new(bytes.as_slice(), None)
                    .unwrap()
                    .next()
                    .unwrap()
                    .unwrap();
                assert_eq!(read, batch);
            }
            ResultFormat::Csv => assert_eq!(String::from_utf8(bytes).unwrap(), "\"id\",\"id\"\n\"1\",\"2\"\n"),
            ResultFormat::Json => assert!(String::from_utf8(bytes).unwrap().contains(r#"[["1","2"]]"#)),
            ResultFormat::Ndjson => {
                assert_eq!(String::from_utf8(bytes).unwrap(), "{\"id\":\"1\",\"id_1\":\"2\"}\n");
            }
            ResultFormat::Parquet => {
                let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
                let names: Vec<_> = reader
                    .schema()
                    .fields()
                    .iter()
                    .map(|field| field.name().as_str())
                    .collect();
                assert_eq!(names, ["id", "id_1"]);
                assert_eq!(
                    reader.build().unwrap().next().unwrap().unwrap().columns(),
                    batch.columns()
                );
            }
        }
    }
}

#[tokio::test]
async fn an_empty_result_is_whole() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    for format in ResultFormat::ALL {
        let bytes = written(format, &schema, rows(vec![]), None).await.unwrap();
        match format {
            ResultFormat::ArrowStream => {
                assert!(StreamReader::try_new(bytes.as_slice(), None).unwrap().next().is_none())
            }
            ResultFormat::Csv => assert_eq!(bytes, b"\"n\"\n"),
            ResultFormat::Json => {
                let text = r#"{"columns":[{"name":"n","type":"bigint","nullable":false}],"rows":[]}"#;
                assert_eq!(String::from_utf8(bytes).unwrap().trim(), text);
            }
            ResultFormat::Ndjson => assert!(bytes.is_empty()),
            ResultFormat::Parquet => {
                let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
                assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
            }
        }
    }
}

fn negotiate(accept: &str) -> Option<ResultFormat> {
    let headers = HeaderMap::from_iter([(header::ACCEPT, http::HeaderValue::from_str(accept).unwrap())]);
    ResultFormat::negotiate(&headers).ok()
}

#[test]
fn accept_chooses() {
    assert_eq!(
        ResultFormat::negotiate(&HeaderMap::new()).unwrap(),
        ResultFormat::ArrowStream
    );
    assert_eq!(negotiate("*/*"), Some(ResultFormat::ArrowStream));
    assert_eq!(negotiate("application/json"), Some(ResultFormat::Json));
    assert_eq!(negotiate("text/*"), Some(ResultFormat::Csv));
    assert_eq!(
        negotiate("text/csv;q=0.5, application/json;q=0.9"),
        Some(ResultFormat::Json)
    );
    assert_eq!(
        negotiate("text/html, application/vnd.apache.parquet"),
        Some(ResultFormat::Parquet)
    );
    assert_eq!(negotiate("text/html"), None);
    assert_eq!(negotiate("application/json;q=0"), None);
}
