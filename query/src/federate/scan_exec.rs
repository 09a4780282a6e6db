//! How does a connector's scan run as part of a plan? Planned and split once, read split by split, counted and checked.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{Field, Schema, SchemaRef},
    },
    common::tree_node::TreeNodeRecursion,
    error::{DataFusionError, Result as EngineResult},
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr},
    physical_plan::{
        ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
        execution_plan::{Boundedness, EmissionType},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::{Stream, StreamExt, TryFutureExt, TryStreamExt, stream};
use lakegate_connectors::{
    call::{CallContext, Deadline, InvocationId, QueryId, TraceParent},
    capability::Pushdown,
    connection::Connection,
    connector::{Connector, PlanRequest},
    error::ConnectorError,
    held::Held,
    predicate::Predicate,
    read_stats::ReadCounters,
    scan::{ColumnId, ColumnRef, Guard, OutputColumn, OutputValue, ScanSpec},
    split::{Handle, ReadRequest, Split, SplitsRequest},
    table_spec::TableSpec,
};
use tokio::sync::OnceCell;

use super::{
    client_span::{ClientSpan, Place},
    fold::{Fold, taken},
    ipc_bytes,
    late_keys::LateKeys,
    promise::{conforms, protocol},
};
use crate::{context::QueryContext, engine_error::connector_error, error::QueryError};

/// Pages of splits that are asked for, at most.
const MAX_SPLIT_PAGES: usize = 10_000;

/// What is to be scanned.
#[derive(Clone, Debug)]
pub struct ConnectorScan {
    pub cx: Arc<QueryContext>,
    /// For the meter, and for spans.
    pub place: Place,
    pub connector: Arc<dyn Connector>,
    pub connection: Arc<Connection>,
    pub spec: Arc<TableSpec>,
    /// Into the table's schema, ascending. Empty: only the number of rows is wanted.
    pub columns: Vec<usize>,
    /// A condition that holds on every visible row; repeated by the caller in any case.
    pub guard: Predicate,
    /// Leakproof conditions; repeated by the caller in any case.
    pub filters: Vec<Predicate>,
    /// The keys of joins above may be sent as conditions.
    pub takes_keys: bool,
    pub limit: Option<usize>,
    pub target_partitions: usize,
    pub batch_size: usize,
    /// Digests of the decisions about the tables that are read, from left to right.
    pub decided: Vec<[u8; 32]>,
    /// What comes back instead of the rows of `columns`.
    pub fold: Option<Arc<Fold>>,
}

impl ConnectorScan {
    fn call(&self, trace: TraceParent) -> CallContext {
        CallContext {
            query: QueryId(self.cx.query.as_str().into()),
            invocation: InvocationId::fresh(),
            trace,
            connection: Arc::clone(&self.connection),
            deadline: Deadline::at(self.cx.deadline),
            cancel: self.cx.cancel.child_token(),
            counters: Arc::new(ReadCounters::default()),
        }
    }

    /// The columns that are read: at least one, since not every source can return rows without columns.
    fn read(&self) -> Vec<usize> {
        if !self.columns.is_empty() {
            return self.columns.clone();
        }
        let readable = self.spec.columns.iter().position(|column| column.unsupported.is_none());
        readable.into_iter().collect()
    }

    fn request(&self) -> ScanSpec {
        let fields = self.spec.schema.fields();
        let output = |at: &usize| {
            let (field, column) = (fields.get(*at)?, self.spec.columns.get(*at)?);
            Some(OutputColumn {
                name: field.name().clone(),
                value: OutputValue::Column(ColumnRef {
                    table: 0,
                    column: column.id.clone(),
                }),
                data_type: field.data_type().clone(),
                nullable: field.is_nullable(),
            })
        };
        let guard = Guard {
            rows: self.guard.clone(),
            masks: Vec::new(),
        };
        let output: Vec<OutputColumn> = self.read().iter().filter_map(output).collect();
        let mut columns: Vec<ColumnId> = output
            .iter()
            .map(|column| ColumnId::new(column.name.as_str()))
            .collect();
        let conditions = self.filters.iter().chain([&self.guard]).flat_map(Predicate::columns);
        for column in conditions.map(|column| &column.column) {
            if !columns.contains(column) {
                columns.push(column.clone());
            }
        }
        let mut spec = ScanSpec::table(self.spec.handle.clone(), columns, guard, output);
        spec.filter.clone_from(&self.filters);
        spec.limit = self.limit.and_then(|limit| u64::try_from(limit).ok());
        if let Some(fold) = &self.fold {
            fold.onto(&mut spec);
        }
        spec
    }

    /// Would the source do all that is asked of it, exactly? Asks it; a source that fails will say so when it is read.
    pub async fn is_taken(&self) -> bool {
        let (call, scan) = (self.call(TraceParent::default()), self.request());
        let planned = self.connector.plan(&call, PlanRequest { scan: scan.clone() }).await;
        planned.is_ok_and(|plan| taken(&plan, &scan))
    }

    /// Rows without columns come back.
    fn is_bare(&self) -> bool {
        self.columns.is_empty() && self.fold.is_none()
    }
}

/// Plans a scan at its source and finds its splits.
///
/// # Errors
/// Those of the source, in our words.
pub async fn plan_scan(scan: ConnectorScan) -> Result<Arc<ConnectorScanExec>, QueryError> {
    let found = Understood::of(scan).await?.found().await?;
    Ok(Arc::new(ConnectorScanExec::new(found)))
}

/// A scan as its source understood it.
struct Understood {
    scan: ConnectorScan,
    read: SchemaRef,
    call: CallContext,
    handle: Handle,
    /// Of the conditions that it was sent.
    verdicts: Vec<Pushdown>,
}

impl Understood {
    async fn of(mut scan: ConnectorScan) -> Result<Self, QueryError> {
        let call = scan.call(TraceParent::default());
        let mut request = scan.request();
        let guarded = !matches!(scan.guard, Predicate::True);
        if guarded && !request.filter.is_empty() {
            let plan = scan
                .connector
                .plan(&call, PlanRequest { scan: request })
                .await
                .map_err(failed)?;
            // INVARIANT: where the source does not apply the guard, it is not sent conditions of the caller either: a value of
            // a hidden row that cannot be decoded would fail the scan, and the conditions would aim at it.
            if plan.guard != Pushdown::Exact {
                scan.filters.clear();
            }
            request = scan.request();
        }
        let promised = Schema::new(
            request
                .output
                .iter()
                .map(|column| Field::new(&column.name, column.data_type.clone(), column.nullable))
                .collect::<Vec<_>>(),
        );
        let filters = request.filter.len();
        let asked = scan.fold.as_ref().map(|_| request.clone());
        let plan = scan
            .connector
            .plan(&call, PlanRequest { scan: request })
            .await
            .map_err(failed)?;
        // INVARIANT: groups are of exactly the rows that conditions leave, or nothing is read.
        if asked.is_some_and(|asked| !taken(&plan, &asked)) {
            return Err(failed(protocol("the connector does less than it agreed to")));
        }
        // One verdict per piece: a missing one is a protocol error. The verdicts themselves only save work at the source,
        // because the barrier repeats every condition.
        if plan.filter.len() != filters || !conforms(&plan.schema, &promised) {
            return Err(failed(protocol("the connector's plan does not answer the request")));
        }
        // INVARIANT: keys are conditions of the caller too.
        scan.takes_keys &= !guarded || plan.guard == Pushdown::Exact;
        Ok(Self {
            verdicts: plan.filter,
            read: Arc::new(promised),
            handle: plan.handle,
            scan,
            call,
        })
    }

    async fn found(self) -> Result<Found, QueryError> {
        let splits = splits(&self.scan, &self.call, &self.handle).await?;
        Ok(Found {
            held: Held::by(&splits, &self.scan.connector, &self.call),
            scan: self.scan,
            read: self.read,
            splits,
        })
    }
}

/// A scan in pieces.
struct Found {
    scan: ConnectorScan,
    read: SchemaRef,
    splits: Vec<Split>,
    /// What several splits hold together.
    held: Option<Arc<Held>>,
}

async fn splits(scan: &ConnectorScan, call: &CallContext, planned: &Handle) -> Result<Vec<Split>, QueryError> {
    let mut splits = Vec::new();
    let mut token = None;
    for _ in 0..MAX_SPLIT_PAGES {
        scan.cx.check()?;
        let wanted = SplitsRequest {
            scan: planned.clone(),
            parallelism: scan.target_partitions,
            token,
        };
        let page = scan.connector.splits(call, wanted).await.map_err(failed)?;
        splits.extend(page.splits);
        token = page.next;
        if token.is_none() {
            return Ok(splits);
        }
    }
    Err(failed(protocol("the connector has more splits than can be planned")))
}

fn failed(error: ConnectorError) -> QueryError {
    let (code, message) = connector_error(&error);
    QueryError::new(code, message).because(error)
}

/// The splits of one scan, dealt out to partitions.
///
/// Where keys of joins above may come, the scan is planned a second time with them when they are there, once for all partitions:
/// as conditions like any other, with the verdicts, paths and splits that the source has for them.
pub struct ConnectorScanExec {
    asked: ConnectorScan,
    /// As planned without keys; gone when it is known that it will not be read.
    planned: Arc<Mutex<Option<Arc<Found>>>>,
    late: Vec<LateKeys>,
    ready: Arc<OnceCell<Arc<Found>>>,
    /// How the source reads the first piece, in its own words, without a value.
    way: Option<String>,
    partitions: usize,
    properties: Arc<PlanProperties>,
}

impl ConnectorScanExec {
    fn new(planned: Found) -> Self {
        let first = planned.splits.first().and_then(|split| split.statement.as_ref());
        let way = first.and_then(|statement| statement.pushdown.clone());
        let asked = planned.scan.clone();
        let concurrency = asked.connector.spec().max_concurrency;
        let pieces = planned.splits.len();
        let partitions = asked.target_partitions.min(pieces).min(concurrency).max(1);
        let schema = if asked.is_bare() {
            Arc::new(Schema::empty())
        } else {
            Arc::clone(&planned.read)
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            asked,
            planned: Arc::new(Mutex::new(Some(Arc::new(planned)))),
            late: Vec::new(),
            ready: Arc::default(),
            way,
            partitions,
            properties: Arc::new(properties),
        }
    }

    /// Paths, indexes and verdicts, as planned without keys of joins.
    pub fn way(&self) -> Option<&str> {
        self.way.as_deref()
    }

    fn with(&self, late: Vec<LateKeys>) -> Self {
        Self {
            asked: self.asked.clone(),
            planned: Arc::clone(&self.planned),
            late,
            ready: Arc::default(),
            way: self.way.clone(),
            partitions: self.partitions,
            properties: Arc::clone(&self.properties),
        }
    }

    /// Digests of the decisions about all that it reads.
    pub(crate) fn decided(&self) -> &[[u8; 32]] {
        &self.asked.decided
    }

    /// The scan that waits for these keys too; `None` if its source may not be told of them.
    pub(crate) fn with_late(&self, keys: LateKeys) -> Option<Self> {
        let asked = &self.asked;
        if !asked.takes_keys || asked.limit.is_some() || asked.fold.is_some() || asked.columns.is_empty() {
            return None;
        }
        let late = self.late.iter().cloned().chain([keys]).collect();
        Some(self.with(late))
    }
}

/// The scan with the keys that are known now.
async fn ready(
    asked: ConnectorScan,
    planned: Arc<Mutex<Option<Arc<Found>>>>,
    late: Vec<LateKeys>,
) -> Result<Arc<Found>, QueryError> {
    let first = || planned.lock().unwrap_or_else(PoisonError::into_inner);
    let mut known = Vec::new();
    for keys in late {
        known.extend(keys.conditions().await);
    }
    if !known.is_empty() {
        let (mut scan, keys) = (asked.clone(), known.len());
        scan.filters.extend(known);
        let understood = Understood::of(scan).await?;
        let mut of_keys = understood.verdicts.iter().rev().take(keys);
        // What the source does not take would only cost a second look at it.
        if of_keys.any(|verdict| *verdict != Pushdown::Unsupported) {
            // What the first plan holds at the source may be what the second one needs.
            drop(first().take());
            return Ok(Arc::new(understood.found().await?));
        }
    }
    let found = first().clone();
    match found {
        Some(found) => Ok(found),
        None => Ok(Arc::new(Understood::of(asked).await?.found().await?)),
    }
}

/// The rows of a split.
fn open(
    found: &Arc<Found>,
    split: &Split,
    schema: SchemaRef,
) -> impl Stream<Item = EngineResult<RecordBatch>> + Send + use<> {
    let (scan, held) = (found.scan.clone(), found.held.clone());
    let statement = split.statement.clone().unwrap_or_default();
    let request = ReadRequest {
        split: split.handle.clone(),
        batch_rows: scan.batch_size,
        dynamic: Vec::new(),
        row_hint: scan.limit.and_then(|limit| u64::try_from(limit).ok()),
    };
    let (read, cx, name) = (
        Arc::clone(&found.read),
        Arc::clone(&scan.cx),
        scan.place.connection.clone(),
    );
    let bare = scan.is_bare();
    let opening = async move {
        let told = ClientSpan::read(&scan.cx, &scan.place, &statement);
        let call = scan.call(told.trace_parent());
        let opened = call.bounded(async { scan.connector.read(&call, request).await }).await;
        let stream = opened.inspect_err(|error| told.failed(error))?;
        Ok::<_, ConnectorError>(stream.batches.inspect(move |batch| told.delivered(batch)))
    };
    stream::once(opening).try_flatten().map(move |batch| {
        // As long as this is read.
        let _ = &held;
        let batch = batch.map_err(DataFusionError::from)?;
        if !conforms(&batch.schema(), &read) {
            return Err(protocol("a batch does not have the negotiated schema").into());
        }
        cx.meter.add_connector(&name, ipc_bytes::of(&batch));
        cx.check().map_err(|error| DataFusionError::External(Box::new(error)))?;
        if bare {
            return Ok(batch.project(&[])?);
        }
        Ok(batch.with_schema(Arc::clone(&schema))?)
    })
}

impl fmt::Debug for ConnectorScanExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorScanExec")
            .field("connection", &self.asked.place.connection)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for ConnectorScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectorScanExec: connection={}", self.asked.place.connection)
    }
}

impl ExecutionPlan for ConnectorScanExec {
    fn name(&self) -> &'static str {
        "ConnectorScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> EngineResult<TreeNodeRecursion>,
    ) -> EngineResult<TreeNodeRecursion> {
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
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            Ok(self)
        } else {
            Err(DataFusionError::Internal("a scan has no inputs".to_owned()))
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    /// A plan that runs again has other keys: without those of the first run.
    fn reset_state(self: Arc<Self>) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.with(Vec::new())))
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> EngineResult<SendableRecordBatchStream> {
        let (asked, planned, late) = (self.asked.clone(), Arc::clone(&self.planned), self.late.clone());
        let (once, partitions, schema) = (Arc::clone(&self.ready), self.partitions, self.schema());
        let begun = async move {
            let found = once.get_or_try_init(|| ready(asked, planned, late)).await?;
            let mine = found.splits.iter().skip(partition).step_by(partitions);
            let opened: Vec<_> = mine.map(|split| open(found, split, Arc::clone(&schema))).collect();
            Ok::<_, QueryError>(stream::iter(opened).flatten())
        };
        let batches = stream::once(begun.map_err(|error| DataFusionError::External(Box::new(error)))).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}
