//! Which expressions would the engine compute in another sense than the standard? They are rewritten before types are settled,
//! while it can still be seen what the statement says.

mod absent;
mod copies;
mod floats;
mod lifted;
mod membership;
mod once;
pub(crate) mod only;
mod subquery;
mod typed;
mod value;

use std::sync::Arc;

use datafusion::optimizer::AnalyzerRule;

/// The rules, in order, that come before the engine's own.
pub fn before_types() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    vec![
        Arc::new(copies::NumberedCopies),
        Arc::new(subquery::Subqueries),
        Arc::new(once::OneCall),
        Arc::new(typed::StandardTypes),
    ]
}
