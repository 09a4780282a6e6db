//! How are the values of `$1`, `$2`, … given? As JSON; bound as typed values, never as text of the statement.

use datafusion::common::ScalarValue;
use serde_json::Value;

use crate::error::{ErrorCode, QueryError, Result};

/// Typed values of JSON parameters: whole numbers are bigint, others double.
///
/// # Errors
/// `INVALID_REQUEST` for lists and objects.
pub fn values(parameters: &[Value]) -> Result<Vec<ScalarValue>> {
    parameters
        .iter()
        .enumerate()
        .map(|(index, value)| scalar(index + 1, value))
        .collect()
}

fn scalar(number: usize, value: &Value) -> Result<ScalarValue> {
    match value {
        Value::Null => Ok(ScalarValue::Null),
        Value::Bool(value) => Ok(ScalarValue::Boolean(Some(*value))),
        Value::String(text) => Ok(ScalarValue::Utf8(Some(text.clone()))),
        Value::Number(value) => match (value.as_i64(), value.as_f64()) {
            (Some(whole), _) => Ok(ScalarValue::Int64(Some(whole))),
            (None, Some(double)) => Ok(ScalarValue::Float64(Some(double))),
            (None, None) => Err(refused(number, "a number that fits a double")),
        },
        Value::Array(_) | Value::Object(_) => Err(refused(number, "null, a boolean, a number or a string")),
    }
}

fn refused(number: usize, expected: &str) -> QueryError {
    QueryError::new(
        ErrorCode::InvalidRequest,
        format!("parameter ${number} must be {expected}"),
    )
}
