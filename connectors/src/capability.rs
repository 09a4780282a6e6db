//! What can a source do exactly? Data, proven by the conformance suite; never a method that fails at run time.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;

use crate::{
    predicate::{CompareOp, FunctionId, Predicate},
    scan::{AggregateFunction, ColumnRef},
};

/// A verdict about one piece of a request. `Unsupported < Inexact < Exact`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Pushdown {
    /// Not applied: the engine keeps the piece.
    #[default]
    Unsupported,
    /// A superset comes back: the engine keeps the piece.
    Inexact,
    /// The same outcome as the engine's operator for every row, and it cannot fail.
    Exact,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LimitVerdict {
    Exact,
    /// At most that many rows per split: the engine keeps its limit.
    PerSplit,
    Unsupported,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OrderVerdict {
    Global,
    PerSplit,
    Unsupported,
}

/// Operators that a source treats alike.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum OperatorClass {
    /// `= <> IN`.
    Equality,
    /// `< <= > >= BETWEEN`.
    Range,
    /// `IS [NOT] NULL`.
    Null,
    /// `LIKE 'text%'`.
    LikePrefix,
    /// Other LIKE.
    Like,
}

impl OperatorClass {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Equality, Self::Range, Self::Null, Self::LikePrefix, Self::Like];
}

/// Types that a source treats alike.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TypeClass {
    Boolean,
    Integer,
    Float,
    Decimal,
    Text,
    Binary,
    Date,
    Time,
    Timestamp,
    Uuid,
    Other,
}

impl TypeClass {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Boolean,
        Self::Integer,
        Self::Float,
        Self::Decimal,
        Self::Text,
        Self::Binary,
        Self::Date,
        Self::Time,
        Self::Timestamp,
        Self::Uuid,
        Self::Other,
    ];

    /// Class of an Arrow type.
    #[must_use]
    pub fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Float,
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
                Self::Decimal
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Self::Binary,
            DataType::FixedSizeBinary(16) => Self::Uuid,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(..) => Self::Timestamp,
            other if other.is_integer() => Self::Integer,
            _ => Self::Other,
        }
    }
}

/// Verdict per operator class and type class; what is not listed is unsupported.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FilterSupport(BTreeMap<(OperatorClass, TypeClass), Pushdown>);

impl FilterSupport {
    /// Adds a verdict for each pair of `operators` and `types`.
    #[must_use]
    pub fn with(mut self, operators: &[OperatorClass], types: &[TypeClass], verdict: Pushdown) -> Self {
        for operator in operators {
            for class in types {
                self.0.insert((*operator, *class), verdict);
            }
        }
        self
    }

    /// Verdict about one operator on one type.
    #[must_use]
    pub fn verdict(&self, operator: OperatorClass, class: TypeClass) -> Pushdown {
        self.0.get(&(operator, class)).copied().unwrap_or_default()
    }

    /// What is listed.
    pub fn claims(&self) -> impl Iterator<Item = (OperatorClass, TypeClass, Pushdown)> {
        self.0
            .iter()
            .map(|((operator, class), verdict)| (*operator, *class, *verdict))
    }

    /// Verdict about a whole predicate; `class_of` gives the type class of a column (`None`: not to be pushed at all).
    /// Connectors with rules per column (collation) narrow through `class_of`. `Call` is unsupported here.
    pub fn predicate(&self, predicate: &Predicate, class_of: &dyn Fn(&ColumnRef) -> Option<TypeClass>) -> Pushdown {
        let leaf = |operator, column: &ColumnRef| {
            class_of(column).map_or(Pushdown::Unsupported, |class| self.verdict(operator, class))
        };
        match predicate {
            Predicate::True | Predicate::False => Pushdown::Exact,
            Predicate::And(parts) | Predicate::Or(parts) => parts
                .iter()
                .map(|part| self.predicate(part, class_of))
                .min()
                .unwrap_or(Pushdown::Exact),
            // The complement of a superset is no superset.
            Predicate::Not(part) => match self.predicate(part, class_of) {
                Pushdown::Exact => Pushdown::Exact,
                Pushdown::Inexact | Pushdown::Unsupported => Pushdown::Unsupported,
            },
            Predicate::Compare {
                column,
                op: CompareOp::Eq | CompareOp::NotEq,
                ..
            }
            | Predicate::InSet { column, .. } => leaf(OperatorClass::Equality, column),
            Predicate::Compare { column, .. } | Predicate::Between { column, .. } => leaf(OperatorClass::Range, column),
            Predicate::IsNull { column, .. } => leaf(OperatorClass::Null, column),
            Predicate::Like { column, pattern } => leaf(
                if pattern.prefix().is_some() {
                    OperatorClass::LikePrefix
                } else {
                    OperatorClass::Like
                },
                column,
            ),
            Predicate::Call { .. } => Pushdown::Unsupported,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProjectionSupport {
    Columns,
    NestedFields,
}

/// Aggregates by function; empty: none, and no grouping. Which columns can be grouped, and aggregated, `plan` says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AggregateSupport(pub BTreeMap<AggregateFunction, Pushdown>);

/// Late predicates.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DynamicSupport {
    pub max_keys: usize,
    pub max_bytes: usize,
    pub tuple_keys: bool,
}

/// Mask functions that the source can write, by name.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MaskSupport(pub &'static [&'static str]);

/// What several splits of one scan see.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Consistency {
    /// All of one moment.
    Statement,
    /// Each split of one moment.
    Split,
    None,
}

/// What a connector (or one of its tables) can do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Capabilities {
    pub filter: FilterSupport,
    pub projection: ProjectionSupport,
    /// Only these may appear in `Predicate::Call`.
    pub functions: &'static [FunctionId],
    pub limit: Pushdown,
    pub top_n: Pushdown,
    pub aggregate: AggregateSupport,
    pub join: bool,
    pub dynamic_filter: Option<DynamicSupport>,
    pub masks: MaskSupport,
    pub consistency: Consistency,
    pub passthrough: bool,
    pub write: bool,
}

impl Capabilities {
    /// Columns can be chosen; everything else stays with the engine.
    #[must_use]
    pub fn projection_only() -> Self {
        Self {
            filter: FilterSupport::default(),
            projection: ProjectionSupport::Columns,
            functions: &[],
            limit: Pushdown::Unsupported,
            top_n: Pushdown::Unsupported,
            aggregate: AggregateSupport::default(),
            join: false,
            dynamic_filter: None,
            masks: MaskSupport::default(),
            consistency: Consistency::None,
            passthrough: false,
            write: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::ScalarValue;

    use super::*;

    #[test]
    fn the_complement_of_a_superset_is_not_pushed() {
        let support =
            FilterSupport::default().with(&[OperatorClass::Equality], &[TypeClass::Integer], Pushdown::Inexact);
        let equal = Predicate::compare("a", CompareOp::Eq, ScalarValue::Int64(Some(1)));
        let class = |_: &ColumnRef| Some(TypeClass::Integer);
        assert_eq!(support.predicate(&equal, &class), Pushdown::Inexact);
        assert_eq!(
            support.predicate(&Predicate::Not(Box::new(equal)), &class),
            Pushdown::Unsupported
        );
    }
}
