//! How do events and figures become metrics? One method per thing that happens or is looked at.

use std::{collections::BTreeMap, time::Duration};

use lakegate_catalog::{StoreFigures, record::QueryRecord};
use lakegate_query::{
    figures::Figures,
    signal::{Asked, Signal},
};

use super::{
    ADMISSION_REJECTED, AUDIT_CHECKPOINT_AGE, AUDIT_CHECKPOINT_FAILURES, AUDIT_EVENTS, AUDIT_FAILURES, AUDIT_FAULTS,
    AUDIT_SEQUENCE, AUTH_FAILURES, BILLED, CACHE_REQUESTS, CONNECTIONS, CONNECTOR_BYTES, CONNECTOR_REQUESTS,
    CONNECTOR_SECONDS, CONNECTOR_UP, DB_POOL, DB_SECONDS, FETCH_REQUESTS, FETCHED, HTTP, KEY_AGE, MEMORY_POOL, Metrics,
    PENDING_MIGRATIONS, POLICY_DECISIONS, POLICY_ERRORS, POLICY_SECONDS, POLICY_STALENESS, POLICY_VERSION, QUERIES,
    QUERIES_KILLED, QUERIES_NOW, QUERY_SECONDS, QUEUE_SECONDS, REVOCATION_LAG, ROWS, SCANNED, SPILL, TOKIO_QUEUE,
    TOKIO_TASKS,
};

/// Why queries end against the will of their callers, by the code of their failure.
const KILLED: [(&str, &str); 5] = [
    ("EXCEEDED_MEMORY_LIMIT", "memory"),
    ("EXCEEDED_SCAN_LIMIT", "scan_limit"),
    ("EXCEEDED_TIME_LIMIT", "deadline"),
    ("POLICY_CHANGED", "policy"),
    ("SERVER_DRAINING", "drain"),
];
/// Failures after which a source counts as down: it did not answer, or not to us.
const DOWN: [&str; 4] = [
    "SOURCE_THROTTLED",
    "SOURCE_TIMEOUT",
    "SOURCE_UNAUTHENTICATED",
    "SOURCE_UNAVAILABLE",
];

impl Metrics {
    /// A request was answered.
    pub fn observe_request(&self, method: &str, route: &str, status: u16, elapsed: Duration) {
        // Methods are the client's text: only those of ours are labels.
        let method = if matches!(method, "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD") {
            method
        } else {
            "_OTHER"
        };
        self.series
            .observe(HTTP, &[method, route, &status.to_string()], elapsed);
    }

    /// A query ended.
    pub fn count_query(&self, record: &QueryRecord) {
        let workgroup = self.series.bounded("workgroup", &record.workgroup);
        let state = record.state.word();
        let error = record.failure.as_ref().map_or("", |failure| failure.code.as_str());
        let statement = record.statement.as_deref().unwrap_or("");
        self.series.count(QUERIES, &[state, statement, &workgroup, error], 1);
        if let Some((_, reason)) = KILLED.iter().find(|(code, _)| *code == error) {
            self.series.count(QUERIES_KILLED, &[reason], 1);
        }
        if error == "QUERY_QUEUE_FULL" {
            self.series.count(ADMISSION_REJECTED, &["queue_full", &workgroup], 1);
        }
        let since = |moment: chrono::DateTime<chrono::Utc>| (moment - record.submitted_at).to_std().unwrap_or_default();
        if let Some(ended) = record.ended_at {
            self.series.observe(QUERY_SECONDS, &[state, &workgroup], since(ended));
        }
        if let Some(started) = record.started_at {
            self.series.observe(QUEUE_SECONDS, &[&workgroup], since(started));
        }
        let usage = &record.usage;
        for (counter, figure) in [
            (SCANNED, usage.scanned_bytes),
            (FETCHED, usage.fetched_bytes),
            (FETCH_REQUESTS, usage.requests),
            (CONNECTOR_BYTES, usage.connector_bytes),
            (BILLED, usage.billed_bytes),
            (ROWS, usage.rows),
        ] {
            self.series.count(counter, &[&workgroup], figure);
        }
    }

    /// Something happened in a query.
    pub fn note(&self, signal: &Signal<'_>) {
        match *signal {
            Signal::AuditFailed => self.count_audit_failure(),
            Signal::Asked(asked) => self.count_asked(&asked),
            Signal::Decided { allowed, denied, took } => {
                self.series.count(POLICY_DECISIONS, &["allow"], allowed as u64);
                self.series.count(POLICY_DECISIONS, &["deny"], denied as u64);
                self.series.observe(POLICY_SECONDS, &[], took);
            }
            Signal::PolicyFailed => self.series.count(POLICY_ERRORS, &[], 1),
            Signal::Revoked { after } => self.series.observe(REVOCATION_LAG, &[], after),
        }
    }

    fn count_asked(&self, asked: &Asked<'_>) {
        let catalog = self.series.bounded("catalog", asked.catalog);
        self.series.count(CONNECTOR_REQUESTS, &[&catalog, asked.outcome], 1);
        self.series.observe(CONNECTOR_SECONDS, &[&catalog], asked.took);
        let up = if DOWN.contains(&asked.outcome) { 0.0 } else { 1.0 };
        self.series.set(CONNECTOR_UP, &[&catalog], up);
        let error = if asked.outcome == "ok" { "" } else { asked.outcome };
        let labels = [asked.system, asked.operation, error];
        self.series.observe(DB_SECONDS, &labels, asked.took);
    }

    /// A statement was refused because the server is stopping.
    pub fn count_drained(&self) {
        self.series.count(ADMISSION_REJECTED, &["drain", ""], 1);
    }

    /// A credential was refused.
    pub fn count_auth_failure(&self, method: &str, reason: &str) {
        self.series.count(AUTH_FAILURES, &[method, reason], 1);
    }

    /// An audit event could not be stored.
    pub fn count_audit_failure(&self) {
        self.series.count(AUDIT_FAILURES, &[], 1);
    }

    /// The audit trail could not be signed, or what was signed not copied.
    pub fn count_checkpoint_failure(&self) {
        self.series.count(AUDIT_CHECKPOINT_FAILURES, &[], 1);
    }

    /// Time since the audit trail was signed last.
    pub fn set_checkpoint_age(&self, age: Duration) {
        self.series.set(AUDIT_CHECKPOINT_AGE, &[], age.as_secs_f64());
    }

    /// Chains that did not hold when they were signed last.
    pub fn set_audit_faults(&self, faults: usize) {
        self.series.set(AUDIT_FAULTS, &[], float(faults));
    }

    /// Connections open at a door now.
    pub fn set_connections(&self, door: &str, open: usize) {
        self.series.set(CONNECTIONS, &[door], float(open));
    }

    /// Age of the key set of an issuer.
    pub fn set_key_age(&self, issuer: &str, seconds: u64) {
        self.series
            .set(KEY_AGE, &[issuer], Duration::from_secs(seconds).as_secs_f64());
    }

    /// Migrations that the store lacks.
    pub fn set_pending_migrations(&self, pending: usize) {
        self.series.set(PENDING_MIGRATIONS, &[], float(pending));
    }

    /// The engine as it is now.
    pub fn set_figures(&self, figures: &Figures) {
        let mut queries: BTreeMap<(&str, String), usize> = BTreeMap::new();
        for ((state, workgroup), count) in &figures.queries {
            let workgroup = self.series.bounded("workgroup", workgroup);
            *queries.entry((state.word(), workgroup)).or_default() += count;
        }
        self.series.clear(QUERIES_NOW);
        for ((state, workgroup), count) in queries {
            self.series.set(QUERIES_NOW, &[state, &workgroup], float(count));
        }
        self.series
            .set(MEMORY_POOL, &["reserved"], float(figures.memory_reserved));
        self.series.set(MEMORY_POOL, &["limit"], float(figures.memory_limit));
        self.series.set(SPILL, &[], long(figures.spilled));
        if let Some(version) = figures.policy_version {
            self.series.set(POLICY_VERSION, &[], long(version.unsigned_abs()));
        }
        for (cache, counts) in figures.caches {
            self.advance_cache(cache, counts);
        }
        self.series.set(TOKIO_TASKS, &["engine"], float(figures.tasks));
        self.series.set(TOKIO_QUEUE, &["engine"], float(figures.queued_tasks));
        let own = tokio::runtime::Handle::current().metrics();
        self.series.set(TOKIO_TASKS, &["doors"], float(own.num_alive_tasks()));
        self.series
            .set(TOKIO_QUEUE, &["doors"], float(own.global_queue_depth()));
    }

    /// The store as it is now.
    pub fn set_store(&self, figures: &StoreFigures) {
        for (kind, total) in &figures.audit_events {
            self.series.advance(AUDIT_EVENTS, &[kind], *total);
        }
        self.series.set(AUDIT_SEQUENCE, &[], long(figures.audit_sequence));
        self.series.set(POLICY_STALENESS, &[], figures.staleness.as_secs_f64());
        self.series.set(DB_POOL, &["idle"], float(figures.idle_connections));
        self.series.set(DB_POOL, &["used"], float(figures.used_connections));
        self.advance_cache("snapshot", figures.snapshots);
    }

    fn advance_cache(&self, cache: &str, (hits, misses): (u64, u64)) {
        self.series.advance(CACHE_REQUESTS, &[cache, "hit"], hits);
        self.series.advance(CACHE_REQUESTS, &[cache, "miss"], misses);
    }
}

fn float(number: usize) -> f64 {
    long(number as u64)
}

/// Exact below 2^53, and good enough above.
#[expect(clippy::cast_precision_loss, reason = "a figure for a graph")]
fn long(number: u64) -> f64 {
    number as f64
}
