//! Does each mask do what it is called, in every type that it takes, and nothing in the types that it does not?

use arrow::{
    array::{
        Array, AsArray, BinaryArray, BinaryViewArray, Date32Array, Int64Array, LargeBinaryArray, LargeStringArray,
        PrimitiveArray, StringArray, StringViewArray,
    },
    datatypes::{
        ArrowPrimitiveType, Float32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, UInt8Type, UInt16Type,
        UInt32Type, UInt64Type,
    },
};
use sha2::{Digest, Sha256};

use super::{bucket::floors, *};

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn shown(mask: &MaskFunction, array: &ArrayRef) -> Vec<Option<String>> {
    let masked = mask.apply(array).unwrap();
    assert_eq!(masked.data_type(), array.data_type(), "{mask:?}");
    masked
        .as_string::<i32>()
        .iter()
        .map(|value| value.map(str::to_owned))
        .collect()
}

#[test]
fn each_mask_is_its_own() {
    let array = texts(&["Ana-77@x.de"]);
    let keep = |side| {
        MaskFunction::Keep(Keep {
            shown: 2,
            side,
            hidden: 3,
        })
    };
    let hash = hex::encode(Sha256::digest(b"Ana-77@x.de"));
    for (mask, expected) in [
        (MaskFunction::Alphanum, Some("xxx-nn@x.xx")),
        (
            MaskFunction::Constant(ScalarValue::Utf8(Some("n/a".to_owned()))),
            Some("n/a"),
        ),
        (MaskFunction::Fixed, Some("XXXXXXXX")),
        (keep(Side::Left), Some("Anx-nn@x.xx")),
        (keep(Side::Right), Some("xxx-nn@x.de")),
        (MaskFunction::Null, None),
        (MaskFunction::Sha256Global, Some(hash.as_str())),
        (MaskFunction::ShowFirst4, Some("Ana-nn@x.xx")),
        (MaskFunction::ShowLast4, Some("xxx-nn@x.de")),
    ] {
        assert_eq!(shown(&mask, &array), [expected.map(str::to_owned)], "{mask:?}");
    }
    let secret = MaskSecret::new([3; 32]);
    let local = shown(&MaskFunction::Sha256Local(secret.clone()), &array);
    let salted = Sha256::new()
        .chain_update([3; 32])
        .chain_update(b"Ana-77@x.de")
        .finalize();
    assert_eq!(local, [Some(hex::encode(salted))]);
    let keyed = shown(&MaskFunction::HmacSha256(secret), &array);
    assert!(keyed != local && keyed[0].as_ref().is_some_and(|value| value.len() == 64));
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![19_497]));
    for (mask, expected) in [
        (MaskFunction::TruncateToMonth, 19_478),
        (MaskFunction::TruncateToYear, 19_358),
        (MaskFunction::Bucket(ScalarValue::Int32(Some(10))), 19_490),
    ] {
        let expected: ArrayRef = Arc::new(Date32Array::from(vec![expected]));
        assert_eq!(&mask.apply(&dates).unwrap(), &expected, "{mask:?}");
    }
}

fn bucketed<T: ArrowPrimitiveType>(values: [T::Native; 3], width: ScalarValue, expected: [T::Native; 3])
where
    T::Native: PartialEq + std::fmt::Debug,
{
    let array: ArrayRef = Arc::new(PrimitiveArray::<T>::from_iter_values(values));
    let floors = floors(&array, &width);
    assert_eq!(floors.as_primitive::<T>().values(), &expected, "{}", T::DATA_TYPE);
}

#[test]
fn every_number_has_a_bucket() {
    bucketed::<Int8Type>([9, -1, i8::MIN], ScalarValue::Int8(Some(5)), [5, -5, i8::MIN]);
    bucketed::<Int16Type>([9, -1, i16::MIN], ScalarValue::Int16(Some(5)), [5, -5, i16::MIN]);
    bucketed::<Int32Type>([9, -1, i32::MIN], ScalarValue::Int32(Some(5)), [5, -5, i32::MIN]);
    bucketed::<Int64Type>([9, -1, i64::MIN], ScalarValue::Int64(Some(5)), [5, -5, i64::MIN]);
    bucketed::<UInt8Type>([9, 4, u8::MAX], ScalarValue::UInt8(Some(5)), [5, 0, u8::MAX]);
    bucketed::<UInt16Type>([9, 4, u16::MAX], ScalarValue::UInt16(Some(5)), [5, 0, u16::MAX]);
    bucketed::<UInt32Type>([9, 4, u32::MAX], ScalarValue::UInt32(Some(5)), [5, 0, u32::MAX]);
    bucketed::<UInt64Type>([9, 4, u64::MAX], ScalarValue::UInt64(Some(5)), [5, 0, u64::MAX]);
    bucketed::<Float32Type>([9.5, -0.5, 4.0], ScalarValue::Float32(Some(5.0)), [5.0, -5.0, 0.0]);
    // A width of another type shows nothing.
    let array: ArrayRef = Arc::new(Int64Array::from(vec![9]));
    assert_eq!(floors(&array, &ScalarValue::Int32(Some(5))).null_count(), 1);
}

#[test]
fn every_text_type_and_binary_type_is_hashed() {
    let digest: [u8; 32] = Sha256::digest(b"a").into();
    let hex = hex::encode(digest);
    let mask = MaskFunction::Sha256Global;
    let large: ArrayRef = Arc::new(LargeStringArray::from(vec!["a"]));
    assert_eq!(mask.apply(&large).unwrap().as_string::<i64>().value(0), hex);
    let view: ArrayRef = Arc::new(StringViewArray::from(vec!["a"]));
    assert_eq!(mask.apply(&view).unwrap().as_string_view().value(0), hex);
    let binary: ArrayRef = Arc::new(BinaryArray::from(vec![b"a".as_slice()]));
    assert_eq!(mask.apply(&binary).unwrap().as_binary::<i32>().value(0), digest);
    let large: ArrayRef = Arc::new(LargeBinaryArray::from(vec![b"a".as_slice()]));
    assert_eq!(mask.apply(&large).unwrap().as_binary::<i64>().value(0), digest);
    let view: ArrayRef = Arc::new(BinaryViewArray::from(vec![b"a".as_slice()]));
    assert_eq!(mask.apply(&view).unwrap().as_binary_view().value(0), digest);
    let other: ArrayRef = Arc::new(Date32Array::from(vec![1]));
    assert_eq!(mask.apply(&other).unwrap().null_count(), 1);
}

#[test]
fn text_masks_keep_the_type_of_the_text() {
    for data_type in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View] {
        let array = arrow::compute::cast(&texts(&["12345"]), &data_type).unwrap();
        for mask in [MaskFunction::ShowLast4, MaskFunction::Alphanum, MaskFunction::Fixed] {
            let masked = mask.apply(&array).unwrap();
            assert_eq!(masked.data_type(), &data_type);
            let plain = arrow::compute::cast(&masked, &DataType::Utf8).unwrap();
            let expected = &shown(&mask, &texts(&["12345"]))[0];
            assert_eq!(Some(plain.as_string::<i32>().value(0)), expected.as_deref());
        }
    }
}

/// Values, not only that there is one; types without a constant have none in a struct either.
#[test]
fn constants_are_zero_false_and_empty() {
    let masked = |data_type: &DataType| {
        let masked = MaskFunction::Fixed.apply(&new_null_array(data_type, 1)).unwrap();
        ScalarValue::try_from_array(&masked, 0).unwrap()
    };
    for (data_type, expected) in [
        (DataType::Boolean, ScalarValue::Boolean(Some(false))),
        (DataType::Int16, ScalarValue::Int16(Some(0))),
        (DataType::Float32, ScalarValue::Float32(Some(0.0))),
        (DataType::Date32, ScalarValue::Date32(Some(0))),
        (DataType::Binary, ScalarValue::Binary(Some(Vec::new()))),
        (DataType::LargeBinary, ScalarValue::LargeBinary(Some(Vec::new()))),
        (DataType::BinaryView, ScalarValue::BinaryView(Some(Vec::new()))),
        (
            DataType::FixedSizeBinary(2),
            ScalarValue::FixedSizeBinary(2, Some(vec![0; 2])),
        ),
        (DataType::LargeUtf8, ScalarValue::LargeUtf8(Some("XXXXXXXX".to_owned()))),
    ] {
        assert!(
            masked(&data_type) == expected && fixed::has_constant(&data_type),
            "{data_type}"
        );
    }
    let field = |data_type| arrow::datatypes::Field::new("a", data_type, true);
    for (data_type, expected) in [
        (DataType::Int32, true),
        (DataType::Time32(TimeUnit::Second), true),
        (DataType::Decimal256(50, 2), true),
        (DataType::Duration(TimeUnit::Second), false),
        (DataType::Null, false),
        (DataType::Float16, false),
        (DataType::Struct(vec![field(DataType::Int32)].into()), true),
        (
            DataType::Struct(vec![field(DataType::Int32), field(DataType::Null)].into()),
            false,
        ),
        (DataType::LargeList(Arc::new(field(DataType::Null))), true),
    ] {
        assert_eq!(fixed::has_constant(&data_type), expected, "{data_type}");
    }
}

#[test]
fn secrets_are_equal_by_their_bytes() {
    use std::hash::{BuildHasher, RandomState};
    let state = RandomState::new();
    let [one, same, other] = [[1; 32], [1; 32], [2; 32]].map(MaskSecret::new);
    assert!(one == same && one != other);
    assert_eq!(state.hash_one(&one), state.hash_one(&same));
    assert_ne!(state.hash_one(&one), state.hash_one(&other));
}
