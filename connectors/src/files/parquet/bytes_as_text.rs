//! Are texts of a file text? Its decoder looks at the bytes only where the file calls them UTF-8; elsewhere it takes the table's
//! word for it, and text that is none breaks whatever reads it.

use std::collections::BTreeSet;

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, RecordBatch},
    datatypes::{DataType, Schema},
};
use datafusion::common::Result;
use parquet::{
    basic::{ConvertedType, Type as PhysicalType},
    file::metadata::ParquetMetaData,
};

use crate::error::{ConnectorError, ConnectorErrorKind};

/// Names of the wanted columns that are or hold text, in lower case.
pub(super) fn texts(schema: &Schema, projected: Option<Vec<usize>>) -> BTreeSet<String> {
    let fields = schema.fields().iter().enumerate();
    let wanted = |at: &usize| projected.as_ref().is_none_or(|projected| projected.contains(at));
    fields
        .filter(|(at, field)| wanted(at) && (*field.data_type() == DataType::Utf8View || field.data_type().is_nested()))
        .map(|(_, field)| field.name().to_lowercase())
        .collect()
}

/// How sure it is that what a file holds for some texts of the table is text.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::files) enum Doubt {
    /// The decoder sees to it.
    None,
    /// The file calls it text of some kind (JSON).
    Unchecked,
    /// The file says nothing but bytes.
    Bytes,
}

/// The greatest doubt about any of the columns with these names, in lower case.
///
/// Bytes within structs, lists and maps are bytes to the decoder too, and become text by a cast that looks at them; only what
/// the file calls JSON is text at once.
pub(super) fn doubt(metadata: &ParquetMetaData, texts: &BTreeSet<String>) -> Doubt {
    let columns = metadata.file_metadata().schema_descr().columns().iter();
    let of = columns.filter_map(|column| {
        let path = column.path().parts();
        let root = path.first()?.to_lowercase();
        if !texts.contains(&root) || column.physical_type() != PhysicalType::BYTE_ARRAY {
            return None;
        }
        Some(match column.converted_type() {
            ConvertedType::UTF8 => Doubt::None,
            ConvertedType::JSON => Doubt::Unchecked,
            _ if path.len() == 1 => Doubt::Bytes,
            _ => Doubt::None,
        })
    });
    of.max().unwrap_or(Doubt::None)
}

/// What the restricted are told of bytes: at once, and not by the value that fails, which could be hidden.
pub(super) fn refused(file: &str) -> ConnectorError {
    ConnectorError::new(
        ConnectorErrorKind::SchemaChanged,
        "a column of a file does not have the declared type",
    )
    .with_code("TYPE_MISMATCH")
    .with_detail("bytes are declared to be text")
    .with_file(file)
}

/// The batch, if all its texts are UTF-8.
///
/// # Errors
/// `VALUE_MISMATCH` for bytes that the table calls text, `CORRUPT_FILE` for what the file itself calls text: a file that does not
/// keep to its format is refused to everybody, as the decoder refuses broken UTF-8. With the file's name.
pub(super) fn proven(batch: RecordBatch, doubt: Doubt, file: &str) -> Result<RecordBatch> {
    if batch.columns().iter().all(|column| is_utf8(column)) {
        return Ok(batch);
    }
    if doubt == Doubt::Unchecked {
        let error = ConnectorError::corrupt_file(file);
        return Err(error.with_detail("a text that is called JSON is no UTF-8").into());
    }
    let error = ConnectorError::new(
        ConnectorErrorKind::SourceFailed,
        "a value of a file does not fit the declared type",
    );
    Err(error
        .with_code("VALUE_MISMATCH")
        .with_detail("bytes that are declared to be text are no UTF-8")
        .with_file(file)
        .into())
}

/// Looks at texts as bytes: a text that is none must not be looked at as one.
fn is_utf8(column: &dyn Array) -> bool {
    let all = |children: &[ArrayRef]| children.iter().all(|child| is_utf8(child));
    match column.data_type() {
        DataType::Utf8View => {
            let bytes = column.as_string_view().clone().to_binary_view();
            bytes.iter().flatten().all(|bytes| str::from_utf8(bytes).is_ok())
        }
        DataType::Utf8 => {
            let bytes = BinaryArray::from(column.as_string::<i32>().clone());
            bytes.iter().flatten().all(|bytes| str::from_utf8(bytes).is_ok())
        }
        DataType::Struct(_) => all(column.as_struct().columns()),
        DataType::List(_) => is_utf8(column.as_list::<i32>().values()),
        DataType::LargeList(_) => is_utf8(column.as_list::<i64>().values()),
        DataType::FixedSizeList(..) => is_utf8(column.as_fixed_size_list().values()),
        DataType::Map(..) => all(column.as_map().entries().columns()),
        _ => true,
    }
}
