//! What does one value look like as text? As in CSV: its JSON without quotes; NULL apart.

use arrow::{
    array::{Array, RecordBatch},
    datatypes::DataType,
};

use crate::{
    cli::grid::Cell,
    results_format::{EncodeError, value::write_value},
};

/// The values of a row; `scratch` is used again.
pub(super) fn row_cells(batch: &RecordBatch, row: usize, scratch: &mut Vec<u8>) -> Result<Vec<Cell>, EncodeError> {
    batch
        .columns()
        .iter()
        .map(|column| cell(column.as_ref(), row, scratch))
        .collect()
}

fn cell(column: &dyn Array, row: usize, scratch: &mut Vec<u8>) -> Result<Cell, EncodeError> {
    scratch.clear();
    write_value(scratch, column, row)?;
    match scratch.first() {
        // The only value that begins so is `null`.
        Some(b'n') => Ok(None),
        Some(b'"') => Ok(Some(serde_json::from_slice(scratch)?)),
        _ => Ok(Some(String::from_utf8_lossy(scratch).into_owned())),
    }
}

/// Numbers stand at the right.
pub(super) fn stands_right(data_type: &DataType) -> bool {
    data_type.is_numeric()
}
