//! Do files that Spark wrote come back as Spark itself reads them, value by value and type by type?
//!
//! The files of `corpus/spark` are Spark's (`write.py` there), `expected.json` is what its own reader told of each.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, Date32Array, RecordBatch},
    compute::{CastOptions, cast, cast_with_options},
    datatypes::{
        DataType, Date32Type, Decimal128Type, Field, Fields, Float32Type, Float64Type, Int64Type, TimeUnit,
        TimestampMicrosecondType,
    },
};
use datafusion::{
    common::ScalarValue,
    logical_expr::Operator,
    physical_expr::expressions::{binary, col, lit},
};
use lakegate_connectors::files::{FileTable, Format, PartitionSource, decode_json_column, raw_schema};
use parquet::{
    arrow::ArrowWriter,
    file::{metadata::KeyValue, properties::WriterProperties},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::lake::{Lake, hive, ours};

/// What Spark told of a file.
#[derive(Debug, Deserialize)]
struct Expected {
    schema: Vec<Column>,
    rows: Vec<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: Value,
}

fn folder() -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/corpus/spark")
}

fn expected() -> BTreeMap<String, Expected> {
    let text = std::fs::read_to_string(folder().join("expected.json")).expect("expected.json");
    serde_json::from_str(&text).expect("expected.json")
}

/// The type that a type of Spark is.
fn arrow_type(kind: &Value) -> DataType {
    if let Some(name) = kind.as_str() {
        return match name {
            "boolean" => DataType::Boolean,
            "byte" => DataType::Int8,
            "short" => DataType::Int16,
            "integer" => DataType::Int32,
            "long" => DataType::Int64,
            "float" => DataType::Float32,
            "double" => DataType::Float64,
            "string" => DataType::Utf8,
            "binary" => DataType::Binary,
            "date" => DataType::Date32,
            "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
            text if text.starts_with("char") || text.starts_with("varchar") => DataType::Utf8,
            decimal => {
                let digits = decimal.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')'));
                let (precision, scale) = digits.and_then(|digits| digits.split_once(',')).expect(decimal);
                DataType::Decimal128(precision.parse().expect("digits"), scale.parse().expect("scale"))
            }
        };
    }
    match kind["type"].as_str().expect("a type") {
        "array" => DataType::new_list(arrow_type(&kind["elementType"]), true),
        "struct" => {
            let members = kind["fields"].as_array().expect("members").iter();
            let member = |member: &Value| {
                Field::new(
                    member["name"].as_str().expect("a name"),
                    arrow_type(&member["type"]),
                    true,
                )
            };
            DataType::Struct(members.map(member).collect::<Fields>())
        }
        "map" => {
            let entries = vec![
                Field::new("key", arrow_type(&kind["keyType"]), false),
                Field::new("value", arrow_type(&kind["valueType"]), true),
            ];
            let entries = Field::new("entries", DataType::Struct(entries.into()), false);
            DataType::Map(Arc::new(entries), false)
        }
        other => panic!("{other}"),
    }
}

/// A value as `write.py` tells it.
fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let whole = |array: &ArrayRef| {
        let wide = cast(array, &DataType::Int64).expect("a number");
        json!(wide.as_primitive::<Int64Type>().value(row))
    };
    match array.data_type() {
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Float32 => json!(float(f64::from(array.as_primitive::<Float32Type>().value(row)))),
        DataType::Float64 => json!(float(array.as_primitive::<Float64Type>().value(row))),
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Utf8View => json!(array.as_string_view().value(row)),
        DataType::Binary => json!(hex::encode(array.as_binary::<i32>().value(row))),
        DataType::BinaryView => json!(hex::encode(array.as_binary_view().value(row))),
        DataType::Date32 => json!(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            json!(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Decimal128(..) => json!(array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| value(&items, item)).collect()
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter();
            let members = fields.iter().zip(columns);
            members
                .map(|(field, column)| (field.name().clone(), value(column, row)))
                .collect()
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let mut pairs: Vec<(Value, Value)> = (0..entries.len())
                .map(|pair| (value(keys, pair), value(values, pair)))
                .collect();
            pairs.sort_by_key(|(key, _)| key.to_string());
            pairs.into_iter().map(|(key, value)| json!([key, value])).collect()
        }
        other if other.is_integer() => whole(array),
        other => panic!("{other}"),
    }
}

/// As Python tells it.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    format!("{value:?}")
}

/// Floats of Python and of this side in one spelling.
fn spelled(value: &Value, data_type: &DataType) -> Value {
    match (value, data_type) {
        (Value::String(text), DataType::Float32 | DataType::Float64) => {
            json!(float(text.replace("inf", "infinity").parse().expect("a float")))
        }
        (Value::Array(items), DataType::List(field)) => {
            items.iter().map(|item| spelled(item, field.data_type())).collect()
        }
        (Value::Array(pairs), DataType::Map(field, _)) => {
            let DataType::Struct(members) = field.data_type() else {
                panic!("entries")
            };
            let pair = |pair: &Value| {
                json!([
                    spelled(&pair[0], members[0].data_type()),
                    spelled(&pair[1], members[1].data_type())
                ])
            };
            pairs.iter().map(pair).collect()
        }
        (Value::Object(found), DataType::Struct(members)) => {
            let members = members.iter();
            members
                .map(|member| {
                    (
                        member.name().clone(),
                        spelled(&found[member.name()], member.data_type()),
                    )
                })
                .collect()
        }
        _ => value.clone(),
    }
}

fn format(name: &str) -> Format {
    let ends = |ends: &[&str]| ends.iter().any(|end| name.contains(end));
    match name {
        _ if ends(&[".parquet"]) => Format::Parquet,
        _ if ends(&[".orc"]) => Format::Orc,
        _ if ends(&[".avro"]) => Format::Avro,
        _ if ends(&[".csv"]) => Format::Csv,
        _ => Format::Ndjson,
    }
}

fn declared(expected: &Expected) -> Vec<(&str, DataType)> {
    let columns = expected.schema.iter();
    columns
        .map(|column| (column.name.as_str(), arrow_type(&column.kind)))
        .collect()
}

/// What came of a file, in the order of the column `id`.
fn rows(batches: &[RecordBatch]) -> Vec<Vec<Value>> {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|column| value(column, row)).collect());
        }
    }
    rows.sort_by_key(|row| row[0].as_i64());
    rows
}

async fn read(lake: &Lake, table: &FileTable) -> Result<Vec<RecordBatch>, datafusion::error::DataFusionError> {
    let files = lake.list(table).await;
    let all = (0..raw_schema(table).fields().len()).collect();
    lake.batches(table, &files, all, None, vec![]).await
}

fn same(name: &str, found: &[Vec<Value>], expected: &Expected) -> Vec<String> {
    let mut wrong = Vec::new();
    if found.len() != expected.rows.len() {
        wrong.push(format!("{name}: {} rows for {}", found.len(), expected.rows.len()));
    }
    for (found, told) in found.iter().zip(&expected.rows) {
        for ((found, told), column) in found.iter().zip(told).zip(&expected.schema) {
            let data_type = arrow_type(&column.kind);
            let told = spelled(told, &data_type);
            if *found != told {
                wrong.push(format!("{name}: `{}` is {found}, for Spark {told}", column.name));
            }
        }
    }
    wrong
}

/// Reads every file whose name ends so and compares it; gives how many there were.
async fn compare(end: &str, skip: &[&str]) -> usize {
    let lake = Lake::new();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (name, told) in expected() {
        if !name.ends_with(end) || name.starts_with("folders") || skip.contains(&name.as_str()) {
            continue;
        }
        count += 1;
        lake.write("t/f", std::fs::read(folder().join(&name)).expect(&name));
        let columns = declared(&told);
        let mut table = lake.table("t", format(&name), &columns);
        table.options.by_position = false;
        match read(&lake, &table).await {
            Ok(batches) => wrong.extend(same(&name, &rows(&batches), &told)),
            Err(error) => wrong.push(format!("{name}: {error:?}")),
        }
        let inferred = lake.infer("t", format(&name)).await.expect(&name);
        for ((column, found), (_, declared)) in inferred.iter().zip(&columns) {
            if !infers(&name, found, declared) {
                wrong.push(format!("{name}: `{column}` is a {found}, for Spark a {declared}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    count
}

/// Is the type that a file says the type of Spark's column, as far as the file can say it?
fn infers(name: &str, found: &DataType, declared: &DataType) -> bool {
    match (found, declared) {
        // 96 bits, and the timestamps of ORC, have no zone; Avro has no small integers.
        (DataType::Timestamp(_, None), DataType::Timestamp(_, Some(_))) => {
            let micros = ["millis.parquet", "old-corrected.parquet", "old-legacy.parquet"];
            name.ends_with("orc") || (name.ends_with("parquet") && !micros.contains(&name))
        }
        (DataType::Int32, DataType::Int8 | DataType::Int16) => name.ends_with("avro"),
        // Milliseconds.
        (DataType::Timestamp(_, zone), DataType::Timestamp(_, declared)) => zone.is_some() == declared.is_some(),
        (DataType::List(found), DataType::List(declared)) => infers(name, found.data_type(), declared.data_type()),
        (DataType::Map(found, _), DataType::Map(declared, _)) => infers(name, found.data_type(), declared.data_type()),
        (DataType::Struct(found), DataType::Struct(declared)) => {
            let mut pairs = found.iter().zip(declared);
            found.len() == declared.len() && pairs.all(|(a, b)| infers(name, a.data_type(), b.data_type()))
        }
        _ => found == declared,
    }
}

#[tokio::test]
async fn parquet_is_read_as_spark_reads_it() {
    // Its moments before 1900 are refused, see below.
    assert_eq!(compare(".parquet", &["old-legacy-angeles.parquet"]).await, 8);
}

#[tokio::test]
async fn orc_is_read_as_spark_reads_it() {
    assert_eq!(compare(".orc", &[]).await, 8);
}

#[tokio::test]
async fn avro_is_read_as_spark_reads_it() {
    assert_eq!(compare(".avro", &[]).await, 7);
}

/// Values of text files are text below the policy's filter; here they are cast as the declaration says.
#[tokio::test]
async fn text_is_read_as_spark_reads_it() {
    let lake = Lake::new();
    let mut wrong = Vec::new();
    let files = [
        "spark.csv",
        "header.csv.gz",
        "bar.csv.bz2",
        "spark.json",
        "spark.json.gz",
    ];
    for name in files {
        let mut told = expected().remove(name).expect(name);
        if name.contains("csv") {
            // Spark reads the text `""` as NULL, and had written the empty text so.
            let place = told.schema.iter().position(|column| column.name == "s").expect("s");
            assert_eq!(told.rows[0][place], Value::Null);
            told.rows[0][place] = json!("");
        }
        let file = format!("t/{name}");
        lake.write(&file, std::fs::read(folder().join(name)).expect(name));
        let columns = declared(&told);
        let mut table = lake.table("t", format(name), &columns);
        if name.contains("csv") {
            table.options.escape = Some(b'\\');
        }
        if name.starts_with("bar") {
            table.options.delimiter = b'|';
        }
        match read(&lake, &table).await {
            Ok(batches) => wrong.extend(same(name, &rows(&cast_as(&batches, &columns)), &told)),
            Err(error) => wrong.push(format!("{name}: {error:?}")),
        }
        std::fs::remove_file(lake.path(&file)).expect("delete");
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

fn cast_as(batches: &[RecordBatch], columns: &[(&str, DataType)]) -> Vec<RecordBatch> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let one = |batch: &RecordBatch| {
        let typed = columns.iter().zip(batch.columns()).map(|((name, data_type), column)| {
            let typed = if data_type.is_nested() {
                decode_json_column(column.as_string::<i32>(), &[], data_type)
                    .expect(name)
                    .values
            } else {
                cast_with_options(column, data_type, &options).unwrap_or_else(|error| panic!("{name}: {error}"))
            };
            (*name, typed)
        });
        RecordBatch::try_from_iter(typed).expect("batch")
    };
    batches.iter().map(one).collect()
}

/// Folders whose names are escaped, and the one of NULL.
#[tokio::test]
async fn folders_of_spark_are_its_partitions() {
    let lake = Lake::new();
    copy(&folder().join("folders.parquet"), &lake.path("t"));
    let told = expected().remove("folders.parquet").expect("told");
    let columns = declared(&told);
    let mut table = lake.table("t", Format::Parquet, &columns[..2]);
    table.partition_columns = hive(&columns[2..]);
    table.partitions = PartitionSource::Hive;
    let found = rows(&read(&lake, &table).await.expect("rows"));
    let wrong = same("folders", &found, &told);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("folder") {
        let entry = entry.expect("entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("copy");
        }
    }
}

/// Spark in Los Angeles counted by its clock, of which old Java knows no history: refused where a value is so old, and at once where
/// the value could be hidden.
#[tokio::test]
async fn old_moments_of_another_zone_are_refused_by_name() {
    let mut lake = Lake::new();
    lake.write(
        "t/f",
        std::fs::read(folder().join("old-legacy-angeles.parquet")).expect("file"),
    );
    let told = expected().remove("old-legacy-angeles.parquet").expect("told");
    let columns = declared(&told);
    for restricted in [false, true] {
        lake.restricted = restricted;
        let table = lake.table("t", Format::Parquet, &columns);
        let error = read(&lake, &table).await.expect_err("refused");
        let error = ours(&error);
        assert_eq!(
            (error.code(), error.file()),
            ("NOT_SUPPORTED", Some("t/f")),
            "{error:?}"
        );
        let detail = error.detail().unwrap_or_default();
        assert!(
            detail.contains("`ts`") && detail.contains("America/Los_Angeles"),
            "{detail}"
        );
        // Days have no clock.
        let days = lake.table("t", Format::Parquet, &columns[..2]);
        let found = rows(&read(&lake, &days).await.expect("rows"));
        assert!(
            found.iter().zip(&told.rows).all(|(found, told)| found[..] == told[..2]),
            "{found:?}"
        );
    }
}

/// Statistics count by the calendar of the values: they leave no row group and no stripe out that holds what is asked for.
#[tokio::test]
async fn old_days_are_found_by_their_name() {
    let lake = Lake::new();
    for name in ["old-legacy.parquet", "old-corrected.parquet", "old.orc"] {
        lake.write("t/f", std::fs::read(folder().join(name)).expect(name));
        let told = expected().remove(name).expect(name);
        let mut table = lake.table("t", format(name), &declared(&told));
        table.options.by_position = false;
        let files = lake.list(&table).await;
        let schema = raw_schema(&table);
        // The greatest and the least day: nothing lies beyond them.
        for (operator, day) in [(Operator::GtEq, -141_427), (Operator::LtEq, -719_162)] {
            let day = lit(ScalarValue::Date32(Some(day)));
            let prune = binary(col("day", &schema).expect("day"), operator, day, &schema).expect("condition");
            let batches = lake
                .batches(&table, &files, vec![0, 1], Some(prune), vec![])
                .await
                .expect(name);
            assert_eq!(
                batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
                6,
                "{name} {operator}"
            );
        }
    }
}

/// A row group that holds nothing but 28 February 1500 is not left out by statistics that call it 9 March.
#[tokio::test]
async fn statistics_of_the_other_calendar_leave_nothing_out() {
    let word = |key: &str, value: &str| KeyValue::new(key.to_owned(), value.to_owned());
    let words = vec![
        word("org.apache.spark.version", "4.3.0"),
        word("org.apache.spark.legacyDateTime", ""),
        word("org.apache.spark.timeZone", "UTC"),
    ];
    let properties = WriterProperties::builder().set_key_value_metadata(Some(words)).build();
    let days: ArrayRef = Arc::new(Date32Array::from(vec![-171_606 + 9]));
    let batch = RecordBatch::try_from_iter([("day", days)]).expect("batch");
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).expect("writer");
    writer.write(&batch).expect("write");
    writer.close().expect("close");
    let lake = Lake::new();
    lake.write("t/f", bytes);
    let table = lake.table("t", Format::Parquet, &[("day", DataType::Date32)]);
    let files = lake.list(&table).await;
    let schema = raw_schema(&table);
    let day = lit(ScalarValue::Date32(Some(-171_606)));
    let prune = binary(col("day", &schema).expect("day"), Operator::Eq, day, &schema).expect("condition");
    let found = lake.scan(&table, &files, vec![0], Some(prune), vec![]).await;
    assert_eq!(found.expect("rows"), "day\n1500-02-28");
}
