//! How does a stored query run to its end? Resolve, authorize, plan, admit, execute; then one final state with its usage.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use chrono::Utc;
use datafusion::arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use futures::{FutureExt, StreamExt, stream};
use lakegate_catalog::record::{QueryRecord, QueryStart, QueryState};
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, Span, field::Empty};

use super::{
    Inner, RunError, RunningQuery, SubmitRequest, final_state,
    finish::{Outcome, end},
    prepare::{Prepared, prepare},
};
use crate::{
    admit::Slot,
    audit::Attempts,
    context::{Caller, QueryContext},
    engine_error::{Phase, translate},
    error::{ErrorCode, ErrorKind, QueryError, Result},
    federate::ipc_bytes,
    plan::{self, Planned},
    plan_thread,
    recheck::{Confirmed, Recheck},
    results::{ResultWriter, Written},
    trace::{figure, stage},
};

/// What a streaming caller is sent.
#[derive(Debug)]
pub enum Message {
    /// The record is durable.
    Begun {
        id: String,
        statement: &'static str,
    },
    Schema(SchemaRef),
    Batch(RecordBatch),
    /// The final state is durable; or there is no record at all.
    End(Result<()>),
}

/// Where rows go.
enum Sink {
    Stream(mpsc::Sender<Message>),
    Spool(Option<Box<ResultWriter>>),
}

/// Prepares and runs a query whose rows are sent as they come. A caller who leaves cancels it.
pub async fn stream(inner: Arc<Inner>, caller: Caller, request: SubmitRequest, sender: mpsc::Sender<Message>) {
    let prepared = match prepare(&inner, &caller, request).await {
        Ok(prepared) => prepared,
        Err(error) => {
            let _ = sender.send(Message::End(Err(error))).await;
            return;
        }
    };
    let begun = Message::Begun {
        id: prepared.record.id.clone(),
        statement: prepared.parsed.kind.word(),
    };
    let _ = sender.send(begun).await;
    let cancel = prepared.cx.cancel.clone();
    let mut sink = Sink::Stream(sender.clone());
    let mut running = std::pin::pin!(run(&inner, prepared, &mut sink));
    let result = tokio::select! {
        result = &mut running => result,
        () = sender.closed() => {
            cancel.cancel();
            running.await
        }
    };
    let _ = sender.send(Message::End(result)).await;
}

/// Prepares a query, tells its record, and runs it with its rows kept. Nobody has to wait for it.
pub async fn spool(
    inner: Arc<Inner>,
    caller: Caller,
    request: SubmitRequest,
    begun: oneshot::Sender<Result<QueryRecord>>,
) {
    let prepared = match prepare(&inner, &caller, request).await {
        Ok(prepared) => prepared,
        Err(error) => {
            let _ = begun.send(Err(error));
            return;
        }
    };
    let _ = begun.send(Ok(prepared.record.clone()));
    let mut sink = Sink::Spool(None);
    if let Err(error) = run(&inner, prepared, &mut sink).await {
        tracing::debug!(error.code = error.code.text(), "query ended");
    }
}

/// Waits for the first rows, or for the end, of a streamed query.
pub async fn first_rows(mut receiver: mpsc::Receiver<Message>) -> Result<RunningQuery, RunError> {
    let lost = || QueryError::internal("the query ended without a word");
    let (id, statement) = match receiver.recv().await {
        Some(Message::Begun { id, statement }) => (id, statement),
        Some(Message::End(Err(error))) => return Err(RunError { query_id: None, error }),
        Some(Message::Schema(_) | Message::Batch(_) | Message::End(Ok(()))) | None => return Err(lost().into()),
    };
    let failed = |error| RunError {
        query_id: Some(id.clone()),
        error,
    };
    let schema = match receiver.recv().await {
        Some(Message::Schema(schema)) => schema,
        Some(Message::End(Err(error))) => return Err(failed(error)),
        Some(Message::Begun { .. } | Message::Batch(_) | Message::End(Ok(()))) | None => return Err(failed(lost())),
    };
    let first = match receiver.recv().await {
        Some(Message::Batch(batch)) => Some(batch),
        Some(Message::End(Ok(()))) => {
            return Ok(RunningQuery {
                id,
                schema,
                statement,
                batches: stream::empty().boxed(),
            });
        }
        Some(Message::End(Err(error))) => return Err(failed(error)),
        Some(Message::Begun { .. } | Message::Schema(_)) | None => return Err(failed(lost())),
    };
    let rest = stream::unfold(Some(receiver), move |receiver| async move {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Message::Batch(batch)) => Some((Ok(batch), Some(receiver))),
            Some(Message::End(Ok(()))) => None,
            Some(Message::End(Err(error))) => Some((Err(error), None)),
            // INVARIANT: a cut stream never looks complete.
            Some(Message::Begun { .. } | Message::Schema(_)) | None => {
                Some((Err(QueryError::internal("the query ended without a word")), None))
            }
        }
    });
    let batches = stream::iter(first.map(Ok)).chain(rest).boxed();
    Ok(RunningQuery {
        id,
        schema,
        statement,
        batches,
    })
}

async fn run(inner: &Arc<Inner>, prepared: Prepared, sink: &mut Sink) -> Result<()> {
    let cx = Arc::clone(&prepared.cx);
    let running = prepared.running.clone();
    let mut outcome = Outcome {
        billed_statement: prepared.parsed.kind.billed(),
        statement: prepared.parsed.kind.word(),
        attempts: prepared.attempts.clone(),
        ..Outcome::default()
    };
    let work = AssertUnwindSafe(stages(inner, prepared, sink, &mut outcome)).catch_unwind();
    let result = work
        .await
        .unwrap_or_else(|_| Err(QueryError::internal("the query panicked")));
    let result = result.map_err(|error| if inner.is_draining() { drained(error) } else { error });
    let span = results_span(&cx, &result, outcome.statement);
    let ended = end(inner, &cx, &result, outcome).instrument(span.clone()).await;
    if let Err(error) = &result {
        span.in_scope(|| log(&cx.query, error));
    }
    drop(span);
    running.enter(final_state(result.as_ref().err()));
    inner.running.remove(&cx.query);
    result.and(ended)
}

/// What became of the query.
fn results_span(cx: &QueryContext, result: &Result<()>, statement: &'static str) -> Span {
    let (usage, error) = (cx.meter.usage(), result.as_ref().err());
    stage!(
        "query.results",
        cx,
        otel.status_code = error.map(|_| "ERROR"),
        error.type = error.map(|error| error.code.text()),
        lakegate.query.state = final_state(error).word(),
        lakegate.statement.type = statement,
        lakegate.returned_rows = figure(usage.rows),
        lakegate.scanned_bytes = figure(usage.scanned_bytes),
        lakegate.fetched_bytes = figure(usage.fetched_bytes),
        lakegate.connector_bytes = figure(usage.connector_bytes),
    )
}

/// Causes of user errors quote literals and values: they are in no log. What operators must mend is.
fn log(query: &str, error: &QueryError) {
    match error.code.kind() {
        ErrorKind::Internal | ErrorKind::Source | ErrorKind::Unavailable => {
            tracing::error!(query_id = query, error.code = error.code.text(), cause = %error.log_text(), "query failed");
        }
        _ => tracing::info!(query_id = query, error.code = error.code.text(), "query failed"),
    }
}

fn drained(error: QueryError) -> QueryError {
    if error.code == ErrorCode::QueryCancelled {
        QueryError::new(
            ErrorCode::ServerDraining,
            "this server stopped before the query had ended",
        )
    } else {
        error
    }
}

async fn stages(inner: &Arc<Inner>, prepared: Prepared, sink: &mut Sink, outcome: &mut Outcome) -> Result<()> {
    let cx = Arc::clone(&prepared.cx);
    let running = prepared.running.clone();
    let workgroup = Arc::clone(&prepared.workgroup);
    let statement = prepared.parsed.kind.word();
    let planned = bounded(&cx, planned(inner, prepared, outcome.attempts.clone())).await?;
    // From here on the query lives under the snapshot that it was planned with.
    let cx = Arc::clone(&planned.cx);
    let version = cx.snapshot.version;
    outcome.version = Some(version);
    cutoff(&cx)?;
    let decided = planned.decided.clone();
    running.decide(decided.kept());
    outcome.decisions = running.decisions().cloned();
    let recheck = Recheck {
        store: &inner.store,
        published: &inner.published,
        cx: &cx,
        decided: &decided,
        max_staleness: inner.options.max_policy_staleness,
    };
    let start = Confirmed::at_start(&cx);
    let _slot: Slot = tokio::select! {
        slot = inner.admission.admit(&cx, &workgroup.body).instrument(stage!("query.admit", cx)) => slot?,
        error = recheck.watch(start) => return Err(error),
    };
    let known = recheck.once(start).await?;
    let start = QueryStart {
        id: cx.query.clone(),
        statement: statement.to_owned(),
        started_at: Utc::now(),
        snapshot_version: version,
        policy_version: version,
    };
    // INVARIANT: the attempts are durable before the first row leaves; without them nothing runs.
    let attempts = outcome.attempts.pending();
    inner
        .store
        .start_query(&start, &attempts)
        .await
        .map_err(|error| inner.audit_failed(error))?;
    outcome.attempts.stored();
    running.enter(QueryState::Running);
    let span = stage!(
        "query.execute",
        cx,
        lakegate.scanned_bytes = Empty,
        lakegate.returned_rows = Empty
    );
    let executing = cx.trace.execute_in(&span);
    let written = tokio::select! {
        written = execute(inner, &cx, planned, sink).instrument(span.clone()) => written,
        error = recheck.watch(known).instrument(span.clone()) => Err(error),
    };
    drop(executing);
    let usage = cx.meter.usage();
    span.record(
        "lakegate.scanned_bytes",
        figure(usage.scanned_bytes + usage.connector_bytes),
    );
    span.record("lakegate.returned_rows", figure(usage.rows));
    outcome.written = written?;
    Ok(())
}

/// Resolves, authorizes and plans on a big-stack thread, which keeps its turn until it has ended.
async fn planned(inner: &Arc<Inner>, prepared: Prepared, attempts: Attempts) -> Result<Planned> {
    let turn = Arc::clone(&inner.planning)
        .acquire_owned()
        .await
        .map_err(QueryError::internal)?;
    let handle = inner.engine_handle()?;
    let inner = Arc::clone(inner);
    plan_thread::run(handle, move || async move {
        let _turn = turn;
        plan::plan(&inner.planner(), prepared.statement(), &attempts).await
    })
    .await
}

/// The caller's own scan limit counts what the caller is shown; the workgroup's counts the truth.
fn cutoff(cx: &QueryContext) -> Result<()> {
    let limits = &cx.limits;
    if cx.meter.restricted() {
        cx.meter.set_cutoff(limits.workgroup_scanned_bytes);
        let shown = cx.meter.usage().shown_scanned_bytes;
        if limits.scanned_bytes.is_some_and(|limit| shown > limit) {
            return Err(QueryError::new(
                ErrorCode::ExceededScan,
                "Query cancelled! : Bytes scanned limit was exceeded",
            ));
        }
    } else {
        let tighter = [limits.scanned_bytes, limits.workgroup_scanned_bytes]
            .into_iter()
            .flatten()
            .min();
        cx.meter.set_cutoff(tighter);
    }
    Ok(())
}

async fn execute(
    inner: &Arc<Inner>,
    cx: &Arc<QueryContext>,
    planned: Planned,
    sink: &mut Sink,
) -> Result<Option<Written>> {
    let mut batches = planned.execute()?;
    let schema = batches.schema();
    match sink {
        Sink::Stream(sender) => send(sender, Message::Schema(schema)).await?,
        Sink::Spool(writer) => {
            *writer = Some(Box::new(inner.results.create(
                &cx.query,
                &schema,
                cx.limits.result_bytes,
            )?))
        }
    }
    let mut checkpoint = Instant::now();
    let (mut rows, mut bytes) = (0_u64, 0_u64);
    while let Some(batch) = bounded(cx, async { Ok(batches.next().await) }).await? {
        let batch = batch.map_err(|error| engine_failure(cx, error))?;
        cx.check()?;
        if batch.num_rows() == 0 {
            continue;
        }
        rows += batch.num_rows() as u64;
        bytes += ipc_bytes::of(&batch);
        if cx.limits.rows.is_some_and(|limit| rows > limit) || bytes > cx.limits.result_bytes {
            return Err(QueryError::new(
                ErrorCode::ExceededResult,
                "the result is larger than its limit",
            ));
        }
        cx.meter.add_rows(batch.num_rows() as u64);
        match sink {
            Sink::Stream(sender) => bounded(cx, send(sender, Message::Batch(batch))).await?,
            Sink::Spool(Some(writer)) => writer.write(batch)?,
            Sink::Spool(None) => return Err(QueryError::internal("the spool was not opened")),
        }
        if checkpoint.elapsed().as_secs() >= 5 {
            checkpoint = Instant::now();
            let _ = inner.store.checkpoint_query(&cx.query, &cx.meter.usage()).await;
        }
    }
    cx.check()?;
    match sink {
        Sink::Spool(writer) => writer.take().map(|writer| writer.finish()).transpose(),
        Sink::Stream(_) => Ok(None),
    }
}

/// An engine failure; the cut-off and the token explain what they caused.
fn engine_failure(cx: &QueryContext, error: datafusion::error::DataFusionError) -> QueryError {
    match cx.check() {
        Err(why) => why.because(error),
        Ok(()) => translate(error, Phase::Execute),
    }
}

async fn send(sender: &mpsc::Sender<Message>, message: Message) -> Result<()> {
    sender
        .send(message)
        .await
        .map_err(|_| QueryError::new(ErrorCode::QueryCancelled, "the client left before the last row"))
}

/// Awaits `work` until the query is cancelled or its time is over.
async fn bounded<T>(cx: &QueryContext, work: impl Future<Output = Result<T>>) -> Result<T> {
    let deadline = tokio::time::Instant::from_std(cx.deadline);
    tokio::select! {
        biased;
        () = cx.cancel.cancelled() => Err(cx.check().err().unwrap_or_else(|| QueryError::internal("cancelled"))),
        done = tokio::time::timeout_at(deadline, work) => {
            done.unwrap_or_else(|_| Err(QueryError::new(ErrorCode::ExceededTime, "the query ran out of time")))
        }
    }
}
