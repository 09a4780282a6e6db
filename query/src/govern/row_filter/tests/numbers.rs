//! What do the operators on numbers give at the edges of each type? A value, or NULL where it would not fit.

use arrow::{
    array::{PrimitiveArray, new_null_array},
    datatypes::{
        ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};

use super::super::{
    arithmetic::{checked, one_nan},
    syntax::Arithmetic,
};
use super::*;

fn of<T: ArrowPrimitiveType>(values: &[T::Native]) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(values.iter().copied()))
}

fn computed<T: ArrowPrimitiveType>(operator: Arithmetic, sides: [&[T::Native]; 2]) -> Vec<Option<T::Native>> {
    let outcome = checked(operator, &of::<T>(sides[0]), &of::<T>(sides[1]), &T::DATA_TYPE).unwrap();
    assert_eq!(outcome.data_type(), &T::DATA_TYPE);
    outcome.as_primitive::<T>().iter().collect()
}

macro_rules! edges {
    ($($arrow:ident $native:ident),+) => {
        $(
            let (least, most) = ($native::MIN, $native::MAX);
            let seen = |operator, left: &[$native], right: &[$native]| computed::<$arrow>(operator, [left, right]);
            assert_eq!(seen(Arithmetic::Add, &[most, most, 2], &[0, 1, 3]), [Some(most), None, Some(5)]);
            assert_eq!(seen(Arithmetic::Subtract, &[least, least, 5], &[0, 1, 3]), [Some(least), None, Some(2)]);
            assert_eq!(seen(Arithmetic::Multiply, &[most, most, 2], &[1, 2, 3]), [Some(most), None, Some(6)]);
        )+
    };
}

#[test]
fn whole_numbers_never_wrap() {
    edges!(Int8Type i8, Int16Type i16, Int32Type i32, Int64Type i64, UInt8Type u8, UInt16Type u16, UInt32Type u32, UInt64Type u64);
}

macro_rules! floats {
    ($arrow:ident $native:ident) => {
        let (most, infinite, nan) = ($native::MAX, $native::INFINITY, $native::NAN);
        let seen = |operator, left: &[$native], right: &[$native]| {
            let outcome = computed::<$arrow>(operator, [left, right]);
            outcome
                .into_iter()
                .map(|value| value.map(|value| value.to_string()))
                .collect::<Vec<_>>()
        };
        let shown = |values: &[Option<$native>]| {
            values
                .iter()
                .map(|value| value.map(|value| value.to_string()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            seen(
                Arithmetic::Add,
                &[2.0, most, infinite, 1.0, nan],
                &[0.5, most, 1.0, -infinite, 1.0]
            ),
            shown(&[Some(2.5), None, Some(infinite), Some(-infinite), Some(nan)])
        );
        assert_eq!(
            seen(
                Arithmetic::Subtract,
                &[2.0, -most, 1.0, infinite],
                &[0.5, most, infinite, infinite]
            ),
            shown(&[Some(1.5), None, Some(-infinite), Some(nan)])
        );
        assert_eq!(
            seen(
                Arithmetic::Multiply,
                &[3.0, most, infinite, 2.0],
                &[0.5, 2.0, 2.0, infinite]
            ),
            shown(&[Some(1.5), None, Some(infinite), Some(infinite)])
        );
    };
}

#[test]
fn floats_overflow_only_from_finite_values() {
    floats!(Float64Type f64);
    floats!(Float32Type f32);
}

#[test]
fn decimals_fit_their_precision() {
    let decimals = |values: &[i128]| -> ArrayRef {
        let array = Decimal128Array::from_iter_values(values.iter().copied());
        Arc::new(array.with_precision_and_scale(3, 1).unwrap())
    };
    let result = DataType::Decimal128(3, 1);
    for (operator, expected) in [
        (Arithmetic::Add, [Some(999), None, Some(1)]),
        (Arithmetic::Subtract, [Some(997), Some(998), Some(-11)]),
        (Arithmetic::Multiply, [Some(998), Some(999), Some(-30)]),
    ] {
        let outcome = checked(operator, &decimals(&[998, 999, -5]), &decimals(&[1, 1, 6]), &result).unwrap();
        assert_eq!(outcome.data_type(), &result);
        let outcome: Vec<Option<i128>> = outcome.as_primitive::<Decimal128Type>().iter().collect();
        assert_eq!(outcome, expected, "{operator:?}");
    }
}

/// The binder gives both sides one type; whatever else came is no value.
#[test]
fn two_types_have_no_outcome() {
    let (small, large, texts) = (
        of::<Int32Type>(&[1]),
        of::<Int64Type>(&[1]),
        new_null_array(&DataType::Utf8, 1),
    );
    for (left, right, result) in [
        (&small, &large, DataType::Int64),
        (&large, &small, DataType::Int64),
        (&large, &large, DataType::Decimal128(38, 0)),
        (&large, &texts, DataType::Float64),
        (&large, &large, DataType::Utf8),
    ] {
        let outcome = checked(Arithmetic::Add, left, right, &result).unwrap();
        assert_eq!((outcome.data_type(), outcome.null_count()), (&result, 1));
    }
}

#[test]
fn every_nan_is_the_same_one() {
    let double = one_nan(&of::<Float64Type>(&[-f64::NAN, 1.5, f64::NEG_INFINITY]));
    let bits: Vec<u64> = double
        .as_primitive::<Float64Type>()
        .values()
        .iter()
        .map(|value| value.to_bits())
        .collect();
    assert_eq!(bits, [f64::NAN, 1.5, f64::NEG_INFINITY].map(f64::to_bits));
    let single = one_nan(&of::<Float32Type>(&[-f32::NAN, 1.5, f32::NEG_INFINITY]));
    let bits: Vec<u32> = single
        .as_primitive::<Float32Type>()
        .values()
        .iter()
        .map(|value| value.to_bits())
        .collect();
    assert_eq!(bits, [f32::NAN, 1.5, f32::NEG_INFINITY].map(f32::to_bits));
    let whole = of::<Int64Type>(&[1]);
    assert_eq!(&one_nan(&whole), &whole);
}
