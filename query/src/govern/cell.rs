//! How is one visible cell made of raw values? Shown where it is clear, else masked or NULL; converted only where shown.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, BooleanArray, StructArray, new_null_array},
        buffer::NullBuffer,
        compute::{CastOptions, cast_with_options, kernels::zip::zip, not, nullif, prep_null_mask_filter},
        datatypes::{DataType, Fields},
        util::display::FormatOptions,
    },
    error::{DataFusionError, Result},
    logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
};
use lakegate_connectors::files::{DecodedJson, decode_json_column};

use crate::error::{ErrorCode, QueryError};

/// A step in the making of a cell. Never registered in a session.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum CellFunction {
    /// (condition, shown, other): `shown` where the condition IS TRUE.
    Choose,
    /// (condition, value): NULL where the condition is not true, so that nothing below looks at it.
    Keep,
    /// (text): its value in the declared type; a text that has none fails, naming the column only.
    Convert { column: String, to: DataType },
    /// (JSON text): what stands at a path in it, in the declared type; a text that does not fit fails, naming the column
    /// only. What stands beside the path, hidden fields perhaps, is not looked at.
    Decode {
        column: String,
        path: Vec<String>,
        to: DataType,
    },
    /// (JSON text): the same, NULL where the text does not fit.
    TryDecode { path: Vec<String>, to: DataType },
    /// (raw struct, all fields clear, field …): NULL where the raw struct is and every field may be seen.
    Struct(Fields),
}

impl CellFunction {
    pub(super) fn call(self, arguments: Vec<Expr>) -> Expr {
        let implementation = CellUdf {
            function: self,
            signature: Signature::variadic_any(Volatility::Immutable),
        };
        Arc::new(ScalarUDF::new_from_impl(implementation)).call(arguments)
    }

    fn evaluate(&self, arguments: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        match (self, arguments) {
            (Self::Choose, [condition, shown, other]) => Ok(zip(&truth(condition)?, shown, other)?),
            (Self::Keep, [condition, value]) => {
                let hidden = not(&truth(condition)?)?;
                Ok(nullif(value, &hidden)?)
            }
            (Self::Convert { column, to }, [text]) => converted(text, column, to),
            (Self::Decode { column, path, to }, [text]) => {
                let decoded = decoded(text, path, to)?;
                if decoded.misfits > 0 {
                    return Err(misfit(column, to));
                }
                Ok(decoded.values)
            }
            (Self::TryDecode { path, to }, [text]) => Ok(decoded(text, path, to)?.values),
            (Self::Struct(fields), [raw, clear, members @ ..]) => {
                let clear = truth(clear)?;
                let nulls = NullBuffer::from_iter((0..rows).map(|row| !(raw.is_null(row) && clear.value(row))));
                let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
                Ok(Arc::new(StructArray::try_new_with_length(
                    fields.clone(),
                    members.to_vec(),
                    nulls,
                    rows,
                )?))
            }
            _ => Err(broken()),
        }
    }
}

/// The condition without NULLs.
fn truth(condition: &ArrayRef) -> Result<BooleanArray> {
    let condition = condition.as_boolean_opt().ok_or_else(broken)?;
    Ok(if condition.null_count() > 0 {
        prep_null_mask_filter(condition)
    } else {
        condition.clone()
    })
}

fn converted(text: &ArrayRef, column: &str, to: &DataType) -> Result<ArrayRef> {
    // The same conversion as the TRY_CAST of policy columns, so that both agree on every value.
    let options = CastOptions {
        safe: true,
        format_options: FormatOptions::default(),
    };
    let values = cast_with_options(text, to, &options)?;
    if values.null_count() == text.null_count() {
        return Ok(values);
    }
    Err(misfit(column, to))
}

fn decoded(text: &ArrayRef, path: &[String], to: &DataType) -> Result<DecodedJson> {
    let texts = text.as_string_opt::<i32>().ok_or_else(broken)?;
    Ok(decode_json_column(texts, path, to)?)
}

fn misfit(column: &str, to: &DataType) -> DataFusionError {
    let message = format!(
        "column `{column}` holds a value that is not a valid {}",
        crate::type_name::type_text(to)
    );
    DataFusionError::External(Box::new(QueryError::new(ErrorCode::InvalidCast, message)))
}

fn broken() -> DataFusionError {
    DataFusionError::Internal("a cell cannot be computed".to_owned())
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct CellUdf {
    function: CellFunction,
    signature: Signature,
}

impl ScalarUDFImpl for CellUdf {
    fn name(&self) -> &'static str {
        "lakegate_cell"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(match &self.function {
            CellFunction::Choose | CellFunction::Keep => arguments.get(1).cloned().unwrap_or(DataType::Null),
            CellFunction::Convert { to, .. } | CellFunction::Decode { to, .. } | CellFunction::TryDecode { to, .. } => {
                to.clone()
            }
            CellFunction::Struct(fields) => DataType::Struct(fields.clone()),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args
            .args
            .into_iter()
            .map(|value| value.into_array(rows))
            .collect::<Result<Vec<_>>>()?;
        if rows == 0 {
            return Ok(ColumnarValue::Array(new_null_array(args.return_field.data_type(), 0)));
        }
        self.function.evaluate(&arrays, rows).map(ColumnarValue::Array)
    }
}

#[cfg(test)]
mod structs;

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{BinaryArray, Int64Array, StringArray};

    use super::*;

    #[test]
    fn a_bad_text_fails_only_where_it_is_shown_and_says_nothing() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("1"), Some("CANARY"), None]));
        let convert = CellFunction::Convert {
            column: "qty".to_owned(),
            to: DataType::Int64,
        };
        let error = convert.evaluate(&[Arc::clone(&texts)], 3).unwrap_err().to_string();
        assert!(error.contains("`qty`") && !error.contains("CANARY"), "{error}");
        let clear: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(true)]));
        let kept = CellFunction::Keep.evaluate(&[clear, texts], 3).unwrap();
        let values = convert.evaluate(&[kept], 3).unwrap();
        assert_eq!(
            &values,
            &(Arc::new(Int64Array::from(vec![Some(1), None, None])) as ArrayRef)
        );
    }

    #[test]
    fn bytes_that_are_no_text_fail_only_where_they_are_shown() {
        let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"a"[..], b"\xff"]));
        let convert = CellFunction::Convert {
            column: "note".to_owned(),
            to: DataType::Utf8,
        };
        assert!(convert.evaluate(&[Arc::clone(&bytes)], 2).is_err());
        let clear: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
        let kept = CellFunction::Keep.evaluate(&[clear, bytes], 2).unwrap();
        let values = convert.evaluate(&[kept], 2).unwrap();
        assert_eq!(
            &values,
            &(Arc::new(StringArray::from(vec![Some("a"), None])) as ArrayRef)
        );
    }

    #[test]
    fn a_field_of_a_json_text_is_decoded_without_its_siblings() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![
            Some(r#"{"zip": 1, "street": ["CANARY"]}"#),
            Some(r#"{"zip": "CANARY"}"#),
            Some("5"),
            None,
        ]));
        let (path, to) = (vec!["zip".to_owned()], DataType::Int64);
        let decode = CellFunction::Decode {
            column: "addr".to_owned(),
            path: path.clone(),
            to: to.clone(),
        };
        let error = decode.evaluate(&[Arc::clone(&texts)], 4).unwrap_err().to_string();
        assert!(error.contains("`addr`") && !error.contains("CANARY"), "{error}");
        let expected: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, None, None]));
        let tried = CellFunction::TryDecode { path, to };
        assert_eq!(&tried.evaluate(&[Arc::clone(&texts)], 4).unwrap(), &expected);
        let clear: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, false, true]));
        let kept = CellFunction::Keep.evaluate(&[clear, texts], 4).unwrap();
        assert_eq!(&decode.evaluate(&[kept], 4).unwrap(), &expected);
    }
}
