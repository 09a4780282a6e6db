//! What is asked of a source? Relations with their guards, predicates, grouping, order and the exact output.

use std::{fmt, sync::Arc};

use arrow::datatypes::DataType;

use crate::{
    predicate::{Datum, Predicate},
    split::Handle,
};

/// Name of a column as the source spells it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ColumnId(pub Arc<str>);

impl ColumnId {
    /// From its name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ColumnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A column of one of the scan's tables.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ColumnRef {
    /// Number of the table among the leaves of the relation, from left to right.
    pub table: usize,
    pub column: ColumnId,
}

impl ColumnRef {
    /// A column of the only (or first) table.
    #[must_use]
    pub fn of(name: impl Into<Arc<str>>) -> Self {
        Self {
            table: 0,
            column: ColumnId::new(name),
        }
    }
}

/// A scan, as the connector is to do it.
#[derive(Clone, Debug)]
pub struct ScanSpec {
    pub relation: Relation,
    /// Conjuncts; the verdicts are positional. Each reads columns of one table and decides about that table's rows, before they are
    /// joined.
    pub filter: Vec<Predicate>,
    /// Where this or `aggregates` has members, the scan is of groups: with keys one row for each, without them one row.
    /// A source that cannot do all of it exactly, conditions and guard included, refuses the scan as not supported.
    pub group_by: Vec<ColumnRef>,
    pub aggregates: Vec<Aggregate>,
    /// Of groups there is none.
    pub order: Vec<SortKey>,
    pub limit: Option<u64>,
    /// Name and exact Arrow type of every column that comes back.
    pub output: Vec<OutputColumn>,
    /// Columns whose keys may arrive later.
    pub dynamic: Vec<DynamicSlot>,
}

impl ScanSpec {
    /// A plain scan of one table.
    #[must_use]
    pub fn table(table: Handle, columns: Vec<ColumnId>, guard: Guard, output: Vec<OutputColumn>) -> Self {
        Self {
            relation: Relation::Table { table, columns, guard },
            filter: Vec::new(),
            group_by: Vec::new(),
            aggregates: Vec::new(),
            order: Vec::new(),
            limit: None,
            output,
            dynamic: Vec::new(),
        }
    }
}

/// What rows come from.
#[derive(Clone, Debug)]
pub enum Relation {
    Table {
        table: Handle,
        columns: Vec<ColumnId>,
        guard: Guard,
    },
    Join {
        left: Box<Relation>,
        right: Box<Relation>,
        kind: JoinKind,
        /// Columns of the left side and of the right side that are equal; NULL equals nothing. At least one pair.
        on: Vec<(ColumnRef, ColumnRef)>,
    },
}

/// One table of a relation.
#[derive(Clone, Copy, Debug)]
pub struct RelationTable<'a> {
    pub table: &'a Handle,
    pub columns: &'a [ColumnId],
    pub guard: &'a Guard,
}

impl Relation {
    /// The tables from left to right: `ColumnRef::table` counts them from 0.
    #[must_use]
    pub fn tables(&self) -> Vec<RelationTable<'_>> {
        match self {
            Self::Table { table, columns, guard } => vec![RelationTable { table, columns, guard }],
            Self::Join { left, right, .. } => [left.tables(), right.tables()].concat(),
        }
    }
}

/// Governance of one table: below every predicate of the user.
#[derive(Clone, Debug)]
pub struct Guard {
    /// A row is there only where this IS TRUE.
    pub rows: Predicate,
    pub masks: Vec<(ColumnId, MaskExpr)>,
}

impl Guard {
    /// No restriction.
    #[must_use]
    pub fn none() -> Self {
        Self {
            rows: Predicate::True,
            masks: Vec::new(),
        }
    }

    /// Does it restrict nothing?
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self.rows, Predicate::True) && self.masks.is_empty()
    }
}

/// A column mask, by the name of its function (`show-last-4`, …).
#[derive(Clone, Debug, PartialEq)]
pub struct MaskExpr {
    pub function: Arc<str>,
    pub arguments: Vec<Datum>,
}

/// One column of the output.
#[derive(Clone, Debug)]
pub struct OutputColumn {
    pub name: String,
    pub value: OutputValue,
    pub data_type: DataType,
    pub nullable: bool,
}

/// Where an output column comes from.
#[derive(Clone, Debug)]
pub enum OutputValue {
    Column(ColumnRef),
    /// Index into `ScanSpec::aggregates`.
    Aggregate(usize),
}

/// What a join makes of a row of its left side. Columns of the right side are there above `Inner` and `Left` only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JoinKind {
    /// A row with each that it meets.
    Inner,
    /// The same, and where it meets none one with NULLs.
    Left,
    /// Itself, if it meets any.
    Semi,
    /// Itself, if it meets none.
    Anti,
}

/// An aggregate; without an argument it is `count(*)`. NULLs are passed over, and of nothing but NULLs it is NULL, but `count` is 0.
#[derive(Clone, Debug)]
pub struct Aggregate {
    pub function: AggregateFunction,
    pub argument: Option<Operand>,
}

/// What is aggregated: a column, or for `sum` and `count` exact arithmetic over decimals too, whose results have room for every value.
#[derive(Clone, Debug)]
pub enum Operand {
    Column(ColumnRef),
    /// A literal, not NULL.
    Value(Datum),
    Arithmetic {
        operator: ArithmeticOperator,
        left: Box<Operand>,
        right: Box<Operand>,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ArithmeticOperator {
    Add,
    Multiply,
    Subtract,
}

impl Operand {
    /// Every column that it reads, with repetitions.
    #[must_use]
    pub fn columns(&self) -> Vec<&ColumnRef> {
        match self {
            Self::Column(column) => vec![column],
            Self::Value(_) => Vec::new(),
            Self::Arithmetic { left, right, .. } => [left.columns(), right.columns()].concat(),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AggregateFunction {
    Count,
    Max,
    Min,
    Sum,
}

/// One key of an order.
#[derive(Clone, Debug)]
pub struct SortKey {
    pub column: ColumnRef,
    pub descending: bool,
    pub nulls_first: bool,
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DynamicSlotId(pub u32);

/// A place for a predicate that becomes known while the query runs.
#[derive(Clone, Debug)]
pub struct DynamicSlot {
    pub id: DynamicSlotId,
    pub columns: Vec<ColumnRef>,
}
