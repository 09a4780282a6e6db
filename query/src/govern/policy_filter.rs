//! Which rows of a source may go on? Those for which the policy's predicate is TRUE; then those that the user asked for.
//!
//! A node of our own: no rule of the engine knows it, so none moves, merges or removes it.

use std::sync::Arc;

use datafusion::{
    common::tree_node::TreeNodeRecursion,
    error::{DataFusionError, Result},
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::{PhysicalExpr, conjunction},
    physical_plan::{
        ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
        filter::{FilterExec, FilterExecBuilder},
    },
};

/// What a decision says about rows, for the invariant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Mark {
    pub(super) digest: [u8; 32],
    pub(super) epoch: i64,
    pub(super) query: String,
}

/// `None`: it holds on every row.
type Condition = Option<Arc<dyn PhysicalExpr>>;

/// The policy filter of one relation, with the user's leakproof conditions behind it.
#[derive(Debug)]
pub(super) struct PolicyFilterExec {
    mark: Mark,
    policy: Condition,
    user: Condition,
    input: Arc<dyn ExecutionPlan>,
    /// `None`: every row goes on.
    filter: Option<Arc<FilterExec>>,
    /// The columns of `input` that go on where there is a filter; others are not copied.
    kept: Vec<usize>,
    batch_size: usize,
}

impl PolicyFilterExec {
    /// `policy` and `user` are over the schema of `input`; neither can fail on a row. `kept` are the columns of `input` that are
    /// asked for above; the schema here is theirs, or that of `input` if there is nothing to filter.
    pub(super) fn new(
        mark: Mark,
        (policy, user): (Condition, Condition),
        input: Arc<dyn ExecutionPlan>,
        kept: Vec<usize>,
        batch_size: usize,
    ) -> Result<Self> {
        // The policy first: what it hides, nothing else looks at.
        let both: Vec<_> = policy.iter().chain(&user).cloned().collect();
        let filter = if both.is_empty() {
            None
        } else {
            Some(Arc::new(
                FilterExecBuilder::new(conjunction(both), Arc::clone(&input))
                    .with_batch_size(batch_size)
                    .apply_projection(Some(kept.clone()))?
                    .build()?,
            ))
        };
        Ok(Self {
            mark,
            policy,
            user,
            input,
            filter,
            kept,
            batch_size,
        })
    }

    pub(super) fn mark(&self) -> &Mark {
        &self.mark
    }

    fn rebuilt(&self, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(
            self.mark.clone(),
            (self.policy.clone(), self.user.clone()),
            input,
            self.kept.clone(),
            self.batch_size,
        )?))
    }
}

impl DisplayAs for PolicyFilterExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PolicyFilterExec")
    }
}

impl ExecutionPlan for PolicyFilterExec {
    fn name(&self) -> &'static str {
        "PolicyFilterExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.filter
            .as_ref()
            .map_or_else(|| self.input.properties(), |filter| filter.properties())
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for expr in self.policy.iter().chain(&self.user) {
            if f(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([input]) => self.rebuilt(input),
            Err(_) => Err(DataFusionError::Internal("a policy filter has one input".to_owned())),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        match &self.filter {
            Some(filter) => filter.execute(partition, context),
            None => self.input.execute(partition, context),
        }
    }
}
