//! What is the sum, difference or product of two values, and when is there none? Overflow is NULL, never a wrapped value.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Decimal128Array, PrimitiveArray, new_null_array},
    datatypes::{
        ArrowPrimitiveType, DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
        Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use datafusion::error::Result;

use super::{literal::within, syntax::Arithmetic};

/// Both arrays have one numeric type (decimals: one scale); `result` is the type of the outcome.
pub(super) fn checked(operator: Arithmetic, left: &ArrayRef, right: &ArrayRef, result: &DataType) -> Result<ArrayRef> {
    let outcome: Option<ArrayRef> = match result {
        DataType::Int8 => integers::<Int8Type>(operator, left, right),
        DataType::Int16 => integers::<Int16Type>(operator, left, right),
        DataType::Int32 => integers::<Int32Type>(operator, left, right),
        DataType::Int64 => integers::<Int64Type>(operator, left, right),
        DataType::UInt8 => integers::<UInt8Type>(operator, left, right),
        DataType::UInt16 => integers::<UInt16Type>(operator, left, right),
        DataType::UInt32 => integers::<UInt32Type>(operator, left, right),
        DataType::UInt64 => integers::<UInt64Type>(operator, left, right),
        DataType::Float32 => rows::<Float32Type>(left, right, |a, b| finite32(operator, a, b)),
        DataType::Float64 => rows::<Float64Type>(left, right, |a, b| finite(operator, a, b)),
        DataType::Decimal128(precision, scale) => decimals(operator, left, right, *precision, *scale)?,
        _ => None,
    };
    // INVARIANT: the binder gave both sides this type; anything else has no value.
    Ok(outcome.unwrap_or_else(|| new_null_array(result, left.len())))
}

/// Floats with the positive NaN in the place of every NaN.
pub(super) fn one_nan(array: &ArrayRef) -> ArrayRef {
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        return Arc::new(floats.unary::<_, Float64Type>(|value| if value.is_nan() { f64::NAN } else { value }));
    }
    if let Some(floats) = array.as_primitive_opt::<Float32Type>() {
        return Arc::new(floats.unary::<_, Float32Type>(|value| if value.is_nan() { f32::NAN } else { value }));
    }
    Arc::clone(array)
}

fn rows<T: ArrowPrimitiveType>(
    left: &ArrayRef,
    right: &ArrayRef,
    combine: impl Fn(T::Native, T::Native) -> Option<T::Native>,
) -> Option<ArrayRef> {
    let (left, right) = (left.as_primitive_opt::<T>()?, right.as_primitive_opt::<T>()?);
    let values = left
        .iter()
        .zip(right.iter())
        .map(|(left, right)| combine(left?, right?));
    Some(Arc::new(values.collect::<PrimitiveArray<T>>()))
}

fn integers<T: ArrowPrimitiveType>(operator: Arithmetic, left: &ArrayRef, right: &ArrayRef) -> Option<ArrayRef>
where
    T::Native: Into<i128> + TryFrom<i128>,
{
    rows::<T>(left, right, |left, right| {
        whole(operator, left.into(), right.into())?.try_into().ok()
    })
}

fn decimals(
    operator: Arithmetic,
    left: &ArrayRef,
    right: &ArrayRef,
    precision: u8,
    scale: i8,
) -> Result<Option<ArrayRef>> {
    let (Some(left), Some(right)) = (
        left.as_primitive_opt::<Decimal128Type>(),
        right.as_primitive_opt::<Decimal128Type>(),
    ) else {
        return Ok(None);
    };
    let values = left
        .iter()
        .zip(right.iter())
        .map(|(left, right)| whole(operator, left?, right?).filter(|value| within(*value, precision)));
    let array = values
        .collect::<Decimal128Array>()
        .with_precision_and_scale(precision, scale)?;
    Ok(Some(Arc::new(array)))
}

fn whole(operator: Arithmetic, left: i128, right: i128) -> Option<i128> {
    match operator {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
    }
}

/// An infinite outcome of finite operands is an overflow; infinity and NaN themselves are values.
fn finite(operator: Arithmetic, left: f64, right: f64) -> Option<f64> {
    let value = match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
    };
    (value.is_finite() || !left.is_finite() || !right.is_finite()).then_some(value)
}

fn finite32(operator: Arithmetic, left: f32, right: f32) -> Option<f32> {
    let value = match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
    };
    (value.is_finite() || !left.is_finite() || !right.is_finite()).then_some(value)
}
