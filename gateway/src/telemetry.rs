//! What is measured? Every metric is declared here, once; `tests/golden/metrics.txt` holds their names.
//!
//! No user, table or query id is a label, and at most 200 workgroups are; the rest is `other`.

// sorted: start
mod json_lines;
pub mod logs;
mod process;
pub mod spans;
// sorted: end

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use lakegate_catalog::record::QueryRecord;
use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder, core::Collector,
};

const MAX_WORKGROUPS: usize = 200;
const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
];

/// A metric as it is declared.
#[derive(Clone, Copy, Debug)]
struct Declared {
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
}

const fn metric(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Declared {
    Declared { name, labels, help }
}

const AUDIT_EVENTS: Declared = metric(
    "lakegate_audit_events_total",
    &["kind"],
    "Audit events stored by the front door.",
);
const AUDIT_FAILURES: Declared = metric(
    "lakegate_audit_write_failures_total",
    &[],
    "Audit events that could not be stored.",
);
const AUTH_FAILURES: Declared = metric(
    "lakegate_auth_failures_total",
    &["method", "reason"],
    "Refused credentials.",
);
const BILLED: Declared = metric(
    "lakegate_billed_bytes_total",
    &["workgroup"],
    "Bytes billed for ended queries.",
);
const BUILD: Declared = metric("lakegate_build_info", &["version"], "1 for the version that runs.");
const CONNECTIONS: Declared = metric("lakegate_open_connections", &["door"], "Open connections.");
const CONNECTOR: Declared = metric(
    "lakegate_connector_bytes_total",
    &["workgroup"],
    "Bytes that connectors returned.",
);
const CPU: Declared = metric("process_cpu_seconds_total", &[], "User and system CPU time.");
const FETCHED: Declared = metric(
    "lakegate_fetched_bytes_total",
    &["workgroup"],
    "Bytes fetched from object stores.",
);
const HTTP: Declared = metric(
    "http_server_request_duration_seconds",
    &["http_request_method", "http_route", "http_response_status_code"],
    "Time from the headers of a request to the headers of its answer.",
);
const KEY_AGE: Declared = metric(
    "lakegate_jwks_age_seconds",
    &["issuer"],
    "Age of the key set of an identity provider.",
);
const MEMORY: Declared = metric("process_resident_memory_bytes", &[], "Resident memory.");
const QUERIES: Declared = metric(
    "lakegate_queries_total",
    &["state", "statement", "workgroup", "error_code"],
    "Queries that ended.",
);
const QUERY_SECONDS: Declared = metric(
    "lakegate_query_duration_seconds",
    &["state", "workgroup"],
    "Time from submission to the final state.",
);
const QUEUE_SECONDS: Declared = metric(
    "lakegate_query_queue_seconds",
    &["workgroup"],
    "Time from submission to start.",
);
const ROWS: Declared = metric(
    "lakegate_rows_returned_total",
    &["workgroup"],
    "Rows returned by ended queries.",
);
const RUNNING: Declared = metric(
    "lakegate_running_queries",
    &[],
    "Queries of this process that have not ended.",
);
const SCANNED: Declared = metric(
    "lakegate_scanned_bytes_total",
    &["workgroup"],
    "Stored bytes that plans asked for.",
);
const START_TIME: Declared = metric(
    "process_start_time_seconds",
    &[],
    "Start of the process, in seconds since 1970.",
);

/// All metrics of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    audit_events: IntCounterVec,
    audit_failures: IntCounterVec,
    auth_failures: IntCounterVec,
    billed: IntCounterVec,
    connector: IntCounterVec,
    fetched: IntCounterVec,
    http: HistogramVec,
    key_age: GaugeVec,
    connections: GaugeVec,
    process: process::Process,
    queries: IntCounterVec,
    query_seconds: HistogramVec,
    queue_seconds: HistogramVec,
    rows: IntCounterVec,
    running: GaugeVec,
    scanned: IntCounterVec,
    workgroups: Mutex<BTreeSet<String>>,
}

impl Metrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// If two metrics have one name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let made = Self {
            audit_events: counter(&registry, AUDIT_EVENTS)?,
            audit_failures: counter(&registry, AUDIT_FAILURES)?,
            auth_failures: counter(&registry, AUTH_FAILURES)?,
            billed: counter(&registry, BILLED)?,
            connections: gauge(&registry, CONNECTIONS)?,
            connector: counter(&registry, CONNECTOR)?,
            fetched: counter(&registry, FETCHED)?,
            http: histogram(&registry, HTTP)?,
            key_age: gauge(&registry, KEY_AGE)?,
            process: process::Process {
                cpu: gauge(&registry, CPU)?,
                memory: gauge(&registry, MEMORY)?,
                start: gauge(&registry, START_TIME)?,
            },
            queries: counter(&registry, QUERIES)?,
            query_seconds: histogram(&registry, QUERY_SECONDS)?,
            queue_seconds: histogram(&registry, QUEUE_SECONDS)?,
            rows: counter(&registry, ROWS)?,
            running: gauge(&registry, RUNNING)?,
            scanned: counter(&registry, SCANNED)?,
            workgroups: Mutex::default(),
            registry,
        };
        gauge(&made.registry, BUILD)?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1.0);
        made.audit_failures.with_label_values::<&str>(&[]).inc_by(0);
        Ok(made)
    }

    /// A request was answered.
    pub fn observe_request(&self, method: &str, route: &str, status: u16, elapsed: Duration) {
        // Methods are the client's text: only those of ours are labels.
        let method = if matches!(method, "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD") {
            method
        } else {
            "_OTHER"
        };
        self.http
            .with_label_values(&[method, route, &status.to_string()])
            .observe(elapsed.as_secs_f64());
    }

    /// A query ended.
    pub fn count_query(&self, record: &QueryRecord) {
        let workgroup = self.workgroup(&record.workgroup);
        let state = record.state.word();
        let error = record.failure.as_ref().map_or("", |failure| failure.code.as_str());
        self.queries
            .with_label_values(&[state, record.statement.as_deref().unwrap_or(""), &workgroup, error])
            .inc();
        if let Some(ended) = record.ended_at {
            let seconds = (ended - record.submitted_at).as_seconds_f64();
            self.query_seconds
                .with_label_values(&[state, &workgroup])
                .observe(seconds);
        }
        if let Some(started) = record.started_at {
            let seconds = (started - record.submitted_at).as_seconds_f64();
            self.queue_seconds.with_label_values(&[&workgroup]).observe(seconds);
        }
        let usage = &record.usage;
        for (counter, figure) in [
            (&self.scanned, usage.scanned_bytes),
            (&self.fetched, usage.fetched_bytes),
            (&self.connector, usage.connector_bytes),
            (&self.billed, usage.billed_bytes),
            (&self.rows, usage.rows),
        ] {
            counter.with_label_values(&[&workgroup]).inc_by(figure);
        }
    }

    /// A credential was refused.
    pub fn count_auth_failure(&self, method: &str, reason: &str) {
        self.auth_failures.with_label_values(&[method, reason]).inc();
    }

    /// An audit event was stored.
    pub fn count_audit(&self, kind: &str) {
        self.audit_events.with_label_values(&[kind]).inc();
    }

    /// An audit event could not be stored.
    pub fn count_audit_failure(&self) {
        self.audit_failures.with_label_values::<&str>(&[]).inc();
    }

    /// Connections open at a door now.
    pub fn set_connections(&self, door: &str, open: usize) {
        self.connections.with_label_values(&[door]).set(float(open));
    }

    /// Queries of this process that have not ended.
    pub fn set_running(&self, running: usize) {
        self.running.with_label_values::<&str>(&[]).set(float(running));
    }

    /// Age of the key set of an issuer.
    pub fn set_key_age(&self, issuer: &str, seconds: u64) {
        self.key_age
            .with_label_values(&[issuer])
            .set(Duration::from_secs(seconds).as_secs_f64());
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        self.process.observe();
        let mut text = Vec::new();
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    fn workgroup(&self, name: &str) -> String {
        let Ok(mut known) = self.workgroups.lock() else {
            return "other".to_owned();
        };
        if known.contains(name) || known.len() < MAX_WORKGROUPS {
            known.insert(name.to_owned());
            return name.to_owned();
        }
        "other".to_owned()
    }
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> prometheus::Result<C> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn counter(registry: &Registry, declared: Declared) -> prometheus::Result<IntCounterVec> {
    register(
        registry,
        IntCounterVec::new(Opts::new(declared.name, declared.help), declared.labels)?,
    )
}

fn gauge(registry: &Registry, declared: Declared) -> prometheus::Result<GaugeVec> {
    register(
        registry,
        GaugeVec::new(Opts::new(declared.name, declared.help), declared.labels)?,
    )
}

fn histogram(registry: &Registry, declared: Declared) -> prometheus::Result<HistogramVec> {
    let options = HistogramOpts::new(declared.name, declared.help).buckets(SECONDS.to_vec());
    register(registry, HistogramVec::new(options, declared.labels)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    /// Names, kinds and labels are an interface: alerts and dashboards are written against them.
    #[test]
    fn golden_metrics() {
        let histograms = [HTTP, QUERY_SECONDS, QUEUE_SECONDS];
        let declared = [
            AUDIT_EVENTS,
            AUDIT_FAILURES,
            AUTH_FAILURES,
            BILLED,
            BUILD,
            CONNECTIONS,
            CONNECTOR,
            CPU,
            FETCHED,
            HTTP,
            KEY_AGE,
            MEMORY,
            QUERIES,
            QUERY_SECONDS,
            QUEUE_SECONDS,
            ROWS,
            RUNNING,
            SCANNED,
            START_TIME,
        ];
        let mut lines: Vec<String> = declared
            .iter()
            .map(|metric| {
                let histogram = histograms.iter().any(|other| other.name == metric.name);
                let counter = metric.name.ends_with("_total") && !metric.name.starts_with("process_");
                let kind = if histogram {
                    "histogram"
                } else if counter {
                    "counter"
                } else {
                    "gauge"
                };
                format!("{kind} {}{{{}}}\n", metric.name, metric.labels.join(","))
            })
            .collect();
        lines.sort();
        golden::check("gateway/tests/golden/metrics.txt", &lines.concat());
        Metrics::new().unwrap();
    }

    #[test]
    fn workgroups_are_bounded() {
        let metrics = Metrics::new().unwrap();
        for number in 0..MAX_WORKGROUPS {
            metrics.workgroup(&number.to_string());
        }
        assert_eq!(metrics.workgroup("one too many"), "other");
        assert_eq!(metrics.workgroup("7"), "7");
    }
}
