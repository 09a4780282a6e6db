//! What does every stage of one query know? Who asks, under which versions, until when, and what has been counted.

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use lakegate_catalog::{id::ObjectId, snapshot::Snapshot};
use lakegate_policy::{PolicySet, RequestContext};
use tokio_util::sync::CancellationToken;

use crate::{
    decisions::Decisions,
    entities::Governor,
    error::{ErrorCode, QueryError},
    functions::mask::MaskSecret,
    mask_key::{self, NoMaskKey},
    sealed::MasterKey,
    signal::Signals,
    trace::QueryTrace,
    views::Through,
};

/// Who asks, as proven by the front door. The rest (roles, attributes) is read from the snapshot at each statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// Id and name of the user.
    pub user: ObjectId,
    pub name: String,
    /// The API key that proved it, if one did.
    pub key: Option<ObjectId>,
    /// `api-key`, `oidc` or `internal`.
    pub method: &'static str,
    pub ip: IpAddr,
    pub mfa: bool,
    /// Milliseconds since the log-in; `None`: unknown, the largest duration.
    pub auth_age_ms: Option<i64>,
    /// `rest`, `internal`, …
    pub door: &'static str,
    /// `User-Agent` or application name.
    pub client: Option<String>,
    pub purpose: Option<String>,
    pub trace_id: Option<String>,
    pub request_id: String,
    /// Groups of the token, already mapped to role ids.
    pub extra_roles: Vec<ObjectId>,
    /// When the token that proved it ends; a key's end is read from the snapshot.
    pub proof_ends: Option<DateTime<Utc>>,
}

/// Limits of one statement; the tighter of workgroup and request.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Limit of the caller, against the figure that the caller is shown.
    pub scanned_bytes: Option<u64>,
    /// Cut-off of the workgroup, against the true figure.
    pub workgroup_scanned_bytes: Option<u64>,
    pub rows: Option<u64>,
    pub result_bytes: u64,
    pub memory_bytes: usize,
    /// Of the body of a view: the operator's limit for a query. A limit that the caller chooses would measure what the view
    /// hides from them.
    pub body_memory_bytes: usize,
    pub spill_bytes: u64,
    pub timeout: Duration,
}

/// The unit of figures that callers are shown where rows are hidden.
const MEGABYTE: u64 = 1_048_576;

/// Counters of one query. All in bytes but rows and requests.
#[derive(Debug, Default)]
pub struct Meter {
    scanned: AtomicU64,
    fetched: AtomicU64,
    requests: AtomicU64,
    connector: AtomicU64,
    rows: AtomicU64,
    peak_memory: AtomicU64,
    spilled: AtomicU64,
    /// What policy pruning alone leaves (governance.md §6.4), for restricted scans.
    governed: AtomicU64,
    /// A row filter or mask applied somewhere and the caller lacks `ReadStats` there.
    restricted: AtomicBool,
    by_connection: Mutex<BTreeMap<String, u64>>,
    cutoff: AtomicU64,
    cutoff_hit: AtomicBool,
    token: CancellationToken,
}

impl Meter {
    /// A meter that fires `token` once scanned plus connector bytes pass `cutoff`.
    #[must_use]
    pub fn new(cutoff: Option<u64>, token: CancellationToken) -> Self {
        Self {
            cutoff: AtomicU64::new(cutoff.unwrap_or(u64::MAX)),
            token,
            ..Self::default()
        }
    }

    /// Stored bytes that the plan asked for, by connection name.
    pub fn add_scanned(&self, connection: &str, bytes: u64) {
        self.scanned.fetch_add(bytes, Ordering::Relaxed);
        self.by_connection(connection, bytes);
    }

    /// Bytes that crossed the wire, and one request.
    pub fn add_fetched(&self, bytes: u64) {
        self.fetched.fetch_add(bytes, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// More payload bytes of a request that was counted already.
    pub fn add_fetched_payload(&self, bytes: u64) {
        self.fetched.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Arrow bytes that a connector returned, by connection name.
    pub fn add_connector(&self, connection: &str, bytes: u64) {
        self.connector.fetch_add(bytes, Ordering::Relaxed);
        self.by_connection(connection, bytes);
    }

    /// Rows returned to the caller.
    pub fn add_rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Bytes that one scan would read under policy pruning alone, as they are shown: whole MB. Rounded here, not in the sum: the
    /// sum of many scans of one table would tell its size to the byte.
    pub fn add_governed(&self, bytes: u64) {
        let shown = bytes.div_ceil(MEGABYTE).max(1) * MEGABYTE;
        self.governed.fetch_add(shown, Ordering::Relaxed);
    }

    /// See [`Meter::add_governed`].
    #[must_use]
    pub(crate) fn governed(&self) -> u64 {
        self.governed.load(Ordering::Relaxed)
    }

    /// Forgets what was read on behalf of others than the caller.
    pub(crate) fn set_governed(&self, bytes: u64) {
        self.governed.store(bytes, Ordering::Relaxed);
    }

    /// A row filter or mask applied, and the caller has no `ReadStats` there.
    pub fn set_restricted(&self) {
        self.restricted.store(true, Ordering::Relaxed);
    }

    /// See [`Meter::set_restricted`].
    #[must_use]
    pub fn restricted(&self) -> bool {
        self.restricted.load(Ordering::Relaxed)
    }

    /// Highest memory reservation seen.
    pub fn record_memory(&self, bytes: u64) {
        self.peak_memory.fetch_max(bytes, Ordering::Relaxed);
    }

    /// Bytes spilled to disk.
    pub fn record_spilled(&self, bytes: u64) {
        self.spilled.fetch_max(bytes, Ordering::Relaxed);
    }

    /// Cancels the statement once it has read this much.
    pub fn set_cutoff(&self, bytes: Option<u64>) {
        self.cutoff.store(bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The scan cut-off has tripped.
    #[must_use]
    pub fn cutoff_hit(&self) -> bool {
        self.cutoff_hit.load(Ordering::Relaxed)
    }

    /// Scanned plus connector bytes so far: what is billed.
    #[must_use]
    pub fn raw(&self) -> u64 {
        self.scanned.load(Ordering::Relaxed) + self.connector.load(Ordering::Relaxed)
    }

    /// All figures now; billing is added by the meter stage.
    #[must_use]
    pub fn usage(&self) -> lakegate_catalog::record::Usage {
        let scanned = self.scanned.load(Ordering::Relaxed);
        let restricted = self.restricted();
        let shown = if restricted {
            self.governed.load(Ordering::Relaxed).max(MEGABYTE)
        } else {
            scanned
        };
        lakegate_catalog::record::Usage {
            scanned_bytes: scanned,
            shown_scanned_bytes: shown,
            fetched_bytes: self.fetched.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            connector_bytes: self.connector.load(Ordering::Relaxed),
            billed_bytes: 0,
            rows: self.rows.load(Ordering::Relaxed),
            peak_memory_bytes: self.peak_memory.load(Ordering::Relaxed),
            spilled_bytes: self.spilled.load(Ordering::Relaxed),
            detailed: !restricted,
            by_connection: self.by_connection.lock().map(|map| map.clone()).unwrap_or_default(),
        }
    }

    fn by_connection(&self, connection: &str, bytes: u64) {
        if let Ok(mut map) = self.by_connection.lock() {
            *map.entry(connection.to_owned()).or_default() += bytes;
        }
        if self.raw() > self.cutoff.load(Ordering::Relaxed) {
            self.cutoff_hit.store(true, Ordering::Relaxed);
            self.token.cancel();
        }
    }
}

/// Cedar's context for a request of `caller`, now. The workgroup is that of no statement; statements set their own.
#[must_use]
pub fn request_context(caller: &Caller) -> RequestContext {
    RequestContext {
        now: Utc::now().timestamp_millis(),
        ip: caller.ip,
        mfa: caller.mfa,
        auth_age_ms: caller.auth_age_ms,
        workgroup: String::new(),
        client: caller.door.to_owned(),
        purpose: None,
        via_view: None,
        on_behalf_of: None,
        ticket: None,
    }
}

/// One query's facts, fixed when it starts. First argument of every stage; an extension of the session.
#[derive(Clone)]
pub struct QueryContext {
    /// UUID text; the same in every door, log, audit event and ledger row.
    pub query: String,
    pub caller: Caller,
    pub workgroup: String,
    pub snapshot: Arc<Snapshot>,
    /// Published under `snapshot.version`.
    pub policies: Arc<PolicySet>,
    /// Cedar's context, fixed at statement start.
    pub request: RequestContext,
    pub deadline: Instant,
    pub cancel: CancellationToken,
    pub limits: Limits,
    pub meter: Arc<Meter>,
    pub trace: Arc<QueryTrace>,
    pub signals: Signals,
    /// What has been decided already.
    pub decisions: Arc<Decisions>,
    pub started: Instant,
    /// `now()` of the statement and of its filters.
    pub now: DateTime<Utc>,
    /// Random bytes for `sha-256-query-local`.
    pub salt: [u8; 32],
    /// Opens stored secrets; `None`: what needs one is denied.
    pub master_key: Option<Arc<MasterKey>>,
    /// How many publishers stand between the caller and who asked the statement.
    pub reader_depth: u8,
    /// Of the body of a view: the views above it.
    pub through: Through,
}

/// Mappings whose own tables have filters with mappings, and so on. (Publication refuses circles.)
const MAX_READERS: u8 = 8;

impl QueryContext {
    /// A context for decisions about metadata, outside of any statement: it reads no data.
    #[must_use]
    pub fn observing(governor: &Governor, caller: &Caller) -> Arc<Self> {
        let cancel = CancellationToken::new();
        Arc::new(Self {
            query: String::new(),
            caller: caller.clone(),
            workgroup: String::new(),
            snapshot: Arc::clone(governor.snapshot()),
            policies: Arc::clone(governor.policies()),
            request: request_context(caller),
            deadline: Instant::now(),
            meter: Arc::new(Meter::new(Some(0), cancel.clone())),
            trace: Arc::default(),
            signals: governor.signals().clone(),
            decisions: Arc::clone(governor.decisions()),
            cancel,
            limits: Limits {
                scanned_bytes: Some(0),
                workgroup_scanned_bytes: Some(0),
                rows: Some(0),
                result_bytes: 0,
                memory_bytes: 0,
                body_memory_bytes: 0,
                spill_bytes: 0,
                timeout: Duration::ZERO,
            },
            started: Instant::now(),
            now: Utc::now(),
            salt: [0; 32],
            master_key: None,
            reader_depth: 0,
            through: Through::default(),
        })
    }

    /// A context that may read what decisions depend on, for so long.
    #[must_use]
    pub(crate) fn rereading(self, timeout: Duration, master_key: Option<Arc<MasterKey>>) -> Self {
        Self {
            deadline: Instant::now() + timeout,
            meter: Arc::new(Meter::new(None, self.cancel.clone())),
            limits: Limits {
                scanned_bytes: None,
                workgroup_scanned_bytes: None,
                rows: None,
                memory_bytes: usize::MAX,
                body_memory_bytes: usize::MAX,
                ..self.limits
            },
            master_key,
            ..self
        }
    }

    /// The same query under a newer snapshot, before anything was decided.
    #[must_use]
    pub fn under(&self, snapshot: Arc<Snapshot>, policies: Arc<PolicySet>) -> Arc<Self> {
        Arc::new(self.copy(snapshot, policies, self.request.clone()))
    }

    /// What is to be decided when the query is decided again at `now`.
    #[must_use]
    pub fn again(&self, snapshot: Arc<Snapshot>, policies: Arc<PolicySet>, now: DateTime<Utc>) -> Self {
        let elapsed = (now - self.now).num_milliseconds().max(0);
        let request = RequestContext {
            now: now.timestamp_millis(),
            auth_age_ms: self.request.auth_age_ms.map(|age| age.saturating_add(elapsed)),
            ..self.request.clone()
        };
        self.copy(snapshot, policies, request)
    }

    /// The same, for a decision beside the statement.
    pub(crate) fn aside(&self) -> Self {
        self.copy(
            Arc::clone(&self.snapshot),
            Arc::clone(&self.policies),
            self.request.clone(),
        )
    }

    fn copy(&self, snapshot: Arc<Snapshot>, policies: Arc<PolicySet>, request: RequestContext) -> Self {
        Self {
            query: self.query.clone(),
            caller: self.caller.clone(),
            workgroup: self.workgroup.clone(),
            snapshot,
            policies,
            request,
            deadline: self.deadline,
            cancel: self.cancel.clone(),
            limits: self.limits.clone(),
            meter: Arc::clone(&self.meter),
            trace: Arc::clone(&self.trace),
            signals: self.signals.clone(),
            decisions: Arc::clone(&self.decisions),
            started: self.started,
            now: self.now,
            salt: self.salt,
            master_key: self.master_key.clone(),
            reader_depth: self.reader_depth,
            through: self.through.clone(),
        }
    }

    /// The same statement as the publisher of a filter: with the rights of another user, in the circumstances of the asker.
    /// `None` if the user is gone.
    #[must_use]
    pub fn read_as(&self, user: &ObjectId) -> Option<Self> {
        let reader = self.snapshot.user(user)?;
        let depth = self.reader_depth.checked_add(1).filter(|depth| *depth <= MAX_READERS)?;
        let mut copy = self.copy(
            Arc::clone(&self.snapshot),
            Arc::clone(&self.policies),
            self.request.clone(),
        );
        copy.caller.user = reader.id.clone();
        copy.caller.name.clone_from(&reader.name);
        copy.caller.key = None;
        copy.caller.extra_roles = Vec::new();
        // Whatever views the statement goes through, and whoever it is for: a mapping is read by itself.
        copy.request.via_view = None;
        copy.request.on_behalf_of = None;
        copy.through = Through::default();
        copy.reader_depth = depth;
        Some(copy)
    }

    /// The tenant's mask key under the snapshot of the statement.
    ///
    /// # Errors
    /// Why there is none, for the log.
    pub(crate) fn mask_key(&self) -> Result<MaskSecret, NoMaskKey> {
        mask_key::current(&self.snapshot, self.master_key.as_deref())
    }

    /// Fails if the query was cancelled or its time is over.
    ///
    /// # Errors
    /// `USER_CANCELED`, `EXCEEDED_SCAN_LIMIT` or `EXCEEDED_TIME_LIMIT`.
    pub fn check(&self) -> Result<(), QueryError> {
        if self.meter.cutoff_hit() {
            return Err(QueryError::new(
                ErrorCode::ExceededScan,
                "Query cancelled! : Bytes scanned limit was exceeded",
            ));
        }
        if self.cancel.is_cancelled() {
            return Err(QueryError::new(ErrorCode::QueryCancelled, "the query was cancelled"));
        }
        if Instant::now() >= self.deadline {
            return Err(QueryError::new(ErrorCode::ExceededTime, "the query ran out of time"));
        }
        Ok(())
    }
}

impl fmt::Debug for QueryContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryContext")
            .field("query", &self.query)
            .field("caller", &self.caller.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of many scans of one table tells its size no finer than one scan does.
    #[test]
    fn each_scan_is_shown_in_whole_megabytes() {
        let shown = |scans: &[u64]| {
            let meter = Meter::new(None, CancellationToken::new());
            meter.set_restricted();
            scans.iter().for_each(|bytes| meter.add_governed(*bytes));
            meter.usage().shown_scanned_bytes / MEGABYTE
        };
        assert_eq!(shown(&[]), 1);
        assert_eq!(shown(&[0]), 1);
        assert_eq!(shown(&[1, 1, 1]), shown(&[MEGABYTE, MEGABYTE, MEGABYTE]));
        assert_eq!(shown(&[MEGABYTE + 1]), 2);
        assert_eq!(shown(&[MEGABYTE + 1; 10]), 20);
    }
}
