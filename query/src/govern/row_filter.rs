//! What does the SQL body of a data filter mean? The closed language of governance.md §4.1: checked, then compiled.
//!
//! Three-valued logic closed by `IS TRUE`, with an error value E (overflow, an absent tag, an absent attribute) that no
//! operator absorbs: a body that is E on a row is not true there.

mod arithmetic;
mod bind;
mod emit;
mod function;
mod literal;
mod moment;
mod parse;
mod pushed;
mod syntax;
mod text;
mod token;
mod typed;

use std::{collections::BTreeMap, fmt};

use arrow::datatypes::DataType;
use chrono::{DateTime, Utc};
use datafusion::logical_expr::Expr;
use lakegate_connectors::{predicate::Predicate, scan::ColumnRef};

pub(crate) use emit::{binary, raw_column};
pub(crate) use function::{DateUnit, FilterFunction};
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
}

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
            reads: Vec::new(),
            problems: Vec::new(),
        };
        match binder.condition(&condition) {
            Some(condition) if binder.problems.is_empty() => Ok(Self {
                condition,
                reads: binder.reads,
            }),
            _ => {
                binder.problems.sort_by_key(|problem| problem.offset);
                Err(binder.problems)
            }
        }
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
        emit::Emitter::new(inputs, column).body(&self.condition)
    }

    /// A condition for sources and pruning that holds wherever the body does, and perhaps elsewhere. `column` gives the
    /// source's column for a name of the body; `None` keeps conditions on it here.
    #[must_use]
    pub fn superset(&self, inputs: &FilterInputs, column: &dyn Fn(&str) -> Option<ColumnRef>) -> Predicate {
        pushed::Pusher { inputs, column }.superset(&self.condition)
    }
}

#[cfg(test)]
mod tests;
