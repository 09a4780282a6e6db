//! Sums of many groups, of numbers of up to 128 bits.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, PrimitiveArray},
        datatypes::{DataType, Decimal128Type, Int64Type},
    },
    common::{DataFusionError, Result},
    logical_expr::{EmitTo, GroupsAccumulator},
};

use super::{
    carried::{Carried, numbers, step},
    wide::{finish, states},
};

#[derive(Debug)]
pub(super) struct CarriedGroups {
    result: DataType,
    lows: Vec<i128>,
    /// Empty until a sum wraps.
    carries: Vec<i64>,
    /// Which groups have a value; `None`: all of them.
    seen: Option<Vec<bool>>,
}

impl CarriedGroups {
    pub(super) fn new(result: &DataType) -> Self {
        Self {
            result: result.clone(),
            lows: Vec::new(),
            carries: Vec::new(),
            seen: None,
        }
    }

    fn resize(&mut self, groups: usize) {
        self.lows.resize(groups, 0);
        if !self.carries.is_empty() {
            self.carries.resize(groups, 0);
        }
        if let Some(seen) = &mut self.seen {
            seen.resize(groups, false);
        }
    }

    /// From here on it is known which of the groups, of which `before` have values, have one.
    fn remember(&mut self, before: usize) {
        if self.seen.is_none() {
            let mut seen = vec![true; before];
            seen.resize(self.lows.len(), false);
            self.seen = Some(seen);
        }
    }

    #[inline]
    fn add(&mut self, group: usize, value: i128) {
        if let Some(low) = self.lows.get_mut(group) {
            let (sum, wrapped) = low.overflowing_add(value);
            *low = sum;
            if wrapped {
                self.carry(group, step(value));
            }
        }
    }

    #[cold]
    fn carry(&mut self, group: usize, carry: i64) {
        self.carries.resize(self.lows.len(), 0);
        if let Some(known) = self.carries.get_mut(group) {
            *known += carry;
        }
    }

    fn mark(&mut self, group: usize) {
        if let Some(seen) = self.seen.as_mut().and_then(|seen| seen.get_mut(group)) {
            *seen = true;
        }
    }

    /// The sums of the groups that leave, and which of them have a value.
    fn take(&mut self, emit_to: EmitTo) -> (Vec<Carried>, Vec<bool>) {
        let lows = emit_to.take_needed(&mut self.lows);
        let mut carries = match self.carries.is_empty() {
            true => Vec::new(),
            false => emit_to.take_needed(&mut self.carries),
        };
        carries.resize(lows.len(), 0);
        let seen = self.seen.as_mut().map(|seen| emit_to.take_needed(seen));
        let seen = seen.unwrap_or_else(|| vec![true; lows.len()]);
        let sums = lows.into_iter().zip(carries).map(|(low, carry)| Carried { low, carry });
        (sums.collect(), seen)
    }
}

fn is_kept(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for CarriedGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        let before = self.lows.len();
        self.resize(total);
        for values in values {
            let values = numbers(values)?;
            if values.null_count() == 0 && filter.is_none() {
                // Every new group has a row here.
                for (value, group) in values.values().iter().zip(groups) {
                    self.add(*group, *value);
                }
                if self.seen.is_some() {
                    groups.iter().for_each(|group| self.mark(*group));
                }
                continue;
            }
            self.remember(before);
            for (row, (value, group)) in values.iter().zip(groups).enumerate() {
                if let Some(value) = value
                    && is_kept(filter, row)
                {
                    self.add(*group, value);
                    self.mark(*group);
                }
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (sums, seen) = self.take(emit_to);
        let sums = sums.into_iter().zip(seen);
        let sums = sums.map(|(sum, seen)| seen.then(|| sum.value()).transpose());
        finish(&sums.collect::<Result<PrimitiveArray<Decimal128Type>>>()?, &self.result)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (sums, seen) = self.take(emit_to);
        let lows = PrimitiveArray::<Decimal128Type>::from_iter_values(sums.iter().map(|sum| sum.low));
        let carries = Int64Array::from_iter_values(sums.iter().map(|sum| sum.carry));
        let counts = Int64Array::from_iter_values(seen.into_iter().map(i64::from));
        Ok(vec![states(lows, &self.result), Arc::new(carries), Arc::new(counts)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        let before = self.lows.len();
        self.resize(total);
        let [lows, carries, counts] = states else {
            return Err(DataFusionError::Internal("sum has three states".to_owned()));
        };
        let lows = lows.as_primitive::<Decimal128Type>().values();
        let carries = carries.as_primitive::<Int64Type>().values();
        let counts = counts.as_primitive::<Int64Type>().values();
        if counts.contains(&0) {
            self.remember(before);
        }
        for (((low, carry), count), group) in lows.iter().zip(carries).zip(counts).zip(groups) {
            if *count > 0 {
                self.add(*group, *low);
                self.mark(*group);
                if *carry != 0 {
                    self.carry(*group, *carry);
                }
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let Some(values) = values.first() else {
            return Err(DataFusionError::Internal("sum has one argument".to_owned()));
        };
        let values = numbers(values)?;
        let kept = |row: usize| values.is_valid(row) && is_kept(filter, row);
        let counts = Int64Array::from_iter_values((0..values.len()).map(|row| i64::from(kept(row))));
        let carries = Int64Array::from(vec![0; values.len()]);
        // What is below a NULL or left out has the count 0.
        let lows = PrimitiveArray::<Decimal128Type>::new(values.values().clone(), None);
        Ok(vec![states(lows, &self.result), Arc::new(carries), Arc::new(counts)])
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.lows.capacity() * size_of::<i128>()
            + self.carries.capacity() * size_of::<i64>()
            + self.seen.as_ref().map_or(0, Vec::capacity)
    }
}
