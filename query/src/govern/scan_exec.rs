//! What does the rest of a plan see of a governed relation? A leaf with visible columns; the inner plan is hidden.
//!
//! governance.md §6.1: everything that the engine could push, swap, fold or trust is refused by the trait's defaults.

use std::{collections::BTreeMap, fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions},
        datatypes::{DataType, SchemaRef},
    },
    common::{
        Statistics,
        tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    },
    config::ConfigOptions,
    error::{DataFusionError, Result},
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr, expressions::DynamicFilterPhysicalExpr},
    physical_plan::{
        ChildrenPropertiesMode, DisplayAs, DisplayFormatType, EmptyRecordBatchStream, ExecutionPlan,
        ExecutionPlanProperties, PlanProperties, ReplaceChildrenOptions,
        execution_plan::{Boundedness, EmissionType, SchedulingType, reset_plan_states},
        filter_pushdown::{ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation},
        metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet},
        statistics::StatisticsArgs,
        stream::RecordBatchStreamAdapter,
    },
};
use futures::StreamExt;
use lakegate_catalog::name::TableName;

use super::{
    failure::{sanitised, sanitised_fold},
    figure::Figure,
    policy_filter::Mark,
};
use crate::{
    context::QueryContext,
    federate::{
        late_keys::{KeyColumn, LateKeys},
        scan_exec::ConnectorScanExec,
    },
};

/// Whose scan it is, and what of it may be shown.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) cx: Arc<QueryContext>,
    pub(super) relation: TableName,
    /// Accepted conditions of the user, as text over visible columns.
    pub(super) filters: Vec<String>,
    /// What the source makes of the rows, in the same words; empty: nothing.
    pub(super) fold: String,
    /// How the source reads it: verdicts, paths and indexes, never a value; `None` where the caller may not know.
    pub(super) way: Option<String>,
    /// Partitions shown at least.
    pub(super) partitions: usize,
    /// Rows or cells are hidden.
    pub(super) restricted: bool,
    /// What the planner may know of the size.
    pub(super) figure: Figure,
    /// Of each column, what the source calls it and its type there, if rows may be chosen by its values; empty below a limit.
    pub(super) keys: Vec<Option<KeyColumn>>,
}

/// The barrier around one governed scan, or around several that their source joins.
pub struct GovernedScanExec {
    seen: Seen,
    /// Of the relation; of joined relations, of each.
    marks: Vec<Mark>,
    inner: Arc<dyn ExecutionPlan>,
    /// Of joins above, for the source.
    late: Vec<LateKeys>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl GovernedScanExec {
    pub(super) fn new(seen: Seen, marks: Vec<Mark>, schema: SchemaRef, inner: Arc<dyn ExecutionPlan>) -> Self {
        // The partition count only: no order, no equivalences, no constants of raw values. Where the caller may not know
        // how much lies behind the barrier, the count is that of the session, and some partitions are empty.
        let partitions = inner.output_partitioning().partition_count().max(seen.partitions);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Self {
            seen,
            marks,
            inner,
            late: Vec::new(),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The scan whose source is told, while it runs, which keys a join can use. `columns` says which column of the join's input is
    /// which column here. `None` if no source takes keys, or the values of the columns are not those of the source.
    pub(super) fn with_keys(
        &self,
        filter: &Arc<DynamicFilterPhysicalExpr>,
        columns: &BTreeMap<usize, usize>,
    ) -> Result<Option<Self>> {
        let keys = columns.iter().filter_map(|(joined, here)| {
            let key = self.seen.keys.get(*here)?.as_ref()?;
            Some((*joined, key.clone()))
        });
        let Some(keys) = LateKeys::new(Arc::clone(filter), keys.collect()) else {
            return Ok(None);
        };
        let told = Arc::clone(&self.inner).transform_down(|plan| {
            let source = plan.downcast_ref::<ConnectorScanExec>();
            Ok(match source.and_then(|source| source.with_late(keys.clone())) {
                Some(told) => Transformed::new(Arc::new(told) as _, true, TreeNodeRecursion::Stop),
                None => Transformed::no(plan),
            })
        })?;
        if !told.transformed {
            return Ok(None);
        }
        let mut scan = Self::new(self.seen.clone(), self.marks.clone(), self.schema(), told.data);
        scan.late = self.late.iter().cloned().chain([keys]).collect();
        Ok(Some(scan))
    }

    /// The visible columns that joins give keys for.
    fn key_names(&self) -> impl Iterator<Item = &str> {
        let asked = |source: &str| self.late.iter().any(|keys| keys.names().any(|name| name == source));
        let fields = self.properties.eq_properties.schema().fields().iter();
        fields.zip(&self.seen.keys).filter_map(move |(field, key)| {
            let key = key.as_ref()?;
            asked(key.column.column.as_str()).then_some(field.name().as_str())
        })
    }

    pub(super) fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// For the invariant only.
    pub(super) fn inner(&self) -> &Arc<dyn ExecutionPlan> {
        &self.inner
    }
}

impl fmt::Debug for GovernedScanExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Plans are printed with `{:?}` in error texts: nothing of the inside.
        f.debug_struct("GovernedScanExec")
            .field("relation", &self.seen.relation)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for GovernedScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.schema();
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(
            f,
            "GovernedScanExec: relation={}, columns=[{}]",
            self.seen.relation,
            columns.join(", ")
        )?;
        if !self.seen.filters.is_empty() {
            write!(f, ", filters=[{}]", self.seen.filters.join(", "))?;
        }
        let keys: Vec<&str> = self.key_names().collect();
        if !keys.is_empty() {
            write!(f, ", keys=[{}]", keys.join(", "))?;
        }
        f.write_str(&self.seen.fold)?;
        match &self.seen.way {
            Some(way) => write!(f, ", source=[{way}]"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for GovernedScanExec {
    fn name(&self) -> &'static str {
        "GovernedScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        // A join looks for its filter here before it computes one.
        for keys in &self.late {
            if f(&keys.shown())? == TreeNodeRecursion::Stop {
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
        if children.is_empty() {
            Ok(self)
        } else {
            Err(DataFusionError::Internal("a governed scan has no inputs".to_owned()))
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let inner = reset_plan_states(Arc::clone(&self.inner))?;
        Ok(Arc::new(Self::new(
            self.seen.clone(),
            self.marks.clone(),
            self.schema(),
            inner,
        )))
    }

    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::all_unsupported(result))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        if partition >= self.inner.output_partitioning().partition_count() {
            return Ok(Box::pin(EmptyRecordBatchStream::new(self.schema())));
        }
        let public: fn(DataFusionError) -> DataFusionError = if self.seen.fold.is_empty() {
            sanitised
        } else {
            sanitised_fold
        };
        let inner = self.inner.execute(partition, context).map_err(public)?;
        let (schema, cx, restricted) = (self.schema(), Arc::clone(&self.seen.cx), self.seen.restricted);
        let output = Arc::clone(&schema);
        let batches = std::panic::AssertUnwindSafe(inner).catch_unwind().map(move |item| {
            let _timer = metrics.elapsed_compute().timer();
            cx.check().map_err(|error| DataFusionError::External(Box::new(error)))?;
            let batch = item
                .unwrap_or_else(|_| Err(DataFusionError::Internal("a decoder panicked".to_owned())))
                .and_then(|batch| dressed(batch, &output, restricted))
                .map_err(public)?;
            metrics.record_output(batch.num_rows());
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, ended_by_error(batches))))
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let figure = match args.partition() {
            None => self.seen.figure,
            Some(_) => Figure::default(),
        };
        Ok(figure.statistics(&self.schema()))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The batch under the visible schema: no metadata of the source, visible names, and no byte of what is hidden.
fn dressed(batch: RecordBatch, schema: &SchemaRef, restricted: bool) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().iter();
    let columns = columns.map(|column| if restricted { alone(column) } else { Arc::clone(column) });
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns.collect(),
        &options,
    )?)
}

/// The values without what lies around them: views of text point into pages of the source, in which hidden values stand beside
/// visible ones, and what holds the pages is charged for all of them.
fn alone(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View if !column.as_string_view().data_buffers().is_empty() => {
            Arc::new(column.as_string_view().gc())
        }
        _ => Arc::clone(column),
    }
}

/// Nothing follows the first error: a stream that panicked must not be polled again.
fn ended_by_error(
    batches: impl futures::Stream<Item = Result<RecordBatch>> + Send + 'static,
) -> impl futures::Stream<Item = Result<RecordBatch>> + Send + 'static {
    batches.scan(false, |failed, item| {
        let next = if *failed { None } else { Some(item) };
        *failed = matches!(next, Some(Err(_)));
        std::future::ready(next)
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::{
        array::{BooleanArray, StringArray, StringViewArray},
        compute::{cast, filter_record_batch, kernels::boolean::not},
    };

    use super::*;

    /// Views keep what they point into; what passes the barrier holds what may be seen and nothing else.
    #[test]
    fn no_byte_of_a_hidden_text_passes() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![
            "a visible text of some length",
            "a hidden text with a CANARY in it",
        ]));
        let views = cast(&texts, &DataType::Utf8View).unwrap();
        let batch = RecordBatch::try_from_iter([("x", views)]).unwrap();
        let hidden = BooleanArray::from(vec![false, true]);
        let kept = filter_record_batch(&batch, &not(&hidden).unwrap()).unwrap();
        let schema = kept.schema();
        let bytes = |batch: &RecordBatch| {
            let views: StringViewArray = batch.column(0).as_string_view().clone();
            let buffers = views.data_buffers().iter();
            String::from_utf8(buffers.flat_map(|buffer| buffer.to_vec()).collect()).unwrap()
        };
        let open = dressed(kept.clone(), &schema, false).unwrap();
        assert!(bytes(&open).contains("CANARY"), "the test is of no use");
        let restricted = dressed(kept, &schema, true).unwrap();
        assert_eq!(bytes(&restricted), "a visible text of some length");
        assert_eq!(
            restricted.column(0).as_string_view().value(0),
            "a visible text of some length"
        );
    }
}
