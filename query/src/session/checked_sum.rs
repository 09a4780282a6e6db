//! What is the sum of integers that does not fit their type? An error, as in PostgreSQL and Trino; the engine's own wraps.
//!
//! Sums of `bigint` (and of its unsigned sister) are kept in 128 bits, so that only the final value must fit and the order
//! of rows does not matter. All other types are the engine's (engine-gaps.md §1).

use std::{collections::HashSet, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, UInt64Array},
        compute::cast,
        datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type, UInt64Type},
        error::ArrowError,
    },
    common::{DataFusionError, Result, ScalarValue},
    functions_aggregate::sum::Sum,
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
        function::{AccumulatorArgs, StateFieldsArgs},
        utils::{AggregateOrderSensitivity, format_state_name},
    },
};

const STATE: DataType = DataType::Decimal128(38, 0);

/// `sum` with checked integers.
#[must_use]
pub fn checked_sum() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(CheckedSum { inner: Sum::new() }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum {
    inner: Sum,
}

fn is_integer(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int64 | DataType::UInt64)
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let result = args.return_field.data_type().clone();
        match (is_integer(&result), args.is_distinct) {
            (false, _) => self.inner.accumulator(args),
            (true, false) => Ok(Box::new(IntegerSum {
                result,
                sum: 0,
                count: 0,
            })),
            (true, true) => Ok(Box::new(DistinctSum {
                result,
                values: HashSet::new(),
            })),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if !is_integer(args.return_type()) {
            return self.inner.state_fields(args);
        }
        if args.is_distinct {
            let name = format_state_name(args.name, "sum distinct");
            return Ok(vec![
                Field::new_list(name, Field::new_list_field(STATE, true), false).into(),
            ]);
        }
        Ok(vec![
            Field::new(format_state_name(args.name, "sum"), STATE, true).into(),
            Field::new(format_state_name(args.name, "count"), DataType::Int64, true).into(),
        ])
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let result = args.return_field.data_type().clone();
        if is_integer(&result) {
            return Ok(Box::new(GroupedSum {
                result,
                sums: Vec::new(),
                counts: Vec::new(),
            }));
        }
        self.inner.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if is_integer(args.return_field.data_type()) && !args.is_distinct {
            return self.accumulator(args);
        }
        self.inner.create_sliding_accumulator(args)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// Values as 128-bit integers.
fn widen(values: &ArrayRef) -> Result<Decimal128Array> {
    let wide = match values.data_type() {
        DataType::Int64 => values
            .as_primitive::<Int64Type>()
            .unary::<_, Decimal128Type>(i128::from),
        DataType::UInt64 => values
            .as_primitive::<UInt64Type>()
            .unary::<_, Decimal128Type>(i128::from),
        _ => cast(values, &STATE)?.as_primitive::<Decimal128Type>().clone(),
    };
    Ok(wide.with_data_type(STATE))
}

fn overflow() -> DataFusionError {
    let text = "the sum is out of the range of its type".to_owned();
    DataFusionError::ArrowError(Box::new(ArrowError::ArithmeticOverflow(text)), None)
}

fn narrow(sum: Option<i128>, result: &DataType) -> Result<ScalarValue> {
    let checked = |sum: Option<i128>| sum.map(i64::try_from).transpose().map_err(|_| overflow());
    match result {
        DataType::UInt64 => {
            let sum = sum.map(u64::try_from).transpose().map_err(|_| overflow())?;
            Ok(ScalarValue::UInt64(sum))
        }
        _ => Ok(ScalarValue::Int64(checked(sum)?)),
    }
}

/// One sum; rows may leave again (window frames).
#[derive(Debug)]
struct IntegerSum {
    result: DataType,
    sum: i128,
    count: i64,
}

impl Accumulator for IntegerSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values
            .first()
            .map(widen)
            .transpose()?
            .iter()
            .flat_map(|array| array.iter().flatten())
        {
            self.sum = self.sum.checked_add(value).ok_or_else(overflow)?;
            self.count += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values
            .first()
            .map(widen)
            .transpose()?
            .iter()
            .flat_map(|array| array.iter().flatten())
        {
            self.sum = self.sum.checked_sub(value).ok_or_else(overflow)?;
            self.count -= 1;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        narrow((self.count > 0).then_some(self.sum), &self.result)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = (self.count > 0).then_some(self.sum);
        Ok(vec![
            ScalarValue::Decimal128(sum, 38, 0),
            ScalarValue::Int64(Some(self.count)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [sums, counts] = states else {
            return Err(DataFusionError::Internal("sum has two states".to_owned()));
        };
        for (sum, count) in sums
            .as_primitive::<Decimal128Type>()
            .iter()
            .zip(counts.as_primitive::<Int64Type>())
        {
            self.sum = self.sum.checked_add(sum.unwrap_or_default()).ok_or_else(overflow)?;
            self.count += count.unwrap_or_default();
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// One sum of different values.
#[derive(Debug)]
struct DistinctSum {
    result: DataType,
    values: HashSet<i128>,
}

impl Accumulator for DistinctSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let wide = values.first().map(widen).transpose()?;
        self.values.extend(wide.iter().flat_map(|array| array.iter().flatten()));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut sum = 0_i128;
        for value in &self.values {
            sum = sum.checked_add(*value).ok_or_else(overflow)?;
        }
        narrow((!self.values.is_empty()).then_some(sum), &self.result)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: Vec<ScalarValue> = self
            .values
            .iter()
            .map(|value| ScalarValue::Decimal128(Some(*value), 38, 0))
            .collect();
        Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&values, &STATE))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [lists] = states else {
            return Err(DataFusionError::Internal("sum has one state".to_owned()));
        };
        for list in lists.as_list::<i32>().iter().flatten() {
            self.values
                .extend(list.as_primitive::<Decimal128Type>().iter().flatten());
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<i128>()
    }
}

/// Sums of many groups.
#[derive(Debug)]
struct GroupedSum {
    result: DataType,
    sums: Vec<i128>,
    counts: Vec<i64>,
}

impl GroupedSum {
    fn add(&mut self, group: usize, value: i128, count: i64) -> Result<()> {
        if let (Some(sum), Some(seen)) = (self.sums.get_mut(group), self.counts.get_mut(group)) {
            *sum = sum.checked_add(value).ok_or_else(overflow)?;
            *seen += count;
        }
        Ok(())
    }

    fn resize(&mut self, groups: usize) {
        self.sums.resize(groups, 0);
        self.counts.resize(groups, 0);
    }

    fn take(&mut self, emit_to: EmitTo) -> (Vec<i128>, Vec<i64>) {
        (
            emit_to.take_needed(&mut self.sums),
            emit_to.take_needed(&mut self.counts),
        )
    }
}

fn is_kept(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

fn present(sums: Vec<i128>, counts: &[i64]) -> Result<Decimal128Array> {
    let values = sums
        .into_iter()
        .zip(counts)
        .map(|(sum, count)| (*count > 0).then_some(sum));
    Ok(Decimal128Array::from_iter(values).with_precision_and_scale(38, 0)?)
}

impl GroupsAccumulator for GroupedSum {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.resize(total);
        let Some(wide) = values.first().map(widen).transpose()? else {
            return Ok(());
        };
        for (row, (value, group)) in wide.iter().zip(groups).enumerate() {
            if let Some(value) = value
                && is_kept(filter, row)
            {
                self.add(*group, value, 1)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (sums, counts) = self.take(emit_to);
        let sums = sums
            .into_iter()
            .zip(counts)
            .map(|(sum, count)| (count > 0).then_some(sum));
        if self.result == DataType::UInt64 {
            let narrow = sums.map(|sum| sum.map(u64::try_from).transpose().map_err(|_| overflow()));
            return Ok(Arc::new(narrow.collect::<Result<UInt64Array>>()?));
        }
        let narrow = sums.map(|sum| sum.map(i64::try_from).transpose().map_err(|_| overflow()));
        Ok(Arc::new(narrow.collect::<Result<Int64Array>>()?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, counts) = self.take(emit_to);
        Ok(vec![
            Arc::new(present(sums, &counts)?),
            Arc::new(Int64Array::from(counts)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.resize(total);
        let [sums, counts] = states else {
            return Err(DataFusionError::Internal("sum has two states".to_owned()));
        };
        let sums = sums.as_primitive::<Decimal128Type>();
        for ((sum, count), group) in sums.iter().zip(counts.as_primitive::<Int64Type>()).zip(groups) {
            self.add(*group, sum.unwrap_or_default(), count.unwrap_or_default())?;
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let Some(wide) = values.first().map(widen).transpose()? else {
            return Err(DataFusionError::Internal("sum has one argument".to_owned()));
        };
        let kept: Vec<Option<i128>> = wide
            .iter()
            .enumerate()
            .map(|(row, value)| value.filter(|_| is_kept(filter, row)))
            .collect();
        let counts: Vec<i64> = kept.iter().map(|value| i64::from(value.is_some())).collect();
        let sums: Vec<i128> = kept.into_iter().map(Option::unwrap_or_default).collect();
        Ok(vec![
            Arc::new(present(sums, &counts)?),
            Arc::new(Int64Array::from(counts)),
        ])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sums.capacity() * size_of::<i128>() + self.counts.capacity() * size_of::<i64>()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::{arrow::record_batch::RecordBatch, prelude::SessionContext};

    use super::*;

    async fn sum(values: Vec<Option<i64>>, sql: &str) -> Result<Vec<RecordBatch>> {
        let cx = SessionContext::new();
        cx.register_udaf(AggregateUDF::from(CheckedSum { inner: Sum::new() }));
        let keys = Arc::new(Int64Array::from_iter_values((0..values.len() as i64).map(|n| n % 2))) as ArrayRef;
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("k", keys, false),
            ("x", Arc::new(Int64Array::from(values)) as ArrayRef, true),
        ])?;
        cx.register_batch("t", batch)?;
        cx.sql(sql).await?.collect().await
    }

    fn first(batches: &[RecordBatch]) -> ScalarValue {
        ScalarValue::try_from_array(batches[0].column(0), 0).unwrap()
    }

    #[tokio::test]
    async fn sums_that_do_not_fit_are_errors() {
        let too_much = vec![Some(i64::MAX), Some(0), Some(1), Some(0)];
        for sql in [
            "SELECT sum(x) FROM t",
            "SELECT sum(x) FROM t GROUP BY k",
            "SELECT sum(DISTINCT x) FROM t",
            "SELECT sum(x) OVER (ORDER BY k) FROM t",
        ] {
            assert!(sum(too_much.clone(), sql).await.is_err(), "{sql}");
        }
    }

    #[tokio::test]
    async fn only_the_final_value_must_fit() {
        let values = vec![Some(i64::MAX), Some(1), Some(-1), None];
        assert_eq!(
            first(&sum(values, "SELECT sum(x) FROM t").await.unwrap()),
            ScalarValue::Int64(Some(i64::MAX))
        );
    }

    #[tokio::test]
    async fn the_sum_of_nothing_is_null() {
        assert_eq!(
            first(&sum(vec![None, None], "SELECT sum(x) FROM t").await.unwrap()),
            ScalarValue::Int64(None)
        );
        let grouped = sum(
            vec![Some(1), Some(2), Some(3), Some(4)],
            "SELECT sum(x) FROM t GROUP BY k ORDER BY 1",
        )
        .await;
        assert_eq!(first(&grouped.unwrap()), ScalarValue::Int64(Some(4)));
        let framed =
            "SELECT sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM t ORDER BY s DESC";
        assert_eq!(
            first(&sum(vec![Some(1), Some(2), Some(3)], framed).await.unwrap()),
            ScalarValue::Int64(Some(5))
        );
    }
}
