//! What is the largest or smallest float of a group? By the order in which NaN is the greatest, as everywhere else.
//!
//! The engine's grouped `min` and `max` forget a NaN when another value comes after it, and take the largest finite number
//! for a group of nothing but infinities. Here they run over integers that are in the order of the floats. All other types,
//! and all other ways to compute them, are the engine's.

use std::{marker::PhantomData, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray},
        datatypes::{DataType, Field, Float16Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type},
    },
    common::{Result, ScalarValue},
    functions_aggregate::min_max::{max_udaf, min_udaf},
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, SetMonotonicity,
        Signature, StatisticsArgs, function::AccumulatorArgs, utils::AggregateOrderSensitivity,
    },
};

/// `min` and `max`.
#[must_use]
pub fn extremes() -> [Arc<AggregateUDF>; 2] {
    [min_udaf(), max_udaf()].map(|inner| Arc::new(AggregateUDF::from(Extreme { inner })))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme {
    inner: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        match args.return_field.data_type() {
            DataType::Float16 => ByOrder::<Float16Type>::boxed(&self.inner, args),
            DataType::Float32 => ByOrder::<Float32Type>::boxed(&self.inner, args),
            DataType::Float64 => ByOrder::<Float64Type>::boxed(&self.inner, args),
            _ => self.inner.create_groups_accumulator(args),
        }
    }

    fn is_descending(&self) -> Option<bool> {
        self.inner.is_descending()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn value_from_stats(&self, statistics: &StatisticsArgs<'_>) -> Option<ScalarValue> {
        self.inner.value_from_stats(statistics)
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.inner().set_monotonicity(data_type)
    }
}

/// A float type, and integers of its width: the bits of a float, in IEEE 754's total order.
trait Ordered: ArrowPrimitiveType {
    type Key: ArrowPrimitiveType;

    fn key(value: Self::Native) -> <Self::Key as ArrowPrimitiveType>::Native;

    fn value(key: <Self::Key as ArrowPrimitiveType>::Native) -> Self::Native;
}

macro_rules! ordered {
    ($float:ty, $key:ty, $signed:ty, $unsigned:ty) => {
        impl Ordered for $float {
            type Key = $key;

            fn key(value: Self::Native) -> $signed {
                flipped!(value.to_bits().cast_signed(), $signed)
            }

            fn value(key: $signed) -> Self::Native {
                Self::Native::from_bits(flipped!(key, $signed).cast_unsigned())
            }
        }
    };
}

/// Negative floats grow as their bits shrink: all bits but the sign are turned, which is its own inverse.
macro_rules! flipped {
    ($bits:expr, $signed:ty) => {{
        let bits = $bits;
        if bits < 0 { bits ^ <$signed>::MAX } else { bits }
    }};
}

ordered!(Float16Type, Int16Type, i16, u16);
ordered!(Float32Type, Int32Type, i32, u32);
ordered!(Float64Type, Int64Type, i64, u64);

/// Groups of floats, kept as integers.
struct ByOrder<F: Ordered> {
    inner: Box<dyn GroupsAccumulator>,
    float: PhantomData<fn() -> F>,
}

impl<F: Ordered> ByOrder<F> {
    fn boxed(function: &AggregateUDF, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let field = Arc::new(Field::new(args.return_field.name(), F::Key::DATA_TYPE, true));
        let inner = function.create_groups_accumulator(AccumulatorArgs {
            return_field: field,
            ..args
        })?;
        Ok(Box::new(Self {
            inner,
            float: PhantomData,
        }))
    }

    fn keys(values: &[ArrayRef]) -> Vec<ArrayRef> {
        let keys = |array: &ArrayRef| Arc::new(array.as_primitive::<F>().unary::<_, F::Key>(F::key)) as ArrayRef;
        values.iter().map(keys).collect()
    }

    fn values(keys: &ArrayRef) -> ArrayRef {
        Arc::new(keys.as_primitive::<F::Key>().unary::<_, F>(F::value))
    }
}

impl<F: Ordered> GroupsAccumulator for ByOrder<F> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.inner.update_batch(&Self::keys(values), groups, filter, total)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.inner.merge_batch(&Self::keys(values), groups, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(Self::values(&self.inner.evaluate(emit_to)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(self.inner.state(emit_to)?.iter().map(Self::values).collect())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let states = self.inner.convert_to_state(&Self::keys(values), filter)?;
        Ok(states.iter().map(Self::values).collect())
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}
