//! Sums of many groups.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, PrimitiveArray},
        datatypes::{DataType, Int64Type},
    },
    common::{DataFusionError, Result},
    logical_expr::{EmitTo, GroupsAccumulator},
};

use super::wide::{Wide, add, finish, states, widen, zero};

#[derive(Debug)]
pub(super) struct GroupedSum<W: Wide> {
    result: DataType,
    sums: Vec<W::Native>,
    counts: Vec<i64>,
}

impl<W: Wide> GroupedSum<W> {
    pub(super) fn new(result: &DataType) -> Self {
        Self {
            result: result.clone(),
            sums: Vec::new(),
            counts: Vec::new(),
        }
    }

    fn add(&mut self, group: usize, value: W::Native, count: i64) -> Result<()> {
        if let (Some(sum), Some(seen)) = (self.sums.get_mut(group), self.counts.get_mut(group)) {
            *sum = add::<W>(*sum, value)?;
            *seen += count;
        }
        Ok(())
    }

    fn resize(&mut self, groups: usize) {
        self.sums.resize(groups, zero::<W>());
        self.counts.resize(groups, 0);
    }

    fn take(&mut self, emit_to: EmitTo) -> (PrimitiveArray<W>, Vec<i64>) {
        let sums = emit_to.take_needed(&mut self.sums);
        let counts = emit_to.take_needed(&mut self.counts);
        (present(sums, &counts), counts)
    }
}

fn is_kept(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

fn present<W: Wide>(sums: Vec<W::Native>, counts: &[i64]) -> PrimitiveArray<W> {
    sums.into_iter()
        .zip(counts)
        .map(|(sum, count)| (*count > 0).then_some(sum))
        .collect()
}

impl<W: Wide> GroupsAccumulator for GroupedSum<W> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.resize(total);
        for values in values {
            for (row, (value, group)) in widen::<W>(values)?.iter().zip(groups).enumerate() {
                if let Some(value) = value
                    && is_kept(filter, row)
                {
                    self.add(*group, value, 1)?;
                }
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (sums, _) = self.take(emit_to);
        finish(&sums, &self.result)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, counts) = self.take(emit_to);
        Ok(vec![states(sums, &self.result), Arc::new(Int64Array::from(counts))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.resize(total);
        let [sums, counts] = states else {
            return Err(DataFusionError::Internal("sum has two states".to_owned()));
        };
        let counts = counts.as_primitive::<Int64Type>();
        for ((sum, count), group) in sums.as_primitive::<W>().iter().zip(counts).zip(groups) {
            self.add(*group, sum.unwrap_or_else(zero::<W>), count.unwrap_or_default())?;
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let Some(values) = values.first() else {
            return Err(DataFusionError::Internal("sum has one argument".to_owned()));
        };
        let sums: PrimitiveArray<W> = widen::<W>(values)?
            .iter()
            .enumerate()
            .map(|(row, value)| value.filter(|_| is_kept(filter, row)))
            .collect();
        let counts: Int64Array = sums.iter().map(|value| Some(i64::from(value.is_some()))).collect();
        Ok(vec![states(sums, &self.result), Arc::new(counts)])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sums.capacity() * size_of::<W::Native>() + self.counts.capacity() * size_of::<i64>()
    }
}
