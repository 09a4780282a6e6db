//! How many bytes did a connector return? The uncompressed IPC body without padding, whatever memory is shared.

use datafusion::arrow::{
    array::{Array, AsArray, RecordBatch, make_array},
    datatypes::DataType,
};

/// Bytes of a batch (query-path.md §4): validity, offsets, values; views as 16 bytes and the values that do not fit.
pub(crate) fn of(batch: &RecordBatch) -> u64 {
    batch
        .columns()
        .iter()
        .map(|column| fixed(column.as_ref()) + long_values(column.as_ref()))
        .sum()
}

fn fixed(array: &dyn Array) -> u64 {
    // `get_array_memory_size` would count shared capacity.
    array
        .to_data()
        .get_slice_memory_size()
        .map_or(u64::MAX, |bytes| bytes as u64)
}

/// What `get_slice_memory_size` leaves out of view arrays.
fn long_values(array: &dyn Array) -> u64 {
    let long = |length: usize| if length > 12 { length as u64 } else { 0 };
    match array.data_type() {
        DataType::Utf8View => array
            .as_string_view()
            .iter()
            .flatten()
            .map(|value| long(value.len()))
            .sum(),
        DataType::BinaryView => array
            .as_binary_view()
            .iter()
            .flatten()
            .map(|value| long(value.len()))
            .sum(),
        other if other.is_nested() => array
            .to_data()
            .child_data()
            .iter()
            .map(|child| long_values(make_array(child.clone()).as_ref()))
            .sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, StringViewArray};

    use super::*;

    #[test]
    fn a_slice_counts_itself_only() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        assert_eq!(of(&batch.slice(10, 10)), 80);
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["abc"; 10]));
        assert_eq!(of(&RecordBatch::try_from_iter([("t", texts)]).unwrap()), 11 * 4 + 30);
        let views: ArrayRef = Arc::new(StringViewArray::from(vec![
            "short",
            "a value of more than twelve bytes",
        ]));
        assert_eq!(of(&RecordBatch::try_from_iter([("v", views)]).unwrap()), 2 * 16 + 33);
    }
}
