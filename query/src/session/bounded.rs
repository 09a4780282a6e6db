//! Functions whose result can be far larger than their arguments, with a limit on what one call may make.
//!
//! The engine's accounting sees memory that operators hold, not what a function allocates while it runs, nor constants that are folded
//! while the statement is planned: `repeat('x', 2000000000)` would take gigabytes before any limit is asked. So the size of a result is
//! estimated from the arguments first.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::Array,
        compute::concat,
        datatypes::{DataType, FieldRef},
    },
    common::Result,
    config::ConfigOptions,
    error::DataFusionError,
    logical_expr::{
        ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        simplify::{ExprSimplifyResult, SimplifyContext},
    },
};

use crate::error::{ErrorCode, QueryError};

mod growth;
use growth::Growth;

/// Bytes that one call may make for one batch of rows.
const LIMIT: f64 = 134_217_728.0;

/// Which functions grow, and how.
// sorted: start
const GROWING: &[(&str, Growth)] = &[
    ("array_repeat", Growth::RepeatElement),
    ("array_resize", Growth::Resize),
    ("array_to_string", Growth::Join),
    ("generate_series", Growth::Series),
    ("lpad", Growth::Pad),
    ("range", Growth::Series),
    ("regexp_replace", Growth::ReplacePattern),
    ("repeat", Growth::Repeat),
    ("replace", Growth::Replace),
    ("rpad", Growth::Pad),
];
// sorted: end

/// The function, with a limit if it is one that grows.
pub(super) fn bounded(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let growth = GROWING.iter().find(|(name, _)| *name == function.name());
    match growth {
        Some((_, growth)) => Arc::new(ScalarUDF::new_from_impl(Bounded {
            inner: function,
            growth: *growth,
        })),
        None => function,
    }
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
}

impl Bounded {
    fn too_large(&self) -> DataFusionError {
        let message = format!(
            "function `{}` would make more than 128 MiB of one batch of rows; ask it for shorter values",
            self.inner.name()
        );
        DataFusionError::External(QueryError::new(ErrorCode::ExceededMemory, message).into())
    }

    /// A few rows at a time, so that an estimate that is too high refuses nothing that fits.
    fn in_pieces(&self, args: &ScalarFunctionArgs, estimates: &[f64]) -> Result<ColumnarValue> {
        let (mut made, mut pieces, mut first) = (0, Vec::new(), 0);
        while first < estimates.len() {
            let mut sum = 0.0;
            let rows = estimates.iter().skip(first).take_while(|bytes| {
                sum += **bytes;
                sum <= LIMIT
            });
            let rows = rows.count();
            if rows == 0 {
                return Err(self.too_large());
            }
            let piece = self
                .inner
                .invoke_with_args(slice(args, first, rows))?
                .into_array(rows)?;
            made += piece.get_array_memory_size();
            if made as f64 > LIMIT {
                return Err(self.too_large());
            }
            pieces.push(piece);
            first += rows;
        }
        let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(concat(&pieces)?))
    }
}

fn slice(args: &ScalarFunctionArgs, first: usize, rows: usize) -> ScalarFunctionArgs {
    let cut = |value: &ColumnarValue| match value {
        ColumnarValue::Array(array) => ColumnarValue::Array(array.slice(first, rows)),
        ColumnarValue::Scalar(_) => value.clone(),
    };
    ScalarFunctionArgs {
        args: args.args.iter().map(cut).collect(),
        number_rows: rows,
        ..args.clone()
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn is_strict(&self) -> bool {
        self.inner.inner().is_strict()
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = self.inner.inner().with_updated_config(config)?;
        Some(ScalarUDF::new_from_impl(Self {
            inner: Arc::new(inner),
            growth: self.growth,
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let args = ScalarFunctionArgs {
            args: self.growth.prepared(args.args),
            ..args
        };
        let estimates = self.growth.estimates(&args.args, rows)?;
        if estimates.iter().sum::<f64>() <= LIMIT {
            return self.inner.invoke_with_args(args);
        }
        if constant || self.growth.is_exact() {
            return Err(self.too_large());
        }
        self.in_pieces(&args, &estimates)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, info)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

#[cfg(test)]
mod tests;
