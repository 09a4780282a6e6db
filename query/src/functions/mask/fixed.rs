//! Which constant stands for every value of a type, NULL included? Zero, `XXXXXXXX`, false, 1970-01-01, empty collections.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, StructArray, new_empty_array, new_null_array},
    compute::cast,
    datatypes::DataType,
};
use datafusion::{common::ScalarValue, error::Result};

pub(super) fn fixed(array: &ArrayRef) -> Result<ArrayRef> {
    constant(array.data_type(), array.len())
}

fn constant(data_type: &DataType, rows: usize) -> Result<ArrayRef> {
    let scalar = match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            return Ok(cast(
                &ScalarValue::Utf8(Some("XXXXXXXX".to_owned())).to_array_of_size(rows)?,
                data_type,
            )?);
        }
        DataType::Binary => ScalarValue::Binary(Some(Vec::new())),
        DataType::LargeBinary => ScalarValue::LargeBinary(Some(Vec::new())),
        DataType::BinaryView => ScalarValue::BinaryView(Some(Vec::new())),
        DataType::FixedSizeBinary(size) => {
            ScalarValue::FixedSizeBinary(*size, Some(vec![0; usize::try_from(*size).unwrap_or_default()]))
        }
        DataType::Struct(fields) => {
            let members = fields
                .iter()
                .map(|field| constant(field.data_type(), rows))
                .collect::<Result<Vec<_>>>()?;
            return Ok(Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                members,
                None,
                rows,
            )?));
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::Map(..) => return empty_collections(data_type, rows),
        other => ScalarValue::new_zero(other)?,
    };
    scalar.to_array_of_size(rows)
}

fn empty_collections(data_type: &DataType, rows: usize) -> Result<ArrayRef> {
    // An all-NULL collection array has empty values and equal offsets; without its null buffer it is all empty.
    let nulls = if rows == 0 {
        new_empty_array(data_type)
    } else {
        new_null_array(data_type, rows)
    };
    Ok(arrow::array::make_array(
        nulls.to_data().into_builder().nulls(None).null_count(0).build()?,
    ))
}

/// Whether every part of a type has a constant.
pub(crate) fn has_constant(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => fields.iter().all(|field| has_constant(field.data_type())),
        DataType::Boolean
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
        | DataType::Date32
        | DataType::Timestamp(..)
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..)
        | DataType::List(_)
        | DataType::LargeList(_)
        | DataType::Map(..) => true,
        other => other.is_integer() || matches!(other, DataType::Float32 | DataType::Float64),
    }
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::AsArray,
        datatypes::{Field, TimeUnit},
    };

    use super::*;

    #[test]
    fn every_type_has_its_constant_and_no_null() {
        let item = Arc::new(Field::new("item", DataType::Int32, true));
        let entry = DataType::Struct(
            vec![
                Field::new("key", DataType::Utf8, false),
                Field::new("value", DataType::Utf8, true),
            ]
            .into(),
        );
        for data_type in [
            DataType::Boolean,
            DataType::Int8,
            DataType::UInt64,
            DataType::Float64,
            DataType::Utf8View,
            DataType::Date32,
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            DataType::Decimal128(12, 2),
            DataType::Binary,
            DataType::FixedSizeBinary(16),
            DataType::Time64(TimeUnit::Microsecond),
            DataType::List(Arc::clone(&item)),
            DataType::Map(Arc::new(Field::new("entries", entry, false)), false),
            DataType::Struct(
                vec![
                    Field::new("a", DataType::Int64, true),
                    Field::new("l", DataType::List(item), true),
                ]
                .into(),
            ),
        ] {
            assert!(has_constant(&data_type), "{data_type}");
            for rows in [0, 3] {
                let masked = fixed(&new_null_array(&data_type, rows)).unwrap();
                assert_eq!(
                    (masked.data_type(), masked.len(), masked.logical_null_count()),
                    (&data_type, rows, 0),
                    "{data_type}"
                );
            }
        }
        assert_eq!(
            fixed(&new_null_array(&DataType::Utf8, 1))
                .unwrap()
                .as_string::<i32>()
                .value(0),
            "XXXXXXXX"
        );
    }
}
