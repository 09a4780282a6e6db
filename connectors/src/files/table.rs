//! What is a table of files? Where it lies, how it is written, which columns and partitions it has.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use object_store::ObjectMeta;

pub use super::options::{Compression, CsvSerde, Encoding, FormatOptions};
use super::projection::Projection;
use crate::connection::Connection;

/// How files are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    Avro,
    Csv,
    Ndjson,
    Orc,
    Parquet,
}

impl Format {
    /// Are its values text, whatever their type?
    #[must_use]
    pub fn is_text(self) -> bool {
        match self {
            Self::Csv | Self::Ndjson => true,
            Self::Avro | Self::Orc | Self::Parquet => false,
        }
    }
}

/// The Arrow type in which values of a declared type come from files of a format. Text of Parquet files comes as views: their
/// decoder then copies no values, and comparing and hashing short ones costs a word each. (Text within lists, structs and maps
/// is what the declaration says: the decoder has no views there.)
#[must_use]
pub fn carried(format: Format, declared: DataType) -> DataType {
    match (format, declared) {
        (Format::Parquet, DataType::Utf8 | DataType::LargeUtf8) => DataType::Utf8View,
        (_, declared) => declared,
    }
}

/// Where partitions come from.
#[derive(Clone, Debug)]
pub enum PartitionSource {
    None,
    /// `key=value` folders, listed once per query.
    Hive,
    /// Values (`None`: NULL), in the order of the partition columns, and absolute location of each.
    Declared(Vec<(Vec<Option<String>>, String)>),
    /// By rules: counted out by `project` when the conditions are known.
    Projected(Arc<Projection>),
}

/// What it means that a file lacks a column that a policy reads; the engine decides by it (governance §3 rule 6).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AbsentPolicyColumns {
    #[default]
    Deny,
    Null,
}

/// A declared table of files.
#[derive(Clone, Debug)]
pub struct FileTable {
    pub connection: Arc<Connection>,
    /// Absolute, from `resolve_location`.
    pub location: String,
    pub format: Format,
    pub options: FormatOptions,
    /// Declared columns without the partition columns: lower-case names, declared types as `carried` gives them.
    pub file_schema: SchemaRef,
    /// Types as those of `file_schema`.
    pub partition_columns: Vec<FieldRef>,
    pub partitions: PartitionSource,
    pub absent: AbsentPolicyColumns,
}

/// A table whose columns are to be inferred.
#[derive(Clone, Debug)]
pub struct FileTableDraft {
    pub connection: Arc<Connection>,
    /// Absolute, from `resolve_location`.
    pub location: String,
    pub format: Format,
    pub options: FormatOptions,
    pub partition_columns: Vec<FieldRef>,
    pub partitions: PartitionSource,
}

impl FileTableDraft {
    /// The table without file columns: enough to list its files.
    #[must_use]
    pub fn as_table(&self) -> FileTable {
        FileTable {
            connection: Arc::clone(&self.connection),
            location: self.location.clone(),
            format: self.format,
            options: self.options.clone(),
            file_schema: Arc::new(Schema::empty()),
            partition_columns: self.partition_columns.clone(),
            partitions: self.partitions.clone(),
            absent: AbsentPolicyColumns::default(),
        }
    }
}

/// The files of a table at one moment.
#[derive(Clone, Debug, Default)]
pub struct FileList {
    pub files: Vec<ListedFile>,
}

/// One file and the partition it belongs to.
#[derive(Clone, Debug)]
pub struct ListedFile {
    pub object_meta: ObjectMeta,
    /// One per partition column, of its type.
    pub partition_values: Vec<ScalarValue>,
}

/// The columns that `scan` yields before projection: file columns, then partition columns; all nullable.
///
/// Avro, ORC and Parquet: declared types. CSV and NDJSON: text and binary columns are `Binary`, all others `Utf8`, so that a bad value in a
/// hidden row neither fails nor shows; the engine converts above the policy filter, scalars by a cast (which also finds what
/// is not UTF-8), nested columns, which come as JSON text, by `decode_json_column`. A file column of a partition column's
/// name is left out: the partition's value wins.
#[must_use]
pub fn raw_schema(table: &FileTable) -> SchemaRef {
    let mut fields: Vec<FieldRef> = raw_file_schema(table).fields().iter().cloned().collect();
    fields.extend(partition_fields(table));
    Arc::new(Schema::new(fields))
}

pub(crate) fn raw_file_schema(table: &FileTable) -> SchemaRef {
    let is_partition = |name: &str| {
        table
            .partition_columns
            .iter()
            .any(|field| field.name().eq_ignore_ascii_case(name))
    };
    let fields: Vec<FieldRef> = table
        .file_schema
        .fields()
        .iter()
        .filter(|field| !is_partition(field.name()))
        .map(|field| {
            Arc::new(Field::new(
                field.name(),
                raw_type(table.format, field.data_type()),
                true,
            ))
        })
        .collect();
    Arc::new(Schema::new(fields))
}

pub(crate) fn partition_fields(table: &FileTable) -> Vec<FieldRef> {
    table
        .partition_columns
        .iter()
        .map(|field| Arc::new(Field::new(field.name(), field.data_type().clone(), true)))
        .collect()
}

fn raw_type(format: Format, declared: &DataType) -> DataType {
    match format {
        Format::Avro | Format::Orc | Format::Parquet => declared.clone(),
        Format::Csv | Format::Ndjson => match declared {
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView => DataType::Binary,
            _ => DataType::Utf8,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_parquet_comes_as_views() {
        assert_eq!(carried(Format::Parquet, DataType::Utf8), DataType::Utf8View);
        assert_eq!(carried(Format::Parquet, DataType::Int64), DataType::Int64);
        for format in [Format::Csv, Format::Ndjson] {
            assert_eq!(carried(format, DataType::Utf8), DataType::Utf8);
        }
    }
}
