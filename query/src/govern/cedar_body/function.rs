//! How do Cedar's operators compute on columns? NULL is E, "Cedar raises an error"; nothing here fails.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, PrimitiveArray, new_null_array},
    buffer::NullBuffer,
    compute::kernels::{nullif::nullif, zip::zip},
    datatypes::{
        ArrowPrimitiveType, DataType, Date32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
        TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    },
};
use datafusion::{
    error::Result,
    logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
};
use lakegate_policy::{Arithmetic, Method};

const DAY_MS: i64 = 86_400_000;

/// A function of the compiled form.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum CedarFunction {
    /// `&&` whose earlier parts may be E: the first part that is not TRUE. (SQL's AND answers FALSE for E and FALSE.)
    AllOf,
    /// `||` whose earlier parts may be E: the first part that is not FALSE. (SQL's OR answers TRUE for E or TRUE.)
    AnyOf,
    /// 64-bit arithmetic; NULL on overflow.
    Checked(Arithmetic),
    /// `if`: NULL where the condition is.
    Choose,
    /// A date or timestamp in milliseconds, rounded down; NULL where 64 bits do not hold it.
    Millis,
    /// A method of a moment or duration in milliseconds.
    Method(Method),
}

impl CedarFunction {
    /// A call; the type of the result follows from the arguments.
    pub(super) fn call(self, arguments: Vec<Expr>) -> Expr {
        let implementation = CedarUdf {
            function: self,
            signature: Signature::variadic_any(Volatility::Immutable),
        };
        Arc::new(ScalarUDF::new_from_impl(implementation)).call(arguments)
    }

    fn result(&self, arguments: &[DataType]) -> DataType {
        match self {
            Self::AllOf | Self::AnyOf => DataType::Boolean,
            Self::Checked(_) | Self::Millis | Self::Method(_) => DataType::Int64,
            Self::Choose => arguments.get(1).cloned().unwrap_or(DataType::Null),
        }
    }

    fn evaluate(&self, arguments: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let argument = |at: usize| {
            arguments
                .get(at)
                .map_or_else(|| new_null_array(&DataType::Null, rows), Arc::clone)
        };
        match self {
            Self::AllOf => Ok(first_not(true, arguments, rows)),
            Self::AnyOf => Ok(first_not(false, arguments, rows)),
            Self::Checked(operator) => Ok(checked(*operator, &argument(0), &argument(1))),
            Self::Choose => choose(&argument(0), &argument(1), &argument(2)),
            Self::Millis => Ok(millis(&argument(0))),
            Self::Method(method) => Ok(numbers(&argument(0), |value| applied(*method, value))),
        }
    }
}

/// The engine's wrapper. Never registered in a session: only compiled bodies hold it.
#[derive(Debug, Eq, Hash, PartialEq)]
struct CedarUdf {
    function: CedarFunction,
    signature: Signature,
}

impl ScalarUDFImpl for CedarUdf {
    fn name(&self) -> &'static str {
        "lakegate_cedar"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(self.function.result(arguments))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args
            .args
            .into_iter()
            .map(|value| value.into_array(rows))
            .collect::<Result<Vec<_>>>()?;
        self.function.evaluate(&arrays, rows).map(ColumnarValue::Array)
    }
}

/// From the left, the first value that is not `neutral`, NULL included; else `neutral`. Word by word over the bitmaps: a row
/// is open as long as all that came was `neutral`.
fn first_not(neutral: bool, arguments: &[ArrayRef], rows: usize) -> ArrayRef {
    let mut open = vec![true; rows];
    let mut valid = vec![true; rows];
    for argument in arguments {
        let Some(part) = argument.as_boolean_opt() else {
            // INVARIANT: the tree is typed; what is no condition is E.
            return new_null_array(&DataType::Boolean, rows);
        };
        for (row, (open, valid)) in open.iter_mut().zip(&mut valid).enumerate() {
            if *open {
                *valid = part.is_valid(row);
                *open = *valid && part.value(row) == neutral;
            }
        }
    }
    let values = open.into_iter().map(|open| open == neutral);
    let nulls = NullBuffer::from(valid);
    Arc::new(BooleanArray::new(values.collect(), Some(nulls)))
}

fn choose(condition: &ArrayRef, then: &ArrayRef, otherwise: &ArrayRef) -> Result<ArrayRef> {
    let Some(condition) = condition.as_boolean_opt() else {
        return Ok(new_null_array(then.data_type(), then.len()));
    };
    let chosen = zip(condition, then, otherwise)?;
    let unknown: BooleanArray = (0..condition.len()).map(|row| Some(condition.is_null(row))).collect();
    Ok(nullif(&chosen, &unknown)?)
}

fn checked(operator: Arithmetic, left: &ArrayRef, right: &ArrayRef) -> ArrayRef {
    let (Some(left), Some(right)) = (
        left.as_primitive_opt::<Int64Type>(),
        right.as_primitive_opt::<Int64Type>(),
    ) else {
        return new_null_array(&DataType::Int64, left.len());
    };
    let combine = |(left, right): (Option<i64>, Option<i64>)| match operator {
        Arithmetic::Add => left?.checked_add(right?),
        Arithmetic::Subtract => left?.checked_sub(right?),
        Arithmetic::Multiply => left?.checked_mul(right?),
    };
    Arc::new(left.iter().zip(right.iter()).map(combine).collect::<Int64Array>())
}

/// As `cedar-policy-core` computes (`extensions/datetime.rs`).
fn applied(method: Method, value: i64) -> Option<i64> {
    match method {
        Method::ToDate => value.checked_sub(value.rem_euclid(DAY_MS)),
        Method::ToTime => Some(value.rem_euclid(DAY_MS)),
        Method::Divide(by) => value.checked_div(by),
    }
}

fn numbers(array: &ArrayRef, map: impl Fn(i64) -> Option<i64>) -> ArrayRef {
    match array.as_primitive_opt::<Int64Type>() {
        Some(values) => mapped(values, map),
        None => new_null_array(&DataType::Int64, array.len()),
    }
}

fn mapped<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, map: impl Fn(T::Native) -> Option<i64>) -> ArrayRef {
    Arc::new(array.iter().map(|value| map(value?)).collect::<Int64Array>())
}

fn millis(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Date32 => mapped(array.as_primitive::<Date32Type>(), |days| {
            i64::from(days).checked_mul(DAY_MS)
        }),
        DataType::Timestamp(TimeUnit::Second, _) => mapped(array.as_primitive::<TimestampSecondType>(), |value| {
            value.checked_mul(1_000)
        }),
        DataType::Timestamp(TimeUnit::Millisecond, _) => mapped(array.as_primitive::<TimestampMillisecondType>(), Some),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            mapped(array.as_primitive::<TimestampMicrosecondType>(), |value| {
                Some(value.div_euclid(1_000))
            })
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            mapped(array.as_primitive::<TimestampNanosecondType>(), |value| {
                Some(value.div_euclid(1_000_000))
            })
        }
        _ => new_null_array(&DataType::Int64, array.len()),
    }
}
