//! What does the SQL body of a data filter mean? The closed language of governance.md §4.1: checked, then compiled.
//!
//! Three-valued logic closed by `IS TRUE`, with an error value E (overflow, an absent tag, an absent attribute) that no
//! operator absorbs: a body that is E on a row is not true there.

mod arithmetic;
mod bind;
pub(crate) mod constant;
mod emit;
mod equalities;
mod function;
mod literal;
mod moment;
mod parse;
mod pushed;
mod syntax;
mod text;
mod token;
mod typed;

use std::{collections::BTreeMap, fmt, sync::Arc};

use arrow::datatypes::DataType;
use chrono::{DateTime, Utc};
use datafusion::{
    common::ScalarValue,
    logical_expr::{Expr, lit},
};
use lakegate_connectors::{predicate::Predicate, scan::ColumnRef};

pub(crate) use emit::{binary, raw_column};
pub(crate) use function::{DateUnit, FilterFunction};
pub(crate) use literal::text as text_literal;
pub(crate) use moment::truncated;
pub(crate) use pushed::{all, any, flipped, in_set, relaxed};
pub(crate) use text::{text_array, texts};

/// Longest body, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;
/// Most parts (conditions, operands) of a body.
pub const MAX_NODES: usize = 1_000;
/// Deepest nesting of a body.
pub const MAX_DEPTH: usize = 32;

/// Something wrong with a body, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FilterProblem {
    /// Bytes from the beginning of the body.
    pub offset: usize,
    /// Lowercase, names in backticks, no final period.
    pub message: String,
    pub kind: FilterProblemKind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FilterProblemKind {
    /// Too long, too deep, too many parts.
    Limit,
    /// Part of the design, not of this version.
    NotSupported,
    /// Not in the language.
    Syntax,
    /// Types that do not fit, literals without an exact value.
    Type,
    /// A column that the table does not have.
    UnknownColumn,
    /// A mapping's table that is not there, or a column that it does not have.
    UnknownMapping,
}

impl fmt::Display for FilterProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.message, self.offset)
    }
}

impl std::error::Error for FilterProblem {}

/// A column that a body reads, as it is to be bound at publication.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FilterRead {
    /// Top-level column, as written, in lower case.
    pub name: String,
    pub data_type: DataType,
}

/// Facts of one statement, for `principal.…` and `context.…`.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterInputs {
    pub principal_id: String,
    pub principal_name: String,
    /// Sets of strings. An absent key makes a body E, an empty set does not.
    pub tags: BTreeMap<String, Vec<String>>,
    pub now: DateTime<Utc>,
    pub purpose: Option<String>,
    /// Name of the workgroup.
    pub workgroup: Option<String>,
}

/// A checked body.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterBody {
    condition: typed::Typed,
    reads: Vec<FilterRead>,
    mappings: Vec<Mapping>,
    /// The values of the mappings; one that is `None` or absent makes the body E.
    sets: Vec<Option<Arc<[ScalarValue]>>>,
}

/// A mapping of a body: `IN (SELECT column FROM table WHERE condition)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Catalog, database and table, in lower case.
    pub table: [String; 3],
    pub column: String,
    condition: typed::Typed,
    /// Columns of the mapping's table that it reads, `column` included.
    pub reads: Vec<FilterRead>,
}

impl Mapping {
    /// Its condition, as a body over the mapping's table.
    #[must_use]
    pub fn condition(&self) -> FilterBody {
        FilterBody {
            condition: self.condition.clone(),
            reads: self.reads.clone(),
            mappings: Vec::new(),
            sets: Vec::new(),
        }
    }
}

/// The columns (lower-case name and type) of a mapping's table by its name; `None`: there is no such table.
pub type MappingTables<'a> = dyn Fn(&[String; 3]) -> Option<Vec<(String, DataType)>> + 'a;

/// Checks a body against the columns (lower-case name and type) of its table, and says which of them it reads.
///
/// # Errors
/// Every problem that was found.
pub fn check(body: &str, columns: &[(String, DataType)]) -> Result<Vec<FilterRead>, Vec<FilterProblem>> {
    FilterBody::bind(body, columns).map(|body| body.reads)
}

impl FilterBody {
    /// Parses a body and binds its names to `columns` (lower-case name and type).
    ///
    /// # Errors
    /// Every problem that was found.
    pub fn bind(body: &str, columns: &[(String, DataType)]) -> Result<Self, Vec<FilterProblem>> {
        Self::bind_with(body, columns, &|_| None)
    }

    /// As [`FilterBody::bind`], for bodies that may have mappings.
    ///
    /// # Errors
    /// Every problem that was found.
    pub fn bind_with(
        body: &str,
        columns: &[(String, DataType)],
        tables: &MappingTables<'_>,
    ) -> Result<Self, Vec<FilterProblem>> {
        if body.len() > MAX_BYTES {
            let message = format!("the filter is longer than {MAX_BYTES} bytes");
            return Err(vec![FilterProblem {
                offset: MAX_BYTES,
                message,
                kind: FilterProblemKind::Limit,
            }]);
        }
        let condition = parse::parse(body).map_err(|problem| vec![problem])?;
        let mut binder = bind::Binder {
            columns,
            tables,
            reads: Vec::new(),
            mappings: Vec::new(),
            problems: Vec::new(),
        };
        match binder.condition(&condition) {
            Some(condition) if binder.problems.is_empty() => Ok(Self {
                condition,
                reads: binder.reads,
                mappings: binder.mappings,
                sets: Vec::new(),
            }),
            _ => {
                binder.problems.sort_by_key(|problem| problem.offset);
                Err(binder.problems)
            }
        }
    }

    /// Its mappings, in its order.
    #[must_use]
    pub fn mappings(&self) -> &[Mapping] {
        &self.mappings
    }

    /// The body with the values of its mappings, in their order, for one statement.
    #[must_use]
    pub fn mapped(self, sets: Vec<Option<Arc<[ScalarValue]>>>) -> Self {
        Self { sets, ..self }
    }

    /// The columns that it reads, each once.
    #[must_use]
    pub fn reads(&self) -> &[FilterRead] {
        &self.reads
    }

    /// An expression that is TRUE where the body IS TRUE and not E, and FALSE elsewhere: never NULL, never an error.
    /// `column` gives the raw value of a column by its name in the body, in the type that it was bound with.
    #[must_use]
    pub fn compile(&self, inputs: &FilterInputs, column: &dyn Fn(&str) -> Expr) -> Expr {
        self.compile_known(inputs, column).unwrap_or_else(|| lit(false))
    }

    /// As [`FilterBody::compile`]; `None` if something of the statement is absent that it reads, so that it is E on every row.
    pub(crate) fn compile_known(&self, inputs: &FilterInputs, column: &dyn Fn(&str) -> Expr) -> Option<Expr> {
        emit::Emitter::new(inputs, &self.sets, column).body(&self.condition)
    }

    /// Conditions that hold wherever the body does, each a column that equals a value of the statement.
    #[must_use]
    pub(crate) fn equalities(&self, inputs: &FilterInputs, column: &dyn Fn(&str) -> Expr) -> Vec<Expr> {
        equalities::of(&self.condition, inputs, column)
    }

    /// A condition for sources and pruning that holds wherever the body does, and perhaps elsewhere. `column` gives the
    /// source's column for a name of the body; `None` keeps conditions on it here.
    #[must_use]
    pub fn superset(&self, inputs: &FilterInputs, column: &dyn Fn(&str) -> Option<ColumnRef>) -> Predicate {
        let sets = &self.sets;
        pushed::Pusher { inputs, sets, column }.superset(&self.condition)
    }

    /// Does [`FilterBody::superset`] hold nowhere else than the body does?
    #[must_use]
    pub fn is_exact(&self, inputs: &FilterInputs, column: &dyn Fn(&str) -> Option<ColumnRef>) -> bool {
        let sets = &self.sets;
        pushed::Pusher { inputs, sets, column }.exact(&self.condition).is_some()
    }
}

/// A body without what means nothing: white space, and upper or lower case outside of texts. One that cannot be read stays as
/// it is.
pub(crate) fn normal_form(body: &str) -> String {
    match token::tokens(body) {
        Ok(tokens) => tokens.iter().map(|token| format!("{:?} ", token.kind)).collect(),
        Err(_) => body.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests;
