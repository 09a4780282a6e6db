//! What is the value of a group that may have one row at most? That row's; several are an error.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray},
        datatypes::{DataType, Field, FieldRef, UInt64Type},
    },
    common::{DataFusionError, Result, ScalarValue, internal_err},
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
        utils::format_state_name,
    },
};

use crate::error::{ErrorCode, QueryError};

/// Told wherever a subquery that stands for one value has several rows.
pub(crate) fn several_rows() -> QueryError {
    QueryError::new(
        ErrorCode::SubqueryRows,
        "a subquery that stands for one value has several rows; aggregate it, or add LIMIT 1",
    )
}

/// The value of the only row.
pub(super) fn only_value(expr: Expr) -> Expr {
    let function = OnlyValue {
        signature: Signature::any(1, Volatility::Immutable),
    };
    AggregateUDF::from(function).call(vec![expr])
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct OnlyValue {
    signature: Signature,
}

impl AggregateUDFImpl for OnlyValue {
    fn name(&self) -> &'static str {
        "only_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [inner] => Ok(inner.clone()),
            _ => internal_err!("a subquery has one value"),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Only {
            value: ScalarValue::try_from(args.return_field.data_type())?,
            rows: 0,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let value = args.return_field.data_type().clone();
        Ok(vec![
            Arc::new(Field::new(format_state_name(args.name, "value"), value, true)),
            Arc::new(Field::new(
                format_state_name(args.name, "rows"),
                DataType::UInt64,
                false,
            )),
        ])
    }
}

#[derive(Debug)]
struct Only {
    value: ScalarValue,
    rows: u64,
}

impl Only {
    fn take(&mut self, values: &ArrayRef, row: usize, rows: u64) -> Result<()> {
        self.rows += rows;
        if self.rows > 1 {
            return Err(DataFusionError::External(Box::new(several_rows())));
        }
        self.value = ScalarValue::try_from_array(values, row)?;
        self.value.compact();
        Ok(())
    }
}

impl Accumulator for Only {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [values] = values else {
            return internal_err!("a subquery has one value");
        };
        match values.len() {
            0 => Ok(()),
            rows => self.take(values, 0, rows as u64),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, rows] = states else {
            return internal_err!("the state is a value and the number of rows");
        };
        let rows = rows.as_primitive::<UInt64Type>();
        for (row, count) in rows.values().iter().enumerate().filter(|(_, count)| **count > 0) {
            self.take(values, row, *count)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), ScalarValue::UInt64(Some(self.rows))])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size()
    }
}
