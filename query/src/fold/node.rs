//! How does a leaf that is planned already stand in a logical plan? As a node that gives its plan.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use async_trait::async_trait;
use datafusion::{
    catalog::Session,
    common::{DFSchemaRef, DataFusionError, Result},
    logical_expr::{
        Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
        physical_planning_context::PhysicalPlanningContext,
    },
    physical_plan::ExecutionPlan,
    physical_planner::{ExtensionPlanner, PhysicalPlanner},
};

/// A governed scan whose source groups or orders. Two of them are never equal: each is read where it stands.
#[derive(Clone)]
struct Folded {
    schema: DFSchemaRef,
    plan: Arc<dyn ExecutionPlan>,
}

/// The node of a plan.
pub(super) fn leaf(schema: &DFSchemaRef, plan: Arc<dyn ExecutionPlan>) -> LogicalPlan {
    let schema = Arc::clone(schema);
    LogicalPlan::Extension(Extension {
        node: Arc::new(Folded { schema, plan }),
    })
}

impl fmt::Debug for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folded").finish_non_exhaustive()
    }
}

impl PartialEq for Folded {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.plan, &other.plan)
    }
}

impl Eq for Folded {}

impl PartialOrd for Folded {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl Hash for Folded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.plan).cast::<()>().hash(state);
    }
}

impl UserDefinedLogicalNodeCore for Folded {
    fn name(&self) -> &'static str {
        "Folded"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Folded")
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        if exprs.is_empty() && inputs.is_empty() {
            Ok(self.clone())
        } else {
            Err(DataFusionError::Internal("a folded scan has no inputs".to_owned()))
        }
    }
}

/// Gives the plans of these nodes.
#[derive(Debug)]
pub(super) struct FoldedPlanner;

#[async_trait]
impl ExtensionPlanner for FoldedPlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        _: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        Ok(node
            .as_any()
            .downcast_ref::<Folded>()
            .map(|folded| Arc::clone(&folded.plan)))
    }
}
