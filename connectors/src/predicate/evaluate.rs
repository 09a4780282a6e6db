//! Which rows of a batch does a predicate let pass? Three-valued logic, as the engine's operators.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, BooleanArray, RecordBatch, Scalar, StringArray},
    compute::{
        and_kleene, cast, is_not_null, is_null,
        kernels::{cmp, comparison::like},
        not, or_kleene, prep_null_mask_filter,
    },
    datatypes::DataType,
};
use datafusion::{
    common::ScalarValue,
    physical_expr::expressions::{Column, in_list, lit},
};

use super::{CompareOp, Datum, Predicate};
use crate::{
    capability::TypeClass,
    error::{ConnectorError, ConnectorErrorKind, Result},
    scan::ColumnRef,
};

impl Predicate {
    /// One value per row, never NULL: does the predicate hold? Columns are found in `batch` by name.
    ///
    /// # Errors
    /// `SOURCE_INVALID_REQUEST` if a column is missing or a literal has another type than its column, and `NOT_SUPPORTED`
    /// for `Call`: functions are the source's own.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let outcome = self.outcome(batch)?;
        if outcome.null_count() == 0 {
            return Ok(outcome);
        }
        Ok(prep_null_mask_filter(&outcome))
    }

    fn outcome(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        match self {
            Self::True => Ok(BooleanArray::from(vec![true; batch.num_rows()])),
            Self::False => Ok(BooleanArray::from(vec![false; batch.num_rows()])),
            Self::And(parts) => fold(parts, batch, true, and_kleene),
            Self::Or(parts) => fold(parts, batch, false, or_kleene),
            Self::Not(part) => Ok(not(&part.outcome(batch)?)?),
            Self::Compare { column, op, value } => compare(&find(batch, column)?, *op, value),
            Self::Between { column, low, high } => {
                let values = find(batch, column)?;
                let low = compare(&values, CompareOp::GtEq, low)?;
                let high = compare(&values, CompareOp::LtEq, high)?;
                Ok(and_kleene(&low, &high)?)
            }
            Self::IsNull { column, negated } => {
                let values = find(batch, column)?;
                Ok(if *negated {
                    is_not_null(&values)?
                } else {
                    is_null(&values)?
                })
            }
            Self::InSet {
                column,
                values,
                or_null,
            } => in_set(batch, column, values, *or_null),
            Self::Like { column, pattern } => {
                let values = cast(&find(batch, column)?, &DataType::Utf8)?;
                Ok(like(&values, &Scalar::new(StringArray::from(vec![pattern.to_sql()])))?)
            }
            Self::Call { .. } => Err(ConnectorError::unsupported(
                "a source's own function outside the source",
            )),
        }
    }
}

type Combine = fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, arrow::error::ArrowError>;

fn fold(parts: &[Predicate], batch: &RecordBatch, start: bool, combine: Combine) -> Result<BooleanArray> {
    let mut outcome = BooleanArray::from(vec![start; batch.num_rows()]);
    for part in parts {
        outcome = combine(&outcome, &part.outcome(batch)?)?;
    }
    Ok(outcome)
}

fn find(batch: &RecordBatch, column: &ColumnRef) -> Result<ArrayRef> {
    batch
        .column_by_name(column.column.as_str())
        .map(Arc::clone)
        .ok_or_else(|| {
            ConnectorError::new(
                ConnectorErrorKind::InvalidRequest,
                "a predicate reads a column that is not there",
            )
            .with_detail(format!("column `{}`", column.column))
        })
}

fn compare(values: &ArrayRef, op: CompareOp, value: &Datum) -> Result<BooleanArray> {
    let value = laid_out(value, values.data_type())?;
    if value.data_type() != *values.data_type() {
        return Err(ConnectorError::new(
            ConnectorErrorKind::InvalidRequest,
            "a literal has another type than its column",
        ));
    }
    let value = value.to_scalar().map_err(evaluation)?;
    let outcome = match op {
        CompareOp::Eq => cmp::eq(values, &value),
        CompareOp::NotEq => cmp::neq(values, &value),
        CompareOp::Lt => cmp::lt(values, &value),
        CompareOp::LtEq => cmp::lt_eq(values, &value),
        CompareOp::Gt => cmp::gt(values, &value),
        CompareOp::GtEq => cmp::gt_eq(values, &value),
    };
    Ok(outcome?)
}

/// Text in the layout of its column; which one that is, is no matter of types.
fn laid_out(value: &Datum, column: &DataType) -> Result<ScalarValue> {
    let text = |data_type: &DataType| TypeClass::of(data_type) == TypeClass::Text;
    if text(&value.0.data_type()) && text(column) {
        return value.0.cast_to(column).map_err(evaluation);
    }
    Ok(value.0.clone())
}

fn in_set(batch: &RecordBatch, column: &ColumnRef, values: &ArrayRef, or_null: bool) -> Result<BooleanArray> {
    let rows = find(batch, column)?;
    let outcome = if values.is_empty() {
        BooleanArray::from(vec![false; batch.num_rows()])
    } else {
        let schema = batch.schema();
        let probe = Column::new_with_schema(column.column.as_str(), &schema).map_err(evaluation)?;
        let list = (0..values.len())
            .map(|row| {
                let value = ScalarValue::try_from_array(values, row).map_err(evaluation)?;
                laid_out(&Datum(value), rows.data_type()).map(lit)
            })
            .collect::<Result<Vec<_>>>()?;
        let expression = in_list(Arc::new(probe), list, &false, &schema).map_err(evaluation)?;
        let outcome = expression
            .evaluate(batch)
            .and_then(|value| value.into_array(batch.num_rows()))
            .map_err(evaluation)?;
        arrow::array::AsArray::as_boolean(&outcome).clone()
    };
    if or_null {
        Ok(or_kleene(&outcome, &is_null(&rows)?)?)
    } else {
        Ok(outcome)
    }
}

fn evaluation(error: datafusion::error::DataFusionError) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::Internal, "a predicate cannot be evaluated").with_source(error)
}

impl From<arrow::error::ArrowError> for ConnectorError {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::new(ConnectorErrorKind::Internal, "batches cannot be processed").with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;

    use super::*;
    use crate::predicate::LikePattern;

    fn passed(predicate: &Predicate) -> Vec<bool> {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("ab"), Some("b"), None]));
        let batch = RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).expect("batch");
        predicate.evaluate(&batch).expect("outcome").values().iter().collect()
    }

    #[test]
    fn the_layout_of_text_does_not_matter() {
        let texts: ArrayRef = Arc::new(arrow::array::StringViewArray::from(vec![Some("ab"), Some("b"), None]));
        let batch = RecordBatch::try_from_iter([("t", texts)]).expect("batch");
        let set = Predicate::InSet {
            column: ColumnRef::of("t"),
            values: Arc::new(StringArray::from(vec!["ab"])),
            or_null: false,
        };
        for one in [Predicate::compare("t", CompareOp::Lt, ScalarValue::from("b")), set] {
            let outcome = one.evaluate(&batch).expect("outcome");
            assert_eq!(outcome.values().iter().collect::<Vec<_>>(), [true, false, false]);
        }
        let number = Predicate::compare("t", CompareOp::Eq, ScalarValue::Int64(Some(1)));
        assert!(number.evaluate(&batch).is_err());
    }

    #[test]
    fn a_row_passes_only_when_true() {
        let one = || Predicate::compare("n", CompareOp::Eq, ScalarValue::Int64(Some(1)));
        assert_eq!(passed(&one()), [true, false, false]);
        assert_eq!(passed(&Predicate::Not(Box::new(one()))), [false, false, true]);
        assert_eq!(passed(&Predicate::And(vec![])), [true, true, true]);
        assert_eq!(passed(&Predicate::Or(vec![one(), Predicate::True])), [true, true, true]);
        let set = |or_null| Predicate::InSet {
            column: ColumnRef::of("n"),
            values: Arc::new(Int64Array::from(vec![3, 4])),
            or_null,
        };
        assert_eq!(passed(&set(false)), [false, false, true]);
        assert_eq!(passed(&set(true)), [false, true, true]);
        let pattern = LikePattern::parse("a%", None).expect("pattern");
        assert_eq!(
            passed(&Predicate::Like {
                column: ColumnRef::of("t"),
                pattern
            }),
            [true, false, false]
        );
        let between = Predicate::Between {
            column: ColumnRef::of("n"),
            low: ScalarValue::Int64(Some(2)).into(),
            high: ScalarValue::Int64(Some(3)).into(),
        };
        assert_eq!(passed(&between), [false, false, true]);
    }
}
