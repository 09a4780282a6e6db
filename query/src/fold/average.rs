//! How does an average come from a source? As a sum and a count, of which the engine's own accumulator makes the average.
//!
//! Of decimals: their sums are exact wherever they are made, and the accumulator's sum has room for a thousand million rows of any value.
//! An average of integers is one of floats, which are added up in the order of the rows: it stays in the engine.

use std::sync::{Arc, LazyLock};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, UInt64Array},
        compute::cast,
        datatypes::{DataType, Field, Schema, UInt64Type},
    },
    common::{Result, exec_err, utils::take_function_args},
    functions_aggregate::average::avg_udaf,
    logical_expr::{ColumnarValue, EmitTo, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
    physical_expr::{
        aggregate::{AggregateExprBuilder, AggregateFunctionExpr},
        expressions::Column,
    },
};

/// The average of values of this type, of their sum and their number; `None` if it is not the same whatever their order.
pub(super) fn of(value: &DataType, sum: Expr, count: Expr) -> Option<Expr> {
    matches!(value, DataType::Decimal128(..)).then(|| {
        let function = Average {
            value: value.clone(),
            signature: SIGNATURE.clone(),
        };
        ScalarUDF::from(function).call(vec![sum, count])
    })
}

/// The type of the sum that an average of values of this type is made of.
pub(super) fn sum_type(value: &DataType) -> Option<DataType> {
    let states = accumulator(value).ok()?.state_fields().ok()?;
    match states.as_slice() {
        [count, sum] if *count.data_type() == DataType::UInt64 => Some(sum.data_type().clone()),
        _ => None,
    }
}

static SIGNATURE: LazyLock<Signature> = LazyLock::new(|| Signature::any(2, Volatility::Immutable));

/// `average(sum, count)`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Average {
    value: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Average {
    fn name(&self) -> &'static str {
        "average"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(accumulator(&self.value)?.field().data_type().clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [sums, counts] = take_function_args(self.name(), arrays)?;
        averages(&self.value, &sums, &counts).map(ColumnarValue::Array)
    }
}

fn accumulator(value: &DataType) -> Result<AggregateFunctionExpr> {
    let schema = Schema::new(vec![Field::new("value", value.clone(), true)]);
    AggregateExprBuilder::new(avg_udaf(), vec![Arc::new(Column::new("value", 0))])
        .schema(Arc::new(schema))
        .alias("average")
        .build()
}

/// Each row is what a group's accumulator would have come to.
fn averages(value: &DataType, sums: &ArrayRef, counts: &ArrayRef) -> Result<ArrayRef> {
    let counts = cast(counts, &DataType::UInt64)?;
    let counts = counts.as_primitive::<UInt64Type>();
    if counts.null_count() > 0 || counts.len() != sums.len() {
        return exec_err!("a sum without a count");
    }
    // Of no values at all there is neither.
    let counts: ArrayRef = Arc::new(UInt64Array::new(counts.values().clone(), sums.nulls().cloned()));
    let groups: Vec<usize> = (0..sums.len()).collect();
    let mut accumulator = accumulator(value)?.create_groups_accumulator()?;
    accumulator.merge_batch(&[counts, Arc::clone(sums)], &groups, groups.len())?;
    accumulator.evaluate(EmitTo::All)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Decimal128Array, Int64Array};

    use super::*;

    fn decimals(values: Vec<Option<i128>>, precision: u8, scale: i8) -> ArrayRef {
        let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale);
        Arc::new(array.expect("decimals"))
    }

    #[test]
    fn an_average_is_cut_off_and_that_of_nothing_is_null() {
        let value = DataType::Decimal128(10, 2);
        assert_eq!(sum_type(&value), Some(DataType::Decimal128(38, 2)));
        let sums = decimals(vec![Some(200), None, Some(-200), Some(0)], 38, 2);
        let counts: ArrayRef = Arc::new(Int64Array::from(vec![3, 0, 3, 1]));
        let found = averages(&value, &sums, &counts).expect("averages");
        let expected = decimals(vec![Some(666_666), None, Some(-666_666), Some(0)], 14, 6);
        assert_eq!(&found, &expected);
        let none = averages(&value, &sums.slice(0, 0), &counts.slice(0, 0)).expect("averages");
        assert_eq!((none.len(), none.data_type()), (0, expected.data_type()));
    }

    #[test]
    fn only_sums_that_any_order_leaves_the_same_are_sent_for() {
        let expr = || datafusion::logical_expr::lit(1_i64);
        for (value, taken) in [
            (DataType::Decimal128(38, 9), true),
            (DataType::Float64, false),
            (DataType::Int32, false),
            (DataType::Decimal256(50, 3), false),
        ] {
            assert_eq!(of(&value, expr(), expr()).is_some(), taken, "{value}");
        }
        assert_eq!(
            sum_type(&DataType::Decimal128(38, 9)),
            Some(DataType::Decimal256(76, 9))
        );
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let value = DataType::Decimal128(38, 38);
        let sums = decimals(vec![Some(5)], 38, 38);
        let counts: ArrayRef = Arc::new(Int64Array::from(vec![None]));
        assert!(
            averages(
                &value,
                &cast(&sums, &sum_type(&value).expect("a type")).expect("wider"),
                &counts
            )
            .is_err()
        );
    }
}
