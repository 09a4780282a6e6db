//! What may a caller know of a query? Its record without hidden figures, its rows, and what happens to it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use datafusion::arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use futures::{StreamExt, stream, stream::BoxStream};
use lakegate_catalog::record::{Decisions, QueryFilter, QueryRecord, QueryState};
use lakegate_policy::{Action, Verdict};

use super::{Inner, QueryService, fetched};
use crate::{
    audit::Attempts,
    billing::Billing,
    context::{Caller, request_context},
    decided,
    entities::{Governor, ObjectRef},
    error::{ErrorCode, QueryError, Result},
    mapping::{self, Reading},
    plan_thread,
    running::Running,
};

/// Between two progress events.
const TICK: Duration = Duration::from_millis(500);

/// Which records to list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListQueries {
    pub state: Option<QueryState>,
    pub workgroup: Option<String>,
    /// Only older ones than this (submitted, id).
    pub before: Option<(DateTime<Utc>, String)>,
    pub limit: u32,
}

/// Rows of a finished query.
pub struct StoredResult {
    pub schema: SchemaRef,
    /// Of the whole result, not of this page.
    pub total_rows: u64,
    pub batches: BoxStream<'static, Result<RecordBatch>>,
}

impl std::fmt::Debug for StoredResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredResult")
            .field("total_rows", &self.total_rows)
            .finish_non_exhaustive()
    }
}

/// Something that happened to a query.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryEvent {
    /// Grows within one stream.
    pub id: u64,
    pub kind: QueryEventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryEventKind {
    State(QueryState),
    Progress {
        /// Rows returned so far.
        rows: u64,
        /// Bytes so far; absent where a row filter or mask applies.
        bytes: Option<u64>,
        elapsed_ms: u64,
        /// Statements that wait in the workgroup, while this one is queued.
        queue_position: Option<u32>,
    },
    /// The last event.
    End(Box<QueryRecord>),
}

/// The record as its viewer may know it: without finer figures where a filter or mask applied (governance.md §6.4).
pub fn shown(record: &QueryRecord, billing: Billing) -> QueryRecord {
    QueryRecord {
        usage: billing.shown(&record.usage),
        ..record.clone()
    }
}

/// The record, if the caller may do `action` with it; else it is not there.
pub async fn visible(inner: &Inner, caller: &Caller, id: &str, action: Action) -> Result<QueryRecord> {
    let missing = || QueryError::new(ErrorCode::NotFound, format!("query `{id}` does not exist"));
    let record = inner
        .store
        .find_query(id)
        .await
        .map_err(crate::store_error)?
        .ok_or_else(missing)?;
    let snapshot = inner.store.confirmed_snapshot().await.map_err(crate::store_error)?;
    let governor = inner.governor(snapshot)?;
    let present = decided::is_present(governor.snapshot(), caller, Utc::now());
    if present && allowed(&governor, caller, &record, action) {
        Ok(record)
    } else {
        Err(missing())
    }
}

fn allowed(governor: &Governor, caller: &Caller, record: &QueryRecord, action: Action) -> bool {
    let workgroup = governor
        .snapshot()
        .find_workgroup(&record.workgroup)
        .map(|group| group.id.as_str().to_owned());
    let object = ObjectRef::query(
        &record.id,
        workgroup.as_deref().unwrap_or_default(),
        &record.principal_id,
    );
    governor
        .decide(caller, &request_context(caller), action, &object)
        .verdict
        == Verdict::Allow
}

/// Records that the caller may view. Pages are filled, so that their size says nothing about hidden ones.
pub async fn list(inner: &Inner, caller: &Caller, request: ListQueries) -> Result<Vec<QueryRecord>> {
    let snapshot = inner.store.confirmed_snapshot().await.map_err(crate::store_error)?;
    let governor = inner.governor(snapshot)?;
    let wanted = request.limit as usize;
    let mut found = Vec::new();
    let mut before = request.before;
    loop {
        let filter = QueryFilter {
            principal_id: None,
            state: request.state,
            workgroup: request.workgroup.clone(),
            before: before.clone(),
            limit: request.limit.max(50),
        };
        let page = inner.store.list_queries(&filter).await.map_err(crate::store_error)?;
        let last_page = page.len() < filter.limit as usize;
        for record in page {
            before = Some((record.submitted_at, record.id.clone()));
            if allowed(&governor, caller, &record, Action::ViewQuery) {
                found.push(shown(&record, inner.options.billing));
                if found.len() == wanted {
                    return Ok(found);
                }
            }
        }
        if last_page {
            return Ok(found);
        }
    }
}

/// Decides again what the rows of a query were decided by: may the caller still see them?
pub async fn confirm(
    inner: &Inner,
    caller: &Caller,
    record: &QueryRecord,
    decisions: Option<&Decisions>,
) -> Result<()> {
    let cx = fetched::circumstances(inner, caller, record).await?;
    fetched::decide(&cx, record, decisions)
}

/// As [`confirm`], audited; reads the mappings of row filters again: a row that left a mapping closes what it had opened.
async fn confirm_values(
    service: &QueryService,
    caller: &Caller,
    record: &QueryRecord,
    decisions: Option<&Decisions>,
) -> Result<()> {
    let inner = Arc::clone(&service.inner);
    let cx = fetched::circumstances(&inner, caller, record).await?;
    fetched::confirm(&inner, &cx, record, decisions).await?;
    // Others than the submitter were confirmed to see all rows, whatever mappings say.
    let own = cx.caller.user.as_str() == record.principal_id;
    let Some(decisions) = decisions
        .filter(|decisions| own && !decisions.mappings.is_empty())
        .cloned()
    else {
        return Ok(());
    };
    let cx = Arc::new(cx.rereading(inner.options.timeout, inner.options.master_key.clone()));
    let (attempts, handle) = (Attempts::default(), inner.engine_handle()?);
    let store = inner.store.clone();
    let told = attempts.clone();
    let read = plan_thread::run(handle, move || async move {
        let planner = inner.planner();
        let reading = Reading {
            planner: &planner,
            attempts: &told,
            asker: &cx.caller,
        };
        mapping::confirm(&reading, &cx, &decisions).await
    })
    .await;
    store
        .append_audit(&attempts.pending())
        .await
        .map_err(|error| service.inner.audit_failed(error))?;
    read
}

/// Rows of a finished query, decided again when they are asked for and while they are on their way.
pub async fn results(
    service: &QueryService,
    caller: &Caller,
    id: &str,
    offset: u64,
    limit: Option<u64>,
) -> Result<StoredResult> {
    let inner = &*service.inner;
    let record = visible(inner, caller, id, Action::FetchResult).await?;
    match record.state {
        QueryState::Succeeded => {}
        QueryState::Queued | QueryState::Running => {
            return Err(
                QueryError::new(ErrorCode::InvalidRequest, format!("query `{id}` has not finished")).retry_after(1),
            );
        }
        QueryState::Failed | QueryState::Cancelled => {
            let why = record
                .failure
                .map_or_else(String::new, |failure| format!(": {} {}", failure.code, failure.message));
            return Err(QueryError::new(
                ErrorCode::InvalidRequest,
                format!("query `{id}` has no results{why}"),
            ));
        }
    }
    let expired = || QueryError::new(ErrorCode::CannotLoadResults, "the results of this query have expired");
    let location = record.result.clone().ok_or_else(expired)?;
    if location.expires_at <= Utc::now() {
        inner.results.remove(&location.path);
        return Err(expired());
    }
    confirm_values(service, caller, &record, location.decisions.as_ref()).await?;
    let reader = inner.results.read(&location.path, offset, limit)?;
    let schema = SchemaRef::clone(&reader.schema);
    Ok(StoredResult {
        schema,
        total_rows: location.rows,
        batches: while_confirmed(service.clone(), caller.clone(), record, off_thread(reader)),
    })
}

/// A long download ends when its rows may no longer be seen.
fn while_confirmed(
    service: QueryService,
    caller: Caller,
    record: QueryRecord,
    batches: BoxStream<'static, Result<RecordBatch>>,
) -> BoxStream<'static, Result<RecordBatch>> {
    let looked = Instant::now();
    stream::try_unfold((batches, looked), move |(mut batches, mut looked)| {
        let (service, caller, record) = (service.clone(), caller.clone(), record.clone());
        async move {
            let Some(batch) = batches.next().await.transpose()? else {
                return Ok(None);
            };
            if looked.elapsed() >= TICK {
                visible(&service.inner, &caller, &record.id, Action::FetchResult).await?;
                let decisions = record.result.as_ref().and_then(|result| result.decisions.as_ref());
                confirm(&service.inner, &caller, &record, decisions).await?;
                looked = Instant::now();
            }
            Ok(Some((batch, (batches, looked))))
        }
    })
    .boxed()
}

/// Reads the file on a blocking thread, a batch ahead.
fn off_thread(reader: crate::results::ResultReader) -> BoxStream<'static, Result<RecordBatch>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let _reading = tokio::task::spawn_blocking(move || {
        for batch in reader {
            if sender.blocking_send(batch).is_err() {
                return;
            }
        }
    });
    stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|batch| (batch, receiver))
    })
    .boxed()
}

/// State now, progress while it runs, and the end.
pub fn events(service: QueryService, caller: Caller, id: String) -> impl futures::Stream<Item = QueryEvent> + Send {
    let start = Watching {
        service,
        caller,
        id,
        next: 1,
        last: None,
        ended: false,
    };
    stream::unfold(start, |mut watching| async move {
        let event = watching.next().await?;
        Some((event, watching))
    })
}

struct Watching {
    service: QueryService,
    caller: Caller,
    id: String,
    next: u64,
    last: Option<QueryState>,
    ended: bool,
}

impl Watching {
    async fn next(&mut self) -> Option<QueryEvent> {
        if self.ended {
            return None;
        }
        let kind = loop {
            if let Some(kind) = self.happened().await? {
                break kind;
            }
        };
        let id = self.next;
        self.next += 1;
        Some(QueryEvent { id, kind })
    }

    /// What happens within the next moment; `None` within: nothing that may be told.
    async fn happened(&mut self) -> Option<Option<QueryEventKind>> {
        let kind = match self.service.inner.running.find(&self.id) {
            Some(running) if !running.state().is_final() => {
                let state = running.state();
                if self.last == Some(state) {
                    let mut states = running.watch();
                    let _ = tokio::time::timeout(TICK, states.wait_for(|next| *next != state)).await;
                }
                let now = running.state();
                if self.last != Some(now) && !now.is_final() {
                    self.last = Some(now);
                    QueryEventKind::State(now)
                } else {
                    // Whoever may not know of the query any more learns nothing more.
                    let record = self.service.find(&self.caller, &self.id).await.ok()?;
                    if !self.may_count(&running, &record).await {
                        return Some(None);
                    }
                    self.progress(&running)
                }
            }
            _ => {
                self.ended = true;
                let record = self.service.find(&self.caller, &self.id).await.ok()?;
                QueryEventKind::End(Box::new(record))
            }
        };
        Some(Some(kind))
    }

    /// Figures of a query are a function of its rows: they are for those who may fetch them.
    async fn may_count(&self, running: &Running, record: &QueryRecord) -> bool {
        match running.decisions() {
            None => true,
            Some(decisions) => {
                let confirmed = confirm(&self.service.inner, &self.caller, record, Some(decisions)).await;
                confirmed.is_ok()
            }
        }
    }

    fn progress(&self, running: &Running) -> QueryEventKind {
        let usage = running.meter.usage();
        let queued = running.state() == QueryState::Queued;
        QueryEventKind::Progress {
            rows: usage.rows,
            bytes: usage.detailed.then(|| usage.scanned_bytes + usage.connector_bytes),
            elapsed_ms: u64::try_from(running.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            queue_position: queued.then(|| self.service.inner.admission.waiting(&running.workgroup)),
        }
    }
}
