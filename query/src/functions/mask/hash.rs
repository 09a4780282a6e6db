//! Which hash stands for a value? SHA-256 of salt and bytes: hex for text, leading digest bytes for numbers.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, Int32Array, Int64Array, LargeBinaryArray,
        new_null_array,
    },
    datatypes::{DataType, Int32Type, Int64Type},
};
use datafusion::error::Result;
use sha2::{Digest, Sha256};

use crate::govern::row_filter::{text_array, texts};

/// Text → lowercase hex; `int` and `long` (as 4 or 8 bytes, little-endian) → leading digest bytes, little-endian;
/// binary → the 32 digest bytes. NULL stays NULL.
pub(super) fn sha256(array: &ArrayRef, salt: &[u8]) -> Result<ArrayRef> {
    let digest = |bytes: &[u8]| -> [u8; 32] { Sha256::new().chain_update(salt).chain_update(bytes).finalize().into() };
    Ok(match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => text_array(
            texts(array)
                .into_iter()
                .map(|value| value.map(|value| hex::encode(digest(value.as_bytes())))),
            array.data_type(),
        ),
        DataType::Int32 => {
            let hashed = |value: i32| {
                digest(&value.to_le_bytes())
                    .first_chunk()
                    .map(|bytes| i32::from_le_bytes(*bytes))
            };
            Arc::new(
                array
                    .as_primitive::<Int32Type>()
                    .iter()
                    .map(|value| value.and_then(hashed))
                    .collect::<Int32Array>(),
            )
        }
        DataType::Int64 => {
            let hashed = |value: i64| {
                digest(&value.to_le_bytes())
                    .first_chunk()
                    .map(|bytes| i64::from_le_bytes(*bytes))
            };
            Arc::new(
                array
                    .as_primitive::<Int64Type>()
                    .iter()
                    .map(|value| value.and_then(hashed))
                    .collect::<Int64Array>(),
            )
        }
        DataType::Binary => Arc::new(
            array
                .as_binary::<i32>()
                .iter()
                .map(|value| value.map(digest))
                .collect::<BinaryArray>(),
        ),
        DataType::LargeBinary => Arc::new(
            array
                .as_binary::<i64>()
                .iter()
                .map(|value| value.map(digest))
                .collect::<LargeBinaryArray>(),
        ),
        DataType::BinaryView => Arc::new(
            array
                .as_binary_view()
                .iter()
                .map(|value| value.map(digest))
                .collect::<BinaryViewArray>(),
        ),
        // INVARIANT: `govern::column_mask` refuses other types; NULL shows nothing.
        other => new_null_array(other, array.len()),
    })
}

/// Salt of one column in one statement, so that nobody builds a dictionary with a column of their own.
pub(crate) fn salt_of(statement: &[u8; 32], domain: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(statement)
        .chain_update(domain.as_bytes())
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;

    use super::*;

    #[test]
    fn hashes_are_those_of_the_bytes() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("abc"), None]));
        let hashed = sha256(&texts, &[]).unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            hashed.as_string::<i32>().iter().collect::<Vec<_>>(),
            [Some(expected), None]
        );
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let digest: [u8; 32] = Sha256::digest(1_i64.to_le_bytes()).into();
        assert_eq!(
            sha256(&numbers, &[])
                .unwrap()
                .as_primitive::<Int64Type>()
                .value(0)
                .to_le_bytes(),
            digest[..8]
        );
        assert_ne!(
            &sha256(&texts, &salt_of(&[0; 32], "a")).unwrap(),
            &sha256(&texts, &salt_of(&[0; 32], "b")).unwrap()
        );
    }
}
