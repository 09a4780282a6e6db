//! Which functions may a statement call? The engine's, without those that reach files, metadata or settings.

#[cfg(test)]
mod calls;

use std::sync::Arc;

use datafusion::execution::{SessionStateBuilder, SessionStateDefaults};

use super::{bounded::bounded, checked_sum::checked_sum, extremes::extremes};

/// Scalar functions that show more than values: file names, row positions, field metadata, the engine's version.
// sorted: start
const REFUSED_SCALAR: &[&str] = &[
    "arrow_field",
    "arrow_metadata",
    "file_row_index",
    "input_file_name",
    "version",
    "with_metadata",
];
// sorted: end

/// Aggregates of which the engine's own gives wrong values.
// sorted: start
const REPLACED_AGGREGATE: &[&str] = &["max", "min", "sum"];
// sorted: end

/// Table functions that read nothing.
// sorted: start
const TABLE_FUNCTIONS: &[&str] = &["generate_series", "range"];
// sorted: end

/// Adds the allowed functions and planners, and no file format, table factory or other door.
pub fn register(builder: SessionStateBuilder) -> SessionStateBuilder {
    let scalar = SessionStateDefaults::default_scalar_functions()
        .into_iter()
        .filter(|function| !REFUSED_SCALAR.contains(&function.name()))
        .map(bounded)
        .collect();
    let table = SessionStateDefaults::default_table_functions()
        .into_iter()
        .filter(|function| TABLE_FUNCTIONS.contains(&function.name()))
        .map(|function| (function.name().to_owned(), Arc::clone(&function)))
        .collect();
    let aggregate = SessionStateDefaults::default_aggregate_functions()
        .into_iter()
        .filter(|function| !REPLACED_AGGREGATE.contains(&function.name()))
        .chain([checked_sum()])
        .chain(extremes())
        .collect();
    builder
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(scalar)
        .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
        .with_aggregate_functions(aggregate)
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_table_functions(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_functions_are_gone() {
        let state = register(SessionStateBuilder::new()).build();
        for name in REFUSED_SCALAR {
            assert!(!state.scalar_functions().contains_key(*name), "{name}");
        }
        assert_eq!(state.table_functions().len(), TABLE_FUNCTIONS.len());
        assert!(state.scalar_functions().contains_key("lower"));
        assert!(state.table_factories().is_empty());
    }
}
