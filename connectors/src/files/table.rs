//! What is a table of files? Where it lies, how it is written, which columns and partitions it has.

use std::{collections::BTreeMap, sync::Arc};

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use object_store::ObjectMeta;
use serde_json::Value;

use crate::{
    connection::Connection,
    option::{self, OptionPlace, OptionProblem, OptionProblemKind, OptionSpec, OptionType},
};

/// How files are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    Parquet,
    Csv,
    Ndjson,
}

/// Options of the text formats.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FormatOptions {
    /// CSV: the first line (after `skip_header`) names the columns; otherwise columns go by position.
    pub header: bool,
    /// CSV: one byte.
    pub delimiter: u8,
    /// CSV: one byte; `None`: no quoting.
    pub quote: Option<u8>,
    /// CSV: makes the next byte plain; `None`: a doubled quote stands for one.
    pub escape: Option<u8>,
    /// CSV: an unquoted field of this text is NULL; `None`: an empty unquoted field is.
    pub null: Option<String>,
    /// Lines at the start of each file that are neither data nor names.
    pub skip_header: usize,
    /// `None`: by the file's extension.
    pub compression: Option<Compression>,
}

/// How a whole file is compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    None,
    Gzip,
}

impl Default for FormatOptions {
    fn default() -> Self {
        Self {
            header: true,
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            null: None,
            skip_header: 0,
            compression: None,
        }
    }
}

const TEXT_OPTIONS: &[OptionSpec] = &[
    // sorted: start
    OptionSpec {
        name: "compression",
        value: OptionType::Choice(&["gzip", "none"]),
        required: false,
    },
    OptionSpec {
        name: "skip_header",
        value: OptionType::Integer(0, 1_000_000),
        required: false,
    },
    // sorted: end
];

const CSV_OPTIONS: &[OptionSpec] = &[
    // sorted: start
    OptionSpec {
        name: "compression",
        value: OptionType::Choice(&["gzip", "none"]),
        required: false,
    },
    OptionSpec {
        name: "delimiter",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "encoding",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "escape",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "header",
        value: OptionType::Boolean,
        required: false,
    },
    OptionSpec {
        name: "null",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "quote",
        value: OptionType::Text,
        required: false,
    },
    OptionSpec {
        name: "skip_header",
        value: OptionType::Integer(0, 1_000_000),
        required: false,
    },
    // sorted: end
];

impl FormatOptions {
    /// Reads the `options:` of a table.
    ///
    /// # Errors
    /// Every unknown, mistyped or unsupported option, by name.
    pub fn parse(format: Format, given: &BTreeMap<String, Value>) -> Result<Self, Vec<OptionProblem>> {
        let known = match format {
            Format::Parquet => &[],
            Format::Csv => CSV_OPTIONS,
            Format::Ndjson => TEXT_OPTIONS,
        };
        let mut problems = option::check(known, &[], given, &[]);
        let mut options = Self::default();
        for (name, value) in given {
            match (name.as_str(), value) {
                ("header", Value::Bool(header)) => options.header = *header,
                ("null", Value::String(marker)) => options.null = Some(marker.clone()),
                ("skip_header", Value::Number(lines)) => {
                    options.skip_header = lines
                        .as_u64()
                        .and_then(|lines| usize::try_from(lines).ok())
                        .unwrap_or_default();
                }
                ("compression", Value::String(name)) => {
                    options.compression = Some(if name == "gzip" {
                        Compression::Gzip
                    } else {
                        Compression::None
                    });
                }
                ("encoding", Value::String(name)) if !matches!(name.to_lowercase().as_str(), "utf-8" | "utf8") => {
                    problems.push(problem(
                        "encoding",
                        OptionProblemKind::NotSupported {
                            what: format!("encoding `{name}`"),
                        },
                    ));
                }
                ("delimiter", Value::String(text)) => match byte(text) {
                    Some(byte) => options.delimiter = byte,
                    None => problems.push(problem("delimiter", one_byte())),
                },
                ("quote" | "escape", Value::String(text)) => match byte(text) {
                    Some(byte) if name == "quote" => options.quote = Some(byte),
                    Some(byte) => options.escape = Some(byte),
                    None if text.is_empty() && name == "quote" => options.quote = None,
                    None => problems.push(problem(name, one_byte())),
                },
                _ => {}
            }
        }
        if problems.is_empty() {
            Ok(options)
        } else {
            Err(problems)
        }
    }
}

fn byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Some(*byte),
        _ => None,
    }
}

fn one_byte() -> OptionProblemKind {
    OptionProblemKind::Invalid {
        why: "one ASCII character is expected".to_owned(),
    }
}

fn problem(name: &str, kind: OptionProblemKind) -> OptionProblem {
    OptionProblem {
        place: OptionPlace::Option,
        name: name.to_owned(),
        kind,
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
/// Parquet: declared types. CSV and NDJSON: text and binary columns are `Binary`, all others `Utf8`, so that a bad value in a
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
        Format::Parquet => declared.clone(),
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

    #[test]
    fn options_are_a_closed_list() {
        let given = BTreeMap::from([
            ("delimiter".to_owned(), Value::from(";")),
            ("quote".to_owned(), Value::from("")),
            ("null".to_owned(), Value::from("\\N")),
        ]);
        let options = FormatOptions::parse(Format::Csv, &given).expect("options");
        assert_eq!(
            (options.delimiter, options.quote, options.null.as_deref()),
            (b';', None, Some("\\N"))
        );
        assert!(FormatOptions::parse(Format::Parquet, &given).is_err());
        let given = BTreeMap::from([("encoding".to_owned(), Value::from("latin1"))]);
        assert!(FormatOptions::parse(Format::Csv, &given).is_err());
    }
}
