//! What did a plan do? EXPLAIN ANALYZE: it runs to its end, its rows are counted and thrown away, and its operators tell theirs.
//!
//! The metrics stop at the barrier: a governed scan is a leaf (governance.md §6.4). Where a row filter or mask applies and the
//! caller has no `ReadStats`, an operator tells nothing: how much it had seen when it stopped depends on hidden rows too.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, StringArray},
        datatypes::{DataType, Field, Schema},
    },
    error::{DataFusionError, Result as EngineResult},
    execution::{SendableRecordBatchStream, TaskContext},
    physical_plan::{
        ExecutionPlan, display::DisplayableExecutionPlan, execute_stream, stream::RecordBatchStreamAdapter,
    },
};
use futures::{StreamExt, stream};
use lakegate_catalog::audit::AuditEvent;
use lakegate_policy::Action;

use crate::{
    audit::{Attempts, acting, event},
    authorize::RelationGrant,
    context::QueryContext,
    entities::{Governor, ObjectRef},
    error::{ErrorCode, QueryError, Result},
    names,
};

/// Refuses who may not analyze what runs over one of these tables; every decision is audited.
///
/// # Errors
/// `ACCESS_DENIED`: the caller reads the table, so its name is no news.
pub fn authorize<'a>(
    cx: &QueryContext,
    grants: impl Iterator<Item = &'a RelationGrant>,
    attempts: &Attempts,
) -> Result<()> {
    let mut refusal = None;
    for grant in grants {
        let allowed = permitted(cx, grant);
        let error = (!allowed).then(|| {
            let message = format!("you may not EXPLAIN ANALYZE what reads `{}`", grant.name());
            QueryError::new(ErrorCode::AccessDenied, message)
        });
        attempts.push(attempt(cx, grant, error.as_ref()));
        refusal = refusal.or(error);
    }
    refusal.map_or(Ok(()), Err)
}

/// May the caller analyze what reads this table?
#[must_use]
pub fn permitted(cx: &QueryContext, grant: &RelationGrant) -> bool {
    let governor = Governor::new(Arc::clone(&cx.snapshot), Arc::clone(&cx.policies));
    let table = ObjectRef::new(grant.path.entity_type(), grant.path.table.id.as_str());
    governor
        .decide(&cx.caller, &cx.request, Action::ExplainAnalyze, &table)
        .is_allowed()
}

fn attempt(cx: &QueryContext, grant: &RelationGrant, error: Option<&QueryError>) -> AuditEvent {
    let resource = format!("table:{}", grant.name());
    let event = AuditEvent {
        query_id: Some(cx.query.clone()),
        resource_id: Some(grant.path.table.id.as_str().to_owned()),
        decision: if error.is_some() { "deny" } else { "allow" }.to_owned(),
        outcome: error.map_or("ok", |error| error.code.text()).to_owned(),
        ..event(
            &cx.caller,
            "query.attempt",
            Action::ExplainAnalyze.name(),
            &resource,
            &cx.snapshot,
        )
    };
    acting(cx, event)
}

/// Runs the plan; its one batch are the lines of the plan with what was counted.
///
/// # Errors
/// When an operator cannot start.
pub fn run(
    plan: &Arc<dyn ExecutionPlan>,
    task: Arc<TaskContext>,
    cx: &Arc<QueryContext>,
) -> EngineResult<SendableRecordBatchStream> {
    let rows = execute_stream(Arc::clone(plan), task)?;
    let schema = Arc::new(Schema::new(vec![Field::new("plan", DataType::Utf8, false)]));
    let (plan, cx, shape) = (Arc::clone(plan), Arc::clone(cx), Arc::clone(&schema));
    let counted = async move {
        let rows = count(rows, &cx).await?;
        let text: ArrayRef = Arc::new(StringArray::from(lines(&plan, rows, cx.meter.restricted())));
        Ok(RecordBatch::try_new(shape, vec![text])?)
    };
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(counted))))
}

async fn count(mut rows: SendableRecordBatchStream, cx: &QueryContext) -> EngineResult<usize> {
    let mut counted = 0;
    while let Some(batch) = rows.next().await {
        counted += batch?.num_rows();
        cx.check().map_err(|error| DataFusionError::External(Box::new(error)))?;
    }
    Ok(counted)
}

fn lines(plan: &Arc<dyn ExecutionPlan>, rows: usize, restricted: bool) -> Vec<String> {
    let mut lines = vec![format!("rows: {rows}")];
    let mut open = vec![(0, plan)];
    while let Some((depth, node)) = open.pop() {
        let line = names::shown(&Line(node.as_ref()).to_string());
        let told = if restricted { String::new() } else { told(node.as_ref()) };
        lines.push(format!("{}{}{told}", "  ".repeat(depth), line.trim_end()));
        open.extend(node.children().into_iter().rev().map(|child| (depth + 1, child)));
    }
    lines
}

/// Rows and time of one operator.
fn told(node: &dyn ExecutionPlan) -> String {
    let Some(metrics) = node.metrics() else {
        return String::new();
    };
    let rows = metrics.output_rows().map(|rows| format!("rows={rows}"));
    let time = metrics
        .elapsed_compute()
        .map(|nanoseconds| format!("time={:.3}ms", nanoseconds as f64 / 1e6));
    let told: Vec<String> = rows.into_iter().chain(time).collect();
    if told.is_empty() {
        String::new()
    } else {
        format!(" [{}]", told.join(", "))
    }
}

/// One operator without its inputs.
struct Line<'a>(&'a dyn ExecutionPlan);

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", DisplayableExecutionPlan::new(self.0).one_line())
    }
}
