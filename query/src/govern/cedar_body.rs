//! What does the Cedar body of a data filter mean for raw columns? governance.md §4.2: the tree of `policy`, compiled.
//!
//! The compiled value is NULL exactly where Cedar raises an error (E), so that nothing is lost on the way to `IS TRUE`.

mod emit;
mod function;
mod path;
mod prune;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::Expr;
use lakegate_connectors::{predicate::Predicate, scan::ColumnRef};
use lakegate_policy::{BoundCondition, NameResolver, PolicyProblem, PolicySet, RowCondition};

use super::row_filter::FilterRead;

/// A body that may be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct CedarFilter {
    /// The body with ids in place of names.
    pub resolved: String,
    /// The top-level columns that it reads, each once.
    pub reads: Vec<FilterRead>,
}

/// Checks a body against the columns (lower-case name and type) of its table.
///
/// # Errors
/// Every problem that was found, with line and column of the body.
pub fn check(
    body: &str,
    columns: &[(String, DataType)],
    names: &(dyn NameResolver + Sync),
) -> Result<CedarFilter, Vec<PolicyProblem>> {
    let published = RowCondition::publish(body, &path::row_columns(columns), names)?;
    let mut reads: Vec<FilterRead> = Vec::new();
    for read in published.condition.reads() {
        let column = path::place(columns, &read.path);
        if let Some((name, data_type)) = column.and_then(|place| columns.get(place.column))
            && reads.iter().all(|known| known.name != *name)
        {
            reads.push(FilterRead {
                name: name.clone(),
                data_type: data_type.clone(),
            });
        }
    }
    Ok(CedarFilter {
        resolved: published.resolved,
        reads,
    })
}

/// Reads a stored body again; `columns` are those that it was bound to, with their types.
///
/// # Errors
/// What does not fit.
pub fn stored(
    policies: &PolicySet,
    resolved: &str,
    columns: &[(String, DataType)],
) -> Result<Arc<RowCondition>, Vec<PolicyProblem>> {
    policies.condition(resolved, &path::row_columns(columns))
}

/// Whether a stored body still fits; as [`stored`], without anything kept.
///
/// # Errors
/// What does not fit.
pub fn again(resolved: &str, columns: &[(String, DataType)]) -> Result<(), Vec<PolicyProblem>> {
    RowCondition::parse(resolved, &path::row_columns(columns)).map(drop)
}

/// An expression that is TRUE where the body is TRUE, and FALSE elsewhere: never NULL, never an error. `column` gives the
/// raw value of a top-level column in the type that `columns` says. `None`: a column does not have the type that it was
/// bound with.
#[must_use]
pub fn compile(body: &BoundCondition, columns: &[(String, DataType)], column: &dyn Fn(&str) -> Expr) -> Option<Expr> {
    value(body, columns, column).map(|value| Expr::IsTrue(Box::new(value)))
}

/// The value of the body itself: NULL exactly where Cedar raises an error.
fn value(body: &BoundCondition, columns: &[(String, DataType)], column: &dyn Fn(&str) -> Expr) -> Option<Expr> {
    emit::Emitter { columns, column }.condition(body.expr())
}

/// A condition for sources and pruning that holds wherever the body does, and perhaps elsewhere. `column` gives the
/// source's column for a top-level name; `None` keeps conditions on it here.
#[must_use]
pub fn superset(
    body: &BoundCondition,
    columns: &[(String, DataType)],
    column: &dyn Fn(&str) -> Option<ColumnRef>,
) -> Predicate {
    prune::Pruner { columns, column }.wherever(body.expr(), true)
}

/// Does [`superset`] hold nowhere else than the body does? What raises an error in the middle of a body makes that hard to say.
#[must_use]
pub fn is_exact(
    body: &BoundCondition,
    columns: &[(String, DataType)],
    column: &dyn Fn(&str) -> Option<ColumnRef>,
) -> bool {
    prune::Pruner { columns, column }.is_exact(body.expr(), true)
}

#[cfg(test)]
mod tests;
