//! What is the value of AND and OR whose right side can fail? The same, but the right side is computed only where the left leaves it open.

use std::{fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, AsArray, BooleanArray},
        compute::{and_kleene, or_kleene},
        datatypes::{DataType, Schema},
        record_batch::RecordBatch,
    },
    common::{Result, internal_err},
    logical_expr::{ColumnarValue, Operator},
    physical_expr::PhysicalExpr,
};

/// `left AND right`, or `left OR right`.
#[derive(Debug, Eq)]
pub(super) struct Guarded {
    left: Arc<dyn PhysicalExpr>,
    op: Operator,
    right: Arc<dyn PhysicalExpr>,
    null: Null,
}

/// What NULL on the left means to whoever asks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Null {
    /// A value of its own.
    Open,
    /// The same as false: the row is left out whatever the right side is.
    Closed,
}

impl Guarded {
    /// `op` is AND or OR.
    pub(super) fn new(left: Arc<dyn PhysicalExpr>, op: Operator, right: Arc<dyn PhysicalExpr>) -> Self {
        let null = Null::Open;
        Self { left, op, right, null }
    }

    /// `left AND right` of a filter, where NULL and false are the same.
    pub(super) fn filter(left: Arc<dyn PhysicalExpr>, right: Arc<dyn PhysicalExpr>) -> Self {
        let (op, null) = (Operator::And, Null::Closed);
        Self { left, op, right, null }
    }

    /// The rows that the right side may still decide: not false for AND, not true for OR, true in a filter.
    fn open(&self, left: &BooleanArray) -> BooleanArray {
        let open = match (&self.op, left.nulls()) {
            (Operator::And, None) => left.values().clone(),
            (Operator::And, Some(known)) if self.null == Null::Closed => left.values() & known.inner(),
            (Operator::And, Some(known)) => left.values() | &!known.inner(),
            (_, None) => !left.values(),
            (_, Some(known)) => !&(left.values() & known.inner()),
        };
        BooleanArray::new(open, None)
    }
}

impl PartialEq for Guarded {
    fn eq(&self, other: &Self) -> bool {
        self.op == other.op && self.null == other.null && self.left.eq(&other.left) && self.right.eq(&other.right)
    }
}

impl std::hash::Hash for Guarded {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.left.hash(state);
        self.op.hash(state);
        self.null.hash(state);
        self.right.hash(state);
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}) {} ({})", self.left, self.op, self.right)
    }
}

impl PhysicalExpr for Guarded {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        Ok(self.left.nullable(schema)? || self.right.nullable(schema)?)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let left = self.left.evaluate(batch)?.into_array(rows)?;
        let Some(left) = left.as_boolean_opt() else {
            return internal_err!("AND and OR take truth values");
        };
        let open = self.open(left);
        if !open.has_true() {
            return Ok(ColumnarValue::Array(Arc::new(left.clone())));
        }
        let right = self.right.evaluate_selection(batch, &open)?.into_array(rows)?;
        let Some(right) = right.as_boolean_opt() else {
            return internal_err!("AND and OR take truth values");
        };
        let value = match self.op {
            Operator::And => and_kleene(left, right)?,
            _ => or_kleene(left, right)?,
        };
        Ok(ColumnarValue::Array(Arc::new(value)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.left, &self.right]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match <[_; 2]>::try_from(children) {
            Ok([left, right]) => Ok(Arc::new(Self {
                left,
                right,
                op: self.op,
                null: self.null,
            })),
            Err(_) => internal_err!("AND and OR have two sides"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
