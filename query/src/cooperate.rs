//! Which operators could keep a thread to themselves? Those that make many rows of few: each batch of theirs is a place to stop.
//!
//! The engine yields at its leaves only. A join (or UNNEST, or a recursive query) that works on one batch of input for
//! minutes would hear neither a cancellation nor a deadline (datafusion#19358).

use std::sync::Arc;

use datafusion::{
    common::{
        Result,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    physical_plan::{ExecutionPlan, coop::CooperativeExec},
};

/// Operators whose output may be much more than their input.
// sorted: start
const GENEROUS: &[&str] = &[
    "CrossJoinExec",
    "HashJoinExec",
    "NestedLoopJoinExec",
    "PiecewiseMergeJoinExec",
    "RecursiveQueryExec",
    "SortMergeJoinExec",
    "SymmetricHashJoinExec",
    "UnnestExec",
];
// sorted: end

/// Puts a yield point above each of them.
///
/// # Errors
/// When a node cannot be rebuilt.
pub fn cooperative(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        Ok(if GENEROUS.contains(&node.name()) {
            Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>)
        } else {
            Transformed::no(node)
        })
    })
    .data()
}
