//! How do values get into the wide numbers that a sum is kept in, and the sum back into its type?

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, PrimitiveArray},
        compute::{CastOptions, cast_with_options},
        datatypes::{
            ArrowNativeType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
            DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType, Int64Type,
            TimeUnit, UInt64Type, i256,
        },
        error::ArrowError,
    },
    common::{DataFusionError, Result},
};

/// A decimal type whose numbers a sum is kept in.
pub(super) trait Wide: DecimalType<Native: Eq + std::hash::Hash> + std::fmt::Debug {
    fn of(value: i128) -> Self::Native;

    /// None: beyond 128 bits.
    fn narrow(value: Self::Native) -> Option<i128>;

    fn of_256(value: i256) -> Option<Self::Native>;
}

impl Wide for Decimal128Type {
    fn of(value: i128) -> i128 {
        value
    }

    fn narrow(value: i128) -> Option<i128> {
        Some(value)
    }

    fn of_256(value: i256) -> Option<i128> {
        value.to_i128()
    }
}

impl Wide for Decimal256Type {
    fn of(value: i128) -> i256 {
        i256::from(value)
    }

    fn narrow(value: i256) -> Option<i128> {
        value.to_i128()
    }

    fn of_256(value: i256) -> Option<i256> {
        Some(value)
    }
}

pub(super) fn overflow() -> DataFusionError {
    let text = "the sum is out of the range of its type".to_owned();
    DataFusionError::ArrowError(Box::new(ArrowError::ArithmeticOverflow(text)), None)
}

pub(super) fn add<W: Wide>(sum: W::Native, value: W::Native) -> Result<W::Native> {
    sum.add_checked(value).map_err(|_| overflow())
}

pub(super) fn subtract<W: Wide>(sum: W::Native, value: W::Native) -> Result<W::Native> {
    sum.sub_checked(value).map_err(|_| overflow())
}

/// The type of a partial sum.
pub(super) fn state_type<W: Wide>(result: &DataType) -> DataType {
    W::TYPE_CONSTRUCTOR(W::MAX_PRECISION, scale(result))
}

fn scale(result: &DataType) -> i8 {
    match result {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

/// Values as wide numbers, digit by digit.
pub(super) fn widen<W: Wide>(values: &ArrayRef) -> Result<PrimitiveArray<W>> {
    match values.data_type() {
        DataType::Int64 => Ok(values.as_primitive::<Int64Type>().unary(|value| W::of(value.into()))),
        DataType::UInt64 => Ok(values.as_primitive::<UInt64Type>().unary(|value| W::of(value.into()))),
        DataType::Decimal32(..) => Ok(values
            .as_primitive::<Decimal32Type>()
            .unary(|value| W::of(value.into()))),
        DataType::Decimal64(..) => Ok(values
            .as_primitive::<Decimal64Type>()
            .unary(|value| W::of(value.into()))),
        DataType::Decimal128(..) => Ok(values.as_primitive::<Decimal128Type>().unary(W::of)),
        DataType::Decimal256(..) => values
            .as_primitive::<Decimal256Type>()
            .try_unary(|value| W::of_256(value).ok_or_else(overflow)),
        // Durations and smaller integers.
        _ => {
            let options = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            widen(&cast_with_options(values, &DataType::Int64, &options)?)
        }
    }
}

/// A partial sum as an array of its state type.
pub(super) fn states<W: Wide>(sums: PrimitiveArray<W>, result: &DataType) -> ArrayRef {
    Arc::new(sums.with_data_type(state_type::<W>(result)))
}

/// Sums in the type of the result; the first that does not fit is an error.
pub(super) fn finish<W: Wide>(sums: &PrimitiveArray<W>, result: &DataType) -> Result<ArrayRef> {
    Ok(match result {
        DataType::UInt64 => Arc::new(integers::<W, UInt64Type>(sums)?),
        DataType::Duration(TimeUnit::Second) => Arc::new(integers::<W, DurationSecondType>(sums)?),
        DataType::Duration(TimeUnit::Millisecond) => Arc::new(integers::<W, DurationMillisecondType>(sums)?),
        DataType::Duration(TimeUnit::Microsecond) => Arc::new(integers::<W, DurationMicrosecondType>(sums)?),
        DataType::Duration(TimeUnit::Nanosecond) => Arc::new(integers::<W, DurationNanosecondType>(sums)?),
        DataType::Decimal32(..) => Arc::new(decimals(integers::<W, Decimal32Type>(sums)?, result)?),
        DataType::Decimal64(..) => Arc::new(decimals(integers::<W, Decimal64Type>(sums)?, result)?),
        DataType::Decimal128(..) => Arc::new(decimals(integers::<W, Decimal128Type>(sums)?, result)?),
        DataType::Decimal256(..) => Arc::new(decimals(sums.clone(), result)?),
        _ => Arc::new(integers::<W, Int64Type>(sums)?),
    })
}

fn integers<W: Wide, T: ArrowPrimitiveType<Native: TryFrom<i128>>>(
    sums: &PrimitiveArray<W>,
) -> Result<PrimitiveArray<T>> {
    sums.try_unary(|sum| {
        let sum = W::narrow(sum).ok_or_else(overflow)?;
        sum.try_into().map_err(|_| overflow())
    })
}

fn decimals<T: DecimalType>(sums: PrimitiveArray<T>, result: &DataType) -> Result<PrimitiveArray<T>> {
    let sums = sums.with_data_type(result.clone());
    sums.validate_decimal_precision(sums.precision())
        .map_err(|_| overflow())?;
    Ok(sums)
}

/// Nothing yet.
pub(super) fn zero<W: Wide>() -> W::Native {
    W::Native::usize_as(0)
}
