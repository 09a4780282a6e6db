//! When can no result of a batch overflow, and how is it then computed? By the magnitudes of the operands: one pass that finds the
//! highest bit in use, then a loop without a check in it.
//!
//! Deliberately without an answer where a result might not fit, values below NULLs included: the exact way decides then.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrowPrimitiveType, AsArray, PrimitiveArray},
        buffer::NullBuffer,
        compute::kernels::numeric::{add_wrapping, mul_wrapping, sub_wrapping},
        datatypes::{ArrowNativeType, DataType, Decimal128Type, Int32Type, Int64Type},
    },
    common::{Result, ScalarValue},
    logical_expr::ColumnarValue,
    physical_expr_common::datum::apply,
};

use super::operation::Operation;

/// Bits of a number that fits 38 digits whatever it is: 2^126 < 10^38.
const DECIMAL_BITS: u32 = 126;
/// Bits of a number that fits 64 with its sign.
const LOW_BITS: u32 = 63;

/// The result of a sum, difference or product in which nothing can overflow; `None`: look at each value.
pub(super) fn computed(
    operation: Operation,
    sides: [&ColumnarValue; 2],
    result: &DataType,
) -> Option<Result<ColumnarValue>> {
    match result {
        DataType::Decimal128(..) => decimals(operation, sides, result).map(Ok),
        DataType::Int64 => whole::<Int64Type>(operation, sides, i64::BITS),
        DataType::Int32 => whole::<Int32Type>(operation, sides, i32::BITS),
        _ => None,
    }
}

/// Highest bit in use plus one, of the values and of the complements of those below zero: each lies in -2^bits to 2^bits.
trait Magnitude: Sized {
    fn bits(values: &[Self]) -> u32;
}

macro_rules! magnitude {
    ($($native:ty),*) => {$(
        impl Magnitude for $native {
            fn bits(values: &[Self]) -> u32 {
                let used = values.iter().fold(0, |used, value| used | (value ^ (value >> (Self::BITS - 1))));
                Self::BITS - used.leading_zeros()
            }
        }
    )*};
}

magnitude!(i32, i64, i128);

/// One operand: a value a row, or one for all of them.
enum Side<'a, T: ArrowPrimitiveType> {
    Each(&'a PrimitiveArray<T>),
    One(T::Native),
}

impl<'a, T: ArrowPrimitiveType<Native: Magnitude>> Side<'a, T> {
    fn of(value: &'a ColumnarValue, one: impl Fn(&ScalarValue) -> Option<T::Native>) -> Option<Self> {
        match value {
            ColumnarValue::Array(array) => array.as_primitive_opt().map(Self::Each),
            ColumnarValue::Scalar(scalar) => one(scalar).map(Self::One),
        }
    }

    fn bits(&self) -> u32 {
        match self {
            Self::Each(array) => T::Native::bits(array.values()),
            Self::One(value) => T::Native::bits(&[*value]),
        }
    }

    fn nulls(&self) -> Option<&NullBuffer> {
        match self {
            Self::Each(array) => array.nulls(),
            Self::One(_) => None,
        }
    }
}

/// Integers: by the engine's kernels that do not check.
fn whole<T: ArrowPrimitiveType<Native: Magnitude + ArrowNativeType>>(
    operation: Operation,
    [left, right]: [&ColumnarValue; 2],
    width: u32,
) -> Option<Result<ColumnarValue>> {
    let one = |scalar: &ScalarValue| {
        let array = Some(scalar).filter(|scalar| !scalar.is_null())?.to_array().ok()?;
        array.as_primitive_opt::<T>()?.values().first().copied()
    };
    let bits = (Side::<T>::of(left, one)?.bits(), Side::<T>::of(right, one)?.bits());
    let room = width - 2;
    match operation {
        Operation::Add if bits.0.max(bits.1) <= room => Some(apply(left, right, add_wrapping)),
        Operation::Subtract if bits.0.max(bits.1) <= room => Some(apply(left, right, sub_wrapping)),
        Operation::Multiply if bits.0 + bits.1 <= room => Some(apply(left, right, mul_wrapping)),
        _ => None,
    }
}

fn decimals(operation: Operation, [left, right]: [&ColumnarValue; 2], result: &DataType) -> Option<ColumnarValue> {
    let DataType::Decimal128(_, scale) = *result else {
        return None;
    };
    let ((left, left_scale), (right, right_scale)) = (decimal(left)?, decimal(right)?);
    let factors = match operation {
        Operation::Add | Operation::Subtract => (power(scale - left_scale)?, power(scale - right_scale)?),
        Operation::Multiply if left_scale.checked_add(right_scale) == Some(scale) => (1, 1),
        Operation::Multiply | Operation::Divide | Operation::Negate => return None,
    };
    let bits = (
        left.bits() + factor_bits(factors.0),
        right.bits() + factor_bits(factors.1),
    );
    let most = match operation {
        Operation::Multiply => bits.0 + bits.1,
        _ => bits.0.max(bits.1) + 1,
    };
    if most > DECIMAL_BITS {
        return None;
    }
    let low = match operation {
        Operation::Multiply => bits.0.max(bits.1) <= LOW_BITS,
        _ => most <= LOW_BITS,
    };
    let (f, g) = factors;
    let values: Vec<i128> = match (operation, low) {
        (Operation::Multiply, true) => zipped(&left, &right, |l, r| i128::from(low_half(l)) * i128::from(low_half(r))),
        (Operation::Multiply, false) => zipped(&left, &right, i128::wrapping_mul),
        (Operation::Add, true) => {
            let (f, g) = (low_half(f), low_half(g));
            let sum = |l, r| (low_half(l).wrapping_mul(f)).wrapping_add(low_half(r).wrapping_mul(g));
            zipped(&left, &right, |l, r| i128::from(sum(l, r)))
        }
        (Operation::Add, false) => zipped(&left, &right, |l, r| l.wrapping_mul(f).wrapping_add(r.wrapping_mul(g))),
        (_, true) => {
            let (f, g) = (low_half(f), low_half(g));
            let difference = |l, r| (low_half(l).wrapping_mul(f)).wrapping_sub(low_half(r).wrapping_mul(g));
            zipped(&left, &right, |l, r| i128::from(difference(l, r)))
        }
        (_, false) => zipped(&left, &right, |l, r| l.wrapping_mul(f).wrapping_sub(r.wrapping_mul(g))),
    }?;
    let nulls = NullBuffer::union(left.nulls(), right.nulls());
    let array = PrimitiveArray::<Decimal128Type>::try_new(values.into(), nulls).ok()?;
    Some(ColumnarValue::Array(Arc::new(array.with_data_type(result.clone()))))
}

/// A decimal operand and its scale.
fn decimal(value: &ColumnarValue) -> Option<(Side<'_, Decimal128Type>, i8)> {
    let DataType::Decimal128(_, scale) = value.data_type() else {
        return None;
    };
    let one = |scalar: &ScalarValue| match scalar {
        ScalarValue::Decimal128(value, ..) => *value,
        _ => None,
    };
    Some((Side::of(value, one)?, scale))
}

fn power(digits: i8) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(digits).ok()?)
}

/// Bits that a factor adds to those of a value.
fn factor_bits(factor: i128) -> u32 {
    if factor == 1 { 0 } else { i128::bits(&[factor]) }
}

#[expect(clippy::cast_possible_truncation, reason = "called where 64 bits hold the value")]
fn low_half(value: i128) -> i64 {
    value as i64
}

/// A result a row; `None` for two constants.
fn zipped(
    left: &Side<'_, Decimal128Type>,
    right: &Side<'_, Decimal128Type>,
    f: impl Fn(i128, i128) -> i128,
) -> Option<Vec<i128>> {
    Some(match (left, right) {
        (Side::Each(left), Side::Each(right)) => {
            let pairs = left.values().iter().zip(right.values());
            pairs.map(|(left, right)| f(*left, *right)).collect()
        }
        (Side::Each(left), Side::One(right)) => left.values().iter().map(|left| f(*left, *right)).collect(),
        (Side::One(left), Side::Each(right)) => right.values().iter().map(|right| f(*left, *right)).collect(),
        (Side::One(_), Side::One(_)) => return None,
    })
}
