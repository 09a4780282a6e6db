//! What is the sum of numbers that does not fit its type? An error, as in PostgreSQL and Trino; the engine's own wraps.
//!
//! Sums are kept in more bits than any number of rows can fill (192; of decimals of more than 38 digits 256), so that only the
//! final value must fit and the order of rows does not matter. Floats, and decimals that leave room for ten thousand million
//! rows, are the engine's (engine-gaps.md §1).

mod accumulator;
mod carried;
mod carried_groups;
mod groups;
mod wide;

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, Decimal256Type, Field, FieldRef},
    common::Result,
    functions_aggregate::sum::Sum,
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature,
        function::{AccumulatorArgs, StateFieldsArgs},
        utils::{AggregateOrderSensitivity, format_state_name},
    },
};

use accumulator::{CarriedSum, DistinctSum, RowSum};
use carried_groups::CarriedGroups;
use groups::GroupedSum;
use wide::state_type;

/// `sum` with checked integers and decimals.
#[must_use]
pub fn checked_sum() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(CheckedSum { inner: Sum::new() }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum {
    inner: Sum,
}

/// How is a sum kept that could leave its type?
enum Width {
    /// In 128 bits and a count of wraps; different values in 128 bits.
    Narrow,
    /// In 128 bits and a count of wraps; different values in 256 bits.
    Long,
    /// In 256 bits.
    Bits256,
}

/// None: the engine's own.
fn width(result: &DataType) -> Option<Width> {
    match result {
        DataType::Int64
        | DataType::UInt64
        | DataType::Duration(_)
        | DataType::Decimal32(..)
        | DataType::Decimal64(..) => Some(Width::Narrow),
        DataType::Decimal128(precision, _) if *precision == DECIMAL128_MAX_PRECISION => Some(Width::Long),
        DataType::Decimal256(..) => Some(Width::Bits256),
        _ => None,
    }
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
        let result = args.return_field.data_type();
        Ok(match (width(result), args.is_distinct) {
            (None, _) => return self.inner.accumulator(args),
            (Some(Width::Narrow | Width::Long), false) => Box::new(CarriedSum::new(result)),
            (Some(Width::Narrow), true) => Box::new(DistinctSum::<Decimal128Type>::new(result)),
            (Some(Width::Bits256), false) => Box::new(RowSum::<Decimal256Type>::new(result)),
            (Some(Width::Long | Width::Bits256), true) => Box::new(DistinctSum::<Decimal256Type>::new(result)),
        })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let (state, carried) = match (width(args.return_type()), args.is_distinct) {
            (None, _) => return self.inner.state_fields(args),
            (Some(Width::Narrow), _) | (Some(Width::Long), false) => {
                (state_type::<Decimal128Type>(args.return_type()), true)
            }
            (Some(Width::Long), true) | (Some(Width::Bits256), _) => {
                (state_type::<Decimal256Type>(args.return_type()), false)
            }
        };
        if args.is_distinct {
            let name = format_state_name(args.name, "sum distinct");
            return Ok(vec![
                Field::new_list(name, Field::new_list_field(state, true), false).into(),
            ]);
        }
        let sum = Field::new(format_state_name(args.name, "sum"), state, true).into();
        let carry = Field::new(format_state_name(args.name, "carry"), DataType::Int64, true).into();
        let count = Field::new(format_state_name(args.name, "count"), DataType::Int64, true).into();
        Ok(if carried {
            vec![sum, carry, count]
        } else {
            vec![sum, count]
        })
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let result = args.return_field.data_type();
        Ok(match width(result) {
            None => return self.inner.create_groups_accumulator(args),
            Some(Width::Narrow | Width::Long) => Box::new(CarriedGroups::new(result)),
            Some(Width::Bits256) => Box::new(GroupedSum::<Decimal256Type>::new(result)),
        })
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if width(args.return_field.data_type()).is_some() && !args.is_distinct {
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

#[cfg(test)]
mod tests;
