//! What does the rest of a plan see of the body of a view? Its rows; of its failures no more than that there was one.

use std::{fmt, sync::Arc};

use datafusion::{
    arrow::datatypes::SchemaRef,
    common::tree_node::TreeNodeRecursion,
    error::{DataFusionError, Result},
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr},
    physical_plan::{
        ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
        ReplaceChildrenOptions, execution_plan::SchedulingType, stream::RecordBatchStreamAdapter,
    },
};
use futures::StreamExt;
use lakegate_catalog::name::TableName;

use crate::{
    engine_error::{Phase, translate},
    error::{ErrorCode, ErrorKind, QueryError},
    output::plain_batch,
};

/// The body of a view. Below it every leaf is governed again, or holds no data of the lake.
pub(crate) struct ViewExec {
    view: TableName,
    body: Arc<dyn ExecutionPlan>,
    /// What the body runs in: memory of its own, as no limit of the caller's may measure what the view hides.
    context: Arc<TaskContext>,
    properties: Arc<PlanProperties>,
}

impl ViewExec {
    /// `schema`: that of the body, with the names and the nullability that the view declares. Types may differ in how values
    /// are laid out.
    pub(crate) fn new(
        view: TableName,
        schema: SchemaRef,
        body: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(body.output_partitioning().partition_count()),
            body.pipeline_behavior(),
            body.boundedness(),
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Self {
            view,
            body,
            context,
            properties: Arc::new(properties),
        }
    }

    /// For the invariant only.
    pub(crate) fn body(&self) -> &Arc<dyn ExecutionPlan> {
        &self.body
    }
}

impl fmt::Debug for ViewExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewExec")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for ViewExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ViewExec")
    }
}

impl ExecutionPlan for ViewExec {
    fn name(&self) -> &'static str {
        "ViewExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.body]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([body]) => {
                let context = Arc::clone(&self.context);
                Ok(Arc::new(Self::new(self.view.clone(), self.schema(), body, context)))
            }
            Err(_) => Err(DataFusionError::Internal("a view has one body".to_owned())),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let view = self.view.clone();
        let failed = move |error| DataFusionError::External(Box::new(opaque(&view, translate(error, Phase::Execute))));
        let rows = self
            .body
            .execute(partition, Arc::clone(&self.context))
            .map_err(&failed)?;
        let (schema, output) = (self.schema(), self.schema());
        let rows = rows.map(move |batch| batch.and_then(|batch| plain_batch(&batch, &output)).map_err(&failed));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

/// A failure inside the body of a view as its reader may know it: names, values and kinds of what it reads stay inside.
pub(crate) fn opaque(view: &TableName, error: QueryError) -> QueryError {
    let kept = error.code == ErrorCode::PlanInvariant
        || matches!(
            error.code.kind(),
            ErrorKind::Cancelled | ErrorKind::Limit | ErrorKind::Unavailable
        );
    if kept {
        return error;
    }
    QueryError::new(ErrorCode::ViewFailed, format!("view `{view}` could not be computed")).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_inside_tells_nothing_but_limits() {
        let view = TableName::new("lake", "sales", "v");
        for code in ErrorCode::ALL {
            let seen = opaque(&view, QueryError::new(*code, "CANARY"));
            let kind = code.kind();
            let kept = matches!(kind, ErrorKind::Cancelled | ErrorKind::Limit | ErrorKind::Unavailable);
            let kept = kept || *code == ErrorCode::PlanInvariant;
            assert_eq!(seen.message.contains("CANARY"), kept, "{code:?}");
            assert_eq!(
                seen.code == ErrorCode::ViewFailed,
                !kept || *code == ErrorCode::ViewFailed,
                "{code:?}"
            );
        }
    }
}
