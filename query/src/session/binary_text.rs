//! What does LIKE on a binary column say of bytes that are no text? The name of the column, and what to do instead.

use std::sync::Arc;

use datafusion::{
    arrow::{
        compute::{CastOptions, cast_with_options},
        datatypes::DataType,
        error::ArrowError,
    },
    common::{
        DataFusionError, Result, ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::{
        Cast, ColumnarValue, Expr, ExprSchemable, Like, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
        Signature, Volatility, expr::ScalarFunction, expr_rewriter::NamePreserver, utils::merge_schema,
    },
    optimizer::AnalyzerRule,
};

use crate::error::{ErrorCode, QueryError};

/// Gives the cast below LIKE the name of its column, after the engine has set it there.
#[derive(Debug)]
pub struct NamedText;

impl AnalyzerRule for NamedText {
    fn name(&self) -> &'static str {
        "named_text"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let rewritten = expr.transform_up(|expr| match expr {
                    Expr::Like(like) => named(like, |column| column.get_type(&schema)),
                    other => Ok(Transformed::no(other)),
                })?;
                Ok(rewritten.update_data(|expr| name.restore(expr)))
            })
        })
        .map(|plan| plan.data)
    }
}

fn named(like: Like, type_of: impl Fn(&Expr) -> Result<DataType>) -> Result<Transformed<Expr>> {
    let Expr::Cast(Cast { expr: inner, field }) = like.expr.as_ref() else {
        return Ok(Transformed::no(Expr::Like(like)));
    };
    let Expr::Column(column) = inner.as_ref() else {
        return Ok(Transformed::no(Expr::Like(like)));
    };
    if !type_of(inner)?.is_binary() {
        return Ok(Transformed::no(Expr::Like(like)));
    }
    let function = TextOf {
        column: column.name.clone(),
        target: field.data_type().clone(),
        signature: Signature::any(1, Volatility::Immutable),
    };
    let text = ScalarFunction::new_udf(Arc::new(ScalarUDF::from(function)), vec![inner.as_ref().clone()]);
    Ok(Transformed::yes(Expr::Like(Like {
        expr: Box::new(Expr::ScalarFunction(text)),
        ..like
    })))
}

/// The bytes of a column as text.
#[derive(Debug, Eq, Hash, PartialEq)]
struct TextOf {
    column: String,
    target: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for TextOf {
    fn name(&self) -> &'static str {
        "text_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.target.clone())
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(bytes) = arrays.first() else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Null));
        };
        let text = cast_with_options(bytes, &self.target, &options).map_err(|error| self.no_text(error))?;
        Ok(ColumnarValue::Array(text))
    }
}

impl TextOf {
    fn no_text(&self, error: ArrowError) -> DataFusionError {
        let message = format!(
            "column `{}` holds bytes that are no UTF-8 text, so LIKE cannot read it; use encode({}, 'hex')",
            self.column, self.column
        );
        DataFusionError::External(Box::new(
            QueryError::new(ErrorCode::InvalidCast, message).because(error),
        ))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::{
        arrow::{array::BinaryArray, record_batch::RecordBatch},
        execution::SessionStateBuilder,
        prelude::SessionContext,
    };

    use super::super::rules;
    use crate::engine_error::{Phase, translate};

    async fn like(values: Vec<&[u8]>) -> Result<usize, crate::error::QueryError> {
        let state = rules::register(SessionStateBuilder::new().with_default_features()).build();
        let cx = SessionContext::new_with_state(state);
        let batch = RecordBatch::try_from_iter([("b", std::sync::Arc::new(BinaryArray::from(values)) as _)]).unwrap();
        cx.register_batch("t", batch).unwrap();
        let frame = cx.sql("SELECT b FROM t WHERE b LIKE 'a%'").await.unwrap();
        let rows = frame
            .collect()
            .await
            .map_err(|error| translate(error, Phase::Execute))?;
        Ok(rows.iter().map(RecordBatch::num_rows).sum())
    }

    #[tokio::test]
    async fn like_reads_bytes_that_are_text_and_names_the_column_of_others() {
        assert_eq!(like(vec![b"abc", b"xyz"]).await.unwrap(), 1);
        let error = like(vec![b"abc", b"a\xff"]).await.unwrap_err();
        assert_eq!(error.code, crate::error::ErrorCode::InvalidCast);
        assert!(error.message.contains("column `b` holds bytes"), "{error}");
    }
}
