//! To which bucket does a number or a date belong? To that of the greatest multiple of the width that is not above it.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, new_null_array},
    datatypes::{
        ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
        Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use datafusion::common::ScalarValue;

/// The floors of all values, in their type. Where the floor has no value in the type, the least value of the type stands for
/// it, and so for the whole lowest bucket. NULL, NaN and infinities stay. `width` has the type of the array (for dates: days),
/// and is above 0.
pub(super) fn floors(array: &ArrayRef, width: &ScalarValue) -> ArrayRef {
    match (array.data_type(), width) {
        (DataType::Int8, ScalarValue::Int8(Some(width))) => whole::<Int8Type>(array, (*width).into(), i8::MIN),
        (DataType::Int16, ScalarValue::Int16(Some(width))) => whole::<Int16Type>(array, (*width).into(), i16::MIN),
        (DataType::Int32, ScalarValue::Int32(Some(width))) => whole::<Int32Type>(array, (*width).into(), i32::MIN),
        (DataType::Int64, ScalarValue::Int64(Some(width))) => whole::<Int64Type>(array, (*width).into(), i64::MIN),
        (DataType::UInt8, ScalarValue::UInt8(Some(width))) => whole::<UInt8Type>(array, (*width).into(), 0),
        (DataType::UInt16, ScalarValue::UInt16(Some(width))) => whole::<UInt16Type>(array, (*width).into(), 0),
        (DataType::UInt32, ScalarValue::UInt32(Some(width))) => whole::<UInt32Type>(array, (*width).into(), 0),
        (DataType::UInt64, ScalarValue::UInt64(Some(width))) => whole::<UInt64Type>(array, (*width).into(), 0),
        (DataType::Date32, ScalarValue::Int32(Some(days))) => whole::<Date32Type>(array, (*days).into(), i32::MIN),
        (DataType::Decimal128(precision, _), ScalarValue::Decimal128(Some(width), ..)) => {
            decimal(array, *width, least_decimal(*precision))
        }
        (DataType::Float32, ScalarValue::Float32(Some(width))) => {
            let floors = array.as_primitive::<Float32Type>();
            Arc::new(floors.unary::<_, Float32Type>(|value| float32(value, *width)))
        }
        (DataType::Float64, ScalarValue::Float64(Some(width))) => {
            let floors = array.as_primitive::<Float64Type>();
            Arc::new(floors.unary::<_, Float64Type>(|value| float64(value, *width)))
        }
        // INVARIANT: `govern::column_mask` refuses other types; NULL shows nothing.
        (other, _) => new_null_array(other, array.len()),
    }
}

fn whole<T>(array: &ArrayRef, width: i128, least: T::Native) -> ArrayRef
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128> + TryFrom<i128>,
{
    let floors = array
        .as_primitive::<T>()
        .unary::<_, T>(|value| T::Native::try_from(floor(value.into(), width, least.into())).unwrap_or(least));
    Arc::new(floors)
}

fn decimal(array: &ArrayRef, width: i128, least: i128) -> ArrayRef {
    let floors = array
        .as_primitive::<Decimal128Type>()
        .unary::<_, Decimal128Type>(|value| floor(value, width, least));
    Arc::new(floors.with_data_type(array.data_type().clone()))
}

/// Least value with so many digits.
fn least_decimal(precision: u8) -> i128 {
    10_i128
        .checked_pow(precision.into())
        .map_or(i128::MIN, |limit| 1 - limit)
}

fn floor(value: i128, width: i128, least: i128) -> i128 {
    let floor = value.checked_rem_euclid(width).and_then(|rest| value.checked_sub(rest));
    floor.map_or(least, |floor| floor.max(least))
}

macro_rules! float_floor {
    ($name:ident, $float:ident) => {
        fn $name(value: $float, width: $float) -> $float {
            if !value.is_finite() {
                return value;
            }
            // `%` is exact: adding to its result, as `rem_euclid` does, would round, and so show what lies below the width.
            let rest = value % width;
            let towards_zero = value - rest;
            let floor = if rest < 0.0 {
                towards_zero - width
            } else {
                towards_zero
            };
            // A sum with zero has no negative zero.
            floor.max($float::MIN) + 0.0
        }
    };
}

float_floor!(float32, f32);
float_floor!(float64, f64);

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, Decimal128Array, Float64Array, Int8Array, Int64Array, UInt64Array};

    use super::*;

    fn check(values: ArrayRef, width: ScalarValue, expected: ArrayRef) {
        assert_eq!(&floors(&values, &width), &expected);
    }

    #[test]
    fn negative_numbers_floor_and_the_least_do_not_overflow() {
        let longs = vec![
            Some(0),
            Some(9),
            Some(10),
            Some(-1),
            Some(-10),
            Some(-11),
            Some(i64::MAX),
            Some(i64::MIN),
            None,
        ];
        let floors = vec![
            Some(0),
            Some(0),
            Some(10),
            Some(-10),
            Some(-10),
            Some(-20),
            Some(9_223_372_036_854_775_800),
            Some(i64::MIN),
            None,
        ];
        check(
            Arc::new(Int64Array::from(longs)),
            ScalarValue::Int64(Some(10)),
            Arc::new(Int64Array::from(floors)),
        );
        // The whole lowest bucket looks alike.
        check(
            Arc::new(Int8Array::from(vec![-128, -122, -121, -120, 127])),
            ScalarValue::Int8(Some(10)),
            Arc::new(Int8Array::from(vec![-128, -128, -128, -120, 120])),
        );
        check(
            Arc::new(UInt64Array::from(vec![u64::MAX, 6])),
            ScalarValue::UInt64(Some(7)),
            Arc::new(UInt64Array::from(vec![u64::MAX - 1, 0])),
        );
    }

    #[test]
    fn decimals_keep_their_digits() {
        let decimals = |values: Vec<i128>| {
            Arc::new(Decimal128Array::from(values).with_precision_and_scale(5, 2).unwrap()) as ArrayRef
        };
        check(
            decimals(vec![12_345, -1, 99_999, -99_999, 0]),
            ScalarValue::Decimal128(Some(2_500), 5, 2),
            decimals(vec![10_000, -2_500, 97_500, -99_999, 0]),
        );
        let widest = |value: i128| {
            Arc::new(
                Decimal128Array::from(vec![value])
                    .with_precision_and_scale(38, 0)
                    .unwrap(),
            ) as ArrayRef
        };
        let least = 1 - 10_i128.pow(38);
        check(widest(least), ScalarValue::Decimal128(Some(7), 38, 0), widest(least));
    }

    #[test]
    fn floats_have_no_rest_that_tells() {
        let values = vec![
            7.25,
            -0.1,
            -1e-20,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN,
            1e300,
            -10.0,
        ];
        let floored = vec![0.0, -10.0, -10.0, 0.0, f64::INFINITY, f64::NEG_INFINITY];
        let result = floors(
            &(Arc::new(Float64Array::from(values)) as ArrayRef),
            &ScalarValue::Float64(Some(10.0)),
        );
        let result: Vec<f64> = result.as_primitive::<Float64Type>().values().to_vec();
        assert_eq!(result[..6], floored);
        assert!(result[3].is_sign_positive() && result.iter().skip(6).all(|value| value.is_finite()));
        assert_eq!(result[8], -10.0);
        assert!(float64(f64::NAN, 10.0).is_nan() && float64(f64::MIN, 1e308) == f64::MIN);
        assert_eq!(float32(-0.3, 0.25), -0.5);
    }

    #[test]
    fn extreme_dates_have_a_bucket() {
        check(
            Arc::new(Date32Array::from(vec![
                Some(0),
                Some(-1),
                Some(13),
                Some(i32::MIN),
                Some(i32::MAX),
                None,
            ])),
            ScalarValue::Int32(Some(7)),
            Arc::new(Date32Array::from(vec![
                Some(0),
                Some(-7),
                Some(7),
                Some(i32::MIN),
                Some(2_147_483_646),
                None,
            ])),
        );
    }
}
