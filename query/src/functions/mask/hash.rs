//! Which hash stands for a value? SHA-256 of salt and bytes, or HMAC: hex for text, leading digest bytes for numbers.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, Int32Array, Int64Array, LargeBinaryArray,
        new_null_array,
    },
    datatypes::{DataType, Int32Type, Int64Type},
};
use datafusion::error::{DataFusionError, Result};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::MaskSecret;
use crate::govern::row_filter::{text_array, texts};

/// SHA-256 of salt and bytes.
pub(super) fn sha256(array: &ArrayRef, salt: &[u8]) -> Result<ArrayRef> {
    let salted = Sha256::new().chain_update(salt);
    hashed(array, |bytes| salted.clone().chain_update(bytes).finalize().into())
}

/// HMAC-SHA-256 of the bytes.
pub(super) fn hmac_sha256(array: &ArrayRef, key: &MaskSecret) -> Result<ArrayRef> {
    let keyed = Hmac::<Sha256>::new_from_slice(key.expose())
        .map_err(|_| DataFusionError::Internal("a mask has no key".to_owned()))?;
    hashed(array, |bytes| {
        keyed.clone().chain_update(bytes).finalize().into_bytes().into()
    })
}

/// Text → lowercase hex of the digest of its UTF-8 bytes; `int` and `long` (as 4 or 8 bytes, little-endian) → leading digest
/// bytes, little-endian; binary → the 32 digest bytes. NULL stays NULL.
fn hashed(array: &ArrayRef, digest: impl Fn(&[u8]) -> [u8; 32]) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => text_array(
            texts(array)
                .into_iter()
                .map(|value| value.map(|value| hex::encode(digest(value.as_bytes())))),
            array.data_type(),
        ),
        DataType::Int32 => {
            let hashed = |value: i32| leading(&digest(&value.to_le_bytes())).map(i32::from_le_bytes);
            let values = array.as_primitive::<Int32Type>().iter();
            Arc::new(values.map(|value| value.and_then(hashed)).collect::<Int32Array>())
        }
        DataType::Int64 => {
            let hashed = |value: i64| leading(&digest(&value.to_le_bytes())).map(i64::from_le_bytes);
            let values = array.as_primitive::<Int64Type>().iter();
            Arc::new(values.map(|value| value.and_then(hashed)).collect::<Int64Array>())
        }
        DataType::Binary => Arc::new(
            array
                .as_binary::<i32>()
                .iter()
                .map(|value| value.map(&digest))
                .collect::<BinaryArray>(),
        ),
        DataType::LargeBinary => Arc::new(
            array
                .as_binary::<i64>()
                .iter()
                .map(|value| value.map(&digest))
                .collect::<LargeBinaryArray>(),
        ),
        DataType::BinaryView => Arc::new(
            array
                .as_binary_view()
                .iter()
                .map(|value| value.map(&digest))
                .collect::<BinaryViewArray>(),
        ),
        // INVARIANT: `govern::column_mask` refuses other types; NULL shows nothing.
        other => new_null_array(other, array.len()),
    })
}

fn leading<const N: usize>(digest: &[u8; 32]) -> Option<[u8; N]> {
    digest.first_chunk().copied()
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
        assert_ne!(&sha256(&texts, &[0; 32]).unwrap(), &sha256(&texts, &[1; 32]).unwrap());
    }

    // python3: k = b"\x07" * 32; hmac.new(k, b"abc", "sha256").hexdigest(),
    // struct.unpack("<q", hmac.new(k, struct.pack("<q", -5), "sha256").digest()[:8])
    #[test]
    fn keyed_hashes_are_those_of_another_implementation() {
        let key = MaskSecret::new([7; 32]);
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("abc"), None]));
        let hashed = hmac_sha256(&texts, &key).unwrap();
        let expected = "127da4ced6a839b8f6118bc244684d2663e70cb5ff0adeefca89d7e74d5a0525";
        assert_eq!(
            hashed.as_string::<i32>().iter().collect::<Vec<_>>(),
            [Some(expected), None]
        );
        let longs: ArrayRef = Arc::new(Int64Array::from(vec![Some(-5), None]));
        let expected: ArrayRef = Arc::new(Int64Array::from(vec![Some(3387829982988030013), None]));
        assert_eq!(&hmac_sha256(&longs, &key).unwrap(), &expected);
        let ints: ArrayRef = Arc::new(Int32Array::from(vec![-5]));
        let expected: ArrayRef = Arc::new(Int32Array::from(vec![-1512784928]));
        assert_eq!(&hmac_sha256(&ints, &key).unwrap(), &expected);
        let bytes: ArrayRef = Arc::new(BinaryViewArray::from(vec![Some(&b"\x00\xff"[..]), None]));
        let hashed = hmac_sha256(&bytes, &key).unwrap();
        let hashed = hashed.as_binary_view();
        let expected = "5f4cc98672311564ab469286e3a2ffc8e5c27ef23c8f332ca392b84cce2985d1";
        assert_eq!(
            (hex::encode(hashed.value(0)).as_str(), hashed.is_null(1)),
            (expected, true)
        );
    }
}
