//! Are texts of a file text? Its decoder looks at the bytes only where the file calls them UTF-8; elsewhere it takes the table's
//! word for it, and text that is none breaks whatever reads it.

use std::collections::BTreeSet;

use arrow::{
    array::{ArrayRef, AsArray, RecordBatch},
    datatypes::{DataType, Schema},
};
use datafusion::common::Result;
use parquet::{
    basic::{ConvertedType, Type as PhysicalType},
    file::metadata::ParquetMetaData,
};

use crate::error::{ConnectorError, ConnectorErrorKind};

/// Names of the wanted columns that are text, which is carried as views, in lower case.
pub(super) fn texts(schema: &Schema, projected: Option<Vec<usize>>) -> BTreeSet<String> {
    let fields = schema.fields().iter().enumerate();
    let wanted = |at: &usize| projected.as_ref().is_none_or(|projected| projected.contains(at));
    fields
        .filter(|(at, field)| wanted(at) && *field.data_type() == DataType::Utf8View)
        .map(|(_, field)| field.name().to_lowercase())
        .collect()
}

/// How sure it is that what a file holds for some texts of the table is text.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Doubt {
    /// The decoder sees to it.
    None,
    /// The file calls it text of some kind (JSON).
    Unchecked,
    /// The file says nothing but bytes.
    Bytes,
}

/// The greatest doubt about any of the columns with these names, in lower case.
pub(super) fn doubt(metadata: &ParquetMetaData, texts: &BTreeSet<String>) -> Doubt {
    let columns = metadata.file_metadata().schema_descr().columns().iter();
    let columns = columns.filter(|column| match column.path().parts() {
        [name] => texts.contains(&name.to_lowercase()),
        _ => false,
    });
    let of = columns.map(|column| match (column.physical_type(), column.converted_type()) {
        (PhysicalType::BYTE_ARRAY, ConvertedType::UTF8) => Doubt::None,
        (PhysicalType::BYTE_ARRAY, ConvertedType::JSON) => Doubt::Unchecked,
        (PhysicalType::BYTE_ARRAY, _) => Doubt::Bytes,
        _ => Doubt::None,
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
/// `VALUE_MISMATCH`, with the file's name.
pub(super) fn proven(batch: RecordBatch, file: &str) -> Result<RecordBatch> {
    if batch.columns().iter().all(is_utf8) {
        return Ok(batch);
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

fn is_utf8(column: &ArrayRef) -> bool {
    if *column.data_type() != DataType::Utf8View {
        return true;
    }
    // As bytes: a text that is none must not be looked at as one.
    let bytes = column.as_string_view().clone().to_binary_view();
    bytes.iter().flatten().all(|bytes| str::from_utf8(bytes).is_ok())
}
