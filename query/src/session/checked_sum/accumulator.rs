//! One sum: of rows that may leave again (window frames), or of different values.

use std::collections::HashSet;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, PrimitiveArray},
        datatypes::{DataType, Decimal128Type, Field, Int64Type},
    },
    common::{DataFusionError, Result, ScalarValue},
    logical_expr::Accumulator,
};

use super::{
    carried::{Carried, numbers},
    wide::{Wide, add, finish, state_type, states, subtract, widen, zero},
};

/// Of numbers of up to 128 bits.
#[derive(Debug)]
pub(super) struct CarriedSum {
    result: DataType,
    sum: Carried,
    count: i64,
}

impl CarriedSum {
    pub(super) fn new(result: &DataType) -> Self {
        Self {
            result: result.clone(),
            sum: Carried::default(),
            count: 0,
        }
    }

    /// Adds or takes away each value; answers how many there are.
    fn each(&mut self, values: &ArrayRef, change: impl Fn(&mut Carried, i128)) -> Result<i64> {
        let values = numbers(values)?;
        // In a variable of its own it stays in registers.
        let mut sum = self.sum;
        if values.null_count() == 0 {
            values.values().iter().for_each(|value| change(&mut sum, *value));
        } else {
            values.iter().flatten().for_each(|value| change(&mut sum, value));
        }
        self.sum = sum;
        Ok(i64::try_from(values.len() - values.null_count()).unwrap_or(i64::MAX))
    }
}

impl Accumulator for CarriedSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values {
            self.count += self.each(values, |sum, value| *sum += value)?;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values {
            self.count -= self.each(values, |sum, value| *sum -= value)?;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = (self.count > 0).then(|| self.sum.value()).transpose()?;
        let sums: PrimitiveArray<Decimal128Type> = [sum].into_iter().collect();
        ScalarValue::try_from_array(&finish(&sums, &self.result)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = states::<Decimal128Type>([Some(self.sum.low)].into_iter().collect(), &self.result);
        Ok(vec![
            ScalarValue::try_from_array(&sum, 0)?,
            ScalarValue::Int64(Some(self.sum.carry)),
            ScalarValue::Int64(Some(self.count)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [lows, carries, counts] = states else {
            return Err(DataFusionError::Internal("sum has three states".to_owned()));
        };
        let lows = lows.as_primitive::<Decimal128Type>().values();
        let carries = carries.as_primitive::<Int64Type>().values();
        let counts = counts.as_primitive::<Int64Type>().values();
        for ((low, carry), count) in lows.iter().zip(carries).zip(counts) {
            if *count > 0 {
                self.sum += Carried {
                    low: *low,
                    carry: *carry,
                };
                self.count += count;
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// Of numbers of more than 128 bits.
#[derive(Debug)]
pub(super) struct RowSum<W: Wide> {
    result: DataType,
    sum: W::Native,
    count: i64,
}

impl<W: Wide> RowSum<W> {
    pub(super) fn new(result: &DataType) -> Self {
        Self {
            result: result.clone(),
            sum: zero::<W>(),
            count: 0,
        }
    }

    fn present(&self) -> PrimitiveArray<W> {
        [(self.count > 0).then_some(self.sum)].into_iter().collect()
    }
}

impl<W: Wide> Accumulator for RowSum<W> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values {
            for value in widen::<W>(values)?.iter().flatten() {
                self.sum = add::<W>(self.sum, value)?;
                self.count += 1;
            }
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values {
            for value in widen::<W>(values)?.iter().flatten() {
                self.sum = subtract::<W>(self.sum, value)?;
                self.count -= 1;
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&finish(&self.present(), &self.result)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = states(self.present(), &self.result);
        Ok(vec![
            ScalarValue::try_from_array(&sum, 0)?,
            ScalarValue::Int64(Some(self.count)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [sums, counts] = states else {
            return Err(DataFusionError::Internal("sum has two states".to_owned()));
        };
        for (sum, count) in sums.as_primitive::<W>().iter().zip(counts.as_primitive::<Int64Type>()) {
            self.sum = add::<W>(self.sum, sum.unwrap_or_else(zero::<W>))?;
            self.count += count.unwrap_or_default();
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

#[derive(Debug)]
pub(super) struct DistinctSum<W: Wide> {
    result: DataType,
    values: HashSet<W::Native>,
}

impl<W: Wide> DistinctSum<W> {
    pub(super) fn new(result: &DataType) -> Self {
        Self {
            result: result.clone(),
            values: HashSet::new(),
        }
    }
}

impl<W: Wide> Accumulator for DistinctSum<W> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for values in values {
            self.values.extend(widen::<W>(values)?.iter().flatten());
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut sum = zero::<W>();
        for value in &self.values {
            sum = add::<W>(sum, *value)?;
        }
        let sums: PrimitiveArray<W> = [(!self.values.is_empty()).then_some(sum)].into_iter().collect();
        ScalarValue::try_from_array(&finish(&sums, &self.result)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: PrimitiveArray<W> = self.values.iter().copied().map(Some).collect();
        let field = Field::new_list_field(state_type::<W>(&self.result), true);
        let list =
            datafusion::common::utils::SingleRowListArrayBuilder::new(states(values, &self.result)).with_field(&field);
        Ok(vec![list.build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for lists in states {
            for list in lists.as_list::<i32>().iter().flatten() {
                self.values.extend(list.as_primitive::<W>().iter().flatten());
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<W::Native>()
    }
}
