//! Which predicate next? Drawn from a seed and from values that are there: the same on every machine.

use arrow::{
    array::{Array, ArrayRef, RecordBatch},
    datatypes::DataType,
};
use datafusion::common::ScalarValue;

use crate::{
    predicate::{CompareOp, Datum, LikePattern, Predicate},
    scan::ColumnRef,
};

/// A small generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1))
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let drawn = usize::try_from(self.0 >> 33).unwrap_or(0);
        drawn.checked_rem(bound).unwrap_or(0)
    }

    fn of_list<T: Copy>(&mut self, list: &[T], fallback: T) -> T {
        let at = self.below(list.len());
        list.get(at).copied().unwrap_or(fallback)
    }

    fn value(&mut self, column: &ArrayRef) -> Option<ScalarValue> {
        let present: Vec<usize> = (0..column.len()).filter(|row| column.is_valid(*row)).collect();
        let at = self.below(present.len());
        ScalarValue::try_from_array(column, *present.get(at)?).ok()
    }

    /// A predicate over the batch's columns, at most `depth` levels deep.
    pub fn predicate(&mut self, batch: &RecordBatch, depth: usize) -> Predicate {
        if depth > 0 && self.below(2) == 0 {
            let parts = (0..1 + self.below(3))
                .map(|_| self.predicate(batch, depth - 1))
                .collect();
            return match self.below(3) {
                0 => Predicate::And(parts),
                1 => Predicate::Or(parts),
                _ => Predicate::Not(Box::new(Predicate::Or(parts))),
            };
        }
        let number = self.below(batch.num_columns());
        let schema = batch.schema();
        let (Some(field), Some(values)) = (schema.fields().get(number), batch.columns().get(number)) else {
            return Predicate::True;
        };
        self.leaf(&ColumnRef::of(field.name().as_str()), values)
    }

    fn leaf(&mut self, column: &ColumnRef, values: &ArrayRef) -> Predicate {
        let column = column.clone();
        let null = Predicate::IsNull {
            column: column.clone(),
            negated: self.below(2) == 0,
        };
        // Not comparable in the engine either.
        if matches!(values.data_type(), DataType::Interval(_)) || values.data_type().is_nested() {
            return null;
        }
        let (Some(one), Some(other)) = (self.value(values), self.value(values)) else {
            return null;
        };
        match self.below(10) {
            0 => null,
            1 | 2 => match ScalarValue::iter_to_array([one, other]) {
                Ok(values) => Predicate::InSet {
                    column,
                    values,
                    or_null: self.below(2) == 0,
                },
                Err(_) => null,
            },
            3 => Predicate::Between {
                column,
                low: Datum(one),
                high: Datum(other),
            },
            4 if matches!(one, ScalarValue::Utf8(Some(_))) => self.like(column, &one).unwrap_or(null),
            _ => Predicate::Compare {
                column,
                op: self.of_list(OPERATORS, CompareOp::Eq),
                value: Datum(one),
            },
        }
    }

    fn like(&mut self, column: ColumnRef, value: &ScalarValue) -> Option<Predicate> {
        let ScalarValue::Utf8(Some(text)) = value else {
            return None;
        };
        let head: String = text.chars().take(2).collect();
        let escaped = head.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let tail = self.of_list(&["%", "_%", "%a%"], "%");
        let pattern = LikePattern::parse(&format!("{escaped}{tail}"), Some('\\')).ok()?;
        Some(Predicate::Like { column, pattern })
    }
}

const OPERATORS: &[CompareOp] = &[
    CompareOp::Eq,
    CompareOp::NotEq,
    CompareOp::Lt,
    CompareOp::LtEq,
    CompareOp::Gt,
    CompareOp::GtEq,
];
