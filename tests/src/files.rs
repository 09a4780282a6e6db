//! How do tests write data files? Batches from short text, as Parquet with row groups of a chosen size, or any text as it is.

use std::{fmt::Write as _, fs::File, io::Cursor, path::Path, sync::Arc};

use arrow::{
    array::RecordBatch,
    csv::{self, ReaderBuilder},
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit},
    json::writer::{LineDelimited, WriterBuilder},
};
use parquet::{
    arrow::ArrowWriter,
    file::properties::{EnabledStatistics, WriterProperties},
};

use crate::answer;

/// A schema of `name type` pairs in Trino's spelling: `id bigint, ts timestamp(6)`. All nullable.
pub fn schema(columns: &str) -> SchemaRef {
    let mut fields = Vec::new();
    let mut rest = columns.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once(' ').expect("`name type`");
        let end = end_of_type(after);
        fields.push(Field::new(name.trim(), data_type(after[..end].trim()), true));
        rest = after[end..].trim_start_matches(',').trim_start();
    }
    Arc::new(Schema::new(fields))
}

fn end_of_type(text: &str) -> usize {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

fn data_type(text: &str) -> DataType {
    match text {
        "boolean" => DataType::Boolean,
        "tinyint" => DataType::Int8,
        "smallint" => DataType::Int16,
        "int" => DataType::Int32,
        "bigint" => DataType::Int64,
        "real" => DataType::Float32,
        "double" => DataType::Float64,
        "varchar" => DataType::Utf8,
        "date" => DataType::Date32,
        "timestamp(6)" => DataType::Timestamp(TimeUnit::Microsecond, None),
        other => {
            let numbers = other.strip_prefix("decimal(").and_then(|text| text.strip_suffix(')'));
            let (precision, scale) = numbers
                .and_then(|text| text.split_once(','))
                .unwrap_or_else(|| panic!("type {other}"));
            DataType::Decimal128(
                precision.trim().parse().expect("precision"),
                scale.trim().parse().expect("scale"),
            )
        }
    }
}

/// A batch of lines with values separated by commas; `NULL` is NULL, quotes are CSV's.
pub fn batch(schema: &SchemaRef, rows: &str) -> RecordBatch {
    let lines: Vec<&str> = rows.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = lines.join("\n");
    let mut reader = ReaderBuilder::new(Arc::clone(schema))
        .with_null_regex("^NULL$".parse().expect("an expression"))
        .with_batch_size(lines.len().max(1))
        .build(Cursor::new(text.into_bytes()))
        .expect("a reader");
    match reader.next() {
        Some(batch) => batch.unwrap_or_else(|error| panic!("{error}: {rows}")),
        None => RecordBatch::new_empty(Arc::clone(schema)),
    }
}

/// Writes a batch as Parquet, without page index, `group` rows in a row group.
pub fn write_parquet(path: &Path, batch: &RecordBatch, group: usize) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build();
    let file = File::create(path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(batch).expect("rows");
    writer.close().expect("a footer");
}

/// Writes Parquet of text: see [`schema`] and [`batch`]. One row group.
pub fn parquet(path: &Path, columns: &str, rows: &str) {
    write_parquet(path, &batch(&schema(columns), rows), 1_000_000);
}

/// Writes a text as it is.
pub fn text(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
    std::fs::write(path, text).expect("a file");
}

/// A batch as CSV with a header.
pub fn csv_text(batch: &RecordBatch) -> String {
    let mut text = Vec::new();
    csv::WriterBuilder::new().build(&mut text).write(batch).expect("rows");
    String::from_utf8(text).expect("UTF-8")
}

/// A batch as one JSON object a line, with explicit NULLs: a missing key is an absent column, which is another thing.
pub fn ndjson_text(batch: &RecordBatch) -> String {
    let mut text = Vec::new();
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, LineDelimited>(&mut text);
    writer.write(batch).expect("rows");
    writer.finish().expect("an end");
    String::from_utf8(text).expect("UTF-8")
}

/// A batch as INSERT statements.
pub fn insert_text(table: &str, batch: &RecordBatch) -> String {
    let mut sql = String::new();
    for row in answer::values(std::slice::from_ref(batch)) {
        let literal = |(value, field): (&String, &FieldRef)| match value.as_str() {
            "NULL" => "NULL".to_owned(),
            "(empty)" => "''".to_owned(),
            number if field.data_type().is_numeric() => number.to_owned(),
            text => format!("'{}'", text.replace('\'', "''")),
        };
        let values: Vec<String> = row.iter().zip(batch.schema_ref().fields()).map(literal).collect();
        let _ = write!(sql, "INSERT INTO {table} VALUES ({});", values.join(", "));
    }
    sql
}
