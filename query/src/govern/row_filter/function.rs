//! How do the operators of filter bodies compute that the engine has no total form of? NULL where there is no value.

use std::{hash::Hash, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, StructArray, make_array, new_null_array},
    buffer::NullBuffer,
    compute::{is_not_null, kernels::zip::zip},
    datatypes::DataType,
};
use datafusion::{
    error::Result,
    logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
};

use super::syntax::Arithmetic;
use super::{arithmetic, moment, text};

/// A function of the compiled form. All are total: overflow and impossible results are NULL.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum FilterFunction {
    /// With the type of the result.
    Arithmetic(Arithmetic, DataType),
    Coalesce,
    DateTrunc(DateUnit),
    Day,
    /// A field of a struct, by its exact name.
    Field(String),
    Length,
    /// A LIKE pattern whose escape is `\`.
    Like(String),
    Lower,
    Month,
    /// Floats whose NaN are all the positive one.
    OneNan,
    StartsWith,
    Substr,
    Upper,
    Year,
}

/// Units of `date_trunc`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum DateUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl DateUnit {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "second" => Self::Second,
            "minute" => Self::Minute,
            "hour" => Self::Hour,
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "quarter" => Self::Quarter,
            "year" => Self::Year,
            _ => return None,
        })
    }
}

impl FilterFunction {
    /// A call; the type of the result follows from the arguments.
    pub(crate) fn call(self, arguments: Vec<Expr>) -> Expr {
        let implementation = FilterUdf {
            function: self,
            signature: Signature::variadic_any(Volatility::Immutable),
        };
        Arc::new(ScalarUDF::new_from_impl(implementation)).call(arguments)
    }

    fn result(&self, arguments: &[DataType]) -> DataType {
        let first = || arguments.first().cloned().unwrap_or(DataType::Null);
        match self {
            Self::Arithmetic(_, result) => result.clone(),
            Self::Coalesce | Self::DateTrunc(_) | Self::Lower | Self::OneNan | Self::Substr | Self::Upper => first(),
            Self::Day | Self::Length | Self::Month | Self::Year => DataType::Int64,
            Self::Like(_) | Self::StartsWith => DataType::Boolean,
            Self::Field(name) => match first() {
                DataType::Struct(fields) => fields
                    .iter()
                    .find(|field| field.name() == name)
                    .map_or(DataType::Null, |field| field.data_type().clone()),
                _ => DataType::Null,
            },
        }
    }

    fn evaluate(&self, arguments: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let argument = |at: usize| {
            arguments
                .get(at)
                .map_or_else(|| new_null_array(&DataType::Null, rows), Arc::clone)
        };
        match self {
            Self::Arithmetic(operator, result) => arithmetic::checked(*operator, &argument(0), &argument(1), result),
            Self::Coalesce => coalesce(arguments, rows),
            Self::DateTrunc(unit) => moment::truncated(&argument(0), *unit),
            Self::Day => moment::part(&argument(0), |date| i64::from(date.day)),
            Self::Month => moment::part(&argument(0), |date| i64::from(date.month)),
            Self::Year => moment::part(&argument(0), |date| date.year),
            Self::Field(name) => field(&argument(0), name),
            Self::Length => text::length(&argument(0)),
            Self::Like(pattern) => text::like(&argument(0), pattern),
            Self::OneNan => Ok(arithmetic::one_nan(&argument(0))),
            Self::Lower => text::mapped(&argument(0), str::to_lowercase),
            Self::Upper => text::mapped(&argument(0), str::to_uppercase),
            Self::StartsWith => text::starts_with(&argument(0), &argument(1)),
            Self::Substr => text::substr(&argument(0), &argument(1), arguments.get(2)),
        }
    }
}

/// The engine's wrapper. Never registered in a session: only compiled bodies hold it.
#[derive(Debug, Eq, Hash, PartialEq)]
struct FilterUdf {
    function: FilterFunction,
    signature: Signature,
}

impl ScalarUDFImpl for FilterUdf {
    fn name(&self) -> &'static str {
        "lakegate_filter"
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

fn coalesce(arguments: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let mut values = arguments.iter().rev();
    let Some(last) = values.next() else {
        return Ok(new_null_array(&DataType::Null, rows));
    };
    let mut chosen = Arc::clone(last);
    for value in values {
        chosen = zip(&is_not_null(value)?, value, &chosen)?;
    }
    Ok(chosen)
}

fn field(array: &ArrayRef, name: &str) -> Result<ArrayRef> {
    let found = array
        .as_any()
        .downcast_ref::<StructArray>()
        .and_then(|parent| parent.column_by_name(name).map(|child| (parent.nulls(), child)));
    let Some((parent, child)) = found else {
        return Ok(new_null_array(&DataType::Null, array.len()));
    };
    // A field of a NULL struct is NULL, whatever the child array holds there.
    let nulls = NullBuffer::union(parent, child.nulls());
    Ok(make_array(child.to_data().into_builder().nulls(nulls).build()?))
}
