//! What is measured? Every metric is declared here, once; `tests/golden/metrics.txt` holds their names, kinds and labels.
//!
//! No user, table or query id is a label, and at most 200 workgroups are; the rest is `other`.

// sorted: start
mod json_lines;
pub mod logs;
mod observe;
mod process;
mod series;
pub mod spans;
// sorted: end

use series::{Declared, Kind, Series};

/// Declares metrics: kind, constant, name, labels, help.
macro_rules! metrics {
    ($($kind:ident $constant:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(const $constant: Declared = Declared {
            kind: Kind::$kind,
            name: $name,
            labels: &[$($label),*],
            help: $help,
        };)*
        const ALL: &[Declared] = &[$($constant),*];
    };
}

metrics! {
    Counter ADMISSION_REJECTED "lakegate_admission_rejected_total" ["reason", "workgroup"]
        "Statements that were not let in.";
    Gauge AUDIT_CHECKPOINT_AGE "lakegate_audit_checkpoint_age_seconds" []
        "Time since the audit trail of the store was signed last, by any server.";
    Counter AUDIT_CHECKPOINT_FAILURES "lakegate_audit_checkpoint_failures_total" []
        "Times that the audit trail could not be signed, or what was signed not copied.";
    Counter AUDIT_EVENTS "lakegate_audit_events_total" ["kind"]
        "Audit events stored by this process.";
    Counter AUDIT_FAILURES "lakegate_audit_write_failures_total" []
        "Audit events that could not be stored.";
    Gauge AUDIT_FAULTS "lakegate_audit_faults" []
        "Chains of the audit trail that did not hold when it was signed last.";
    Gauge AUDIT_SEQUENCE "lakegate_audit_sequence" []
        "Number of the last event in the audit chain of this process.";
    Counter AUTH_FAILURES "lakegate_auth_failures_total" ["method", "reason"]
        "Refused credentials.";
    Counter BILLED "lakegate_billed_bytes_total" ["workgroup"]
        "Bytes billed for ended queries.";
    Gauge BUILD "lakegate_build_info" ["version"]
        "1 for the version that runs.";
    Counter CACHE_REQUESTS "lakegate_cache_requests_total" ["cache", "outcome"]
        "Look-ups in caches.";
    Gauge CONNECTIONS "lakegate_open_connections" ["door"]
        "Open connections.";
    Counter CONNECTOR_BYTES "lakegate_connector_bytes_total" ["workgroup"]
        "Bytes that connectors returned.";
    Counter CONNECTOR_REQUESTS "lakegate_connector_requests_total" ["catalog", "outcome"]
        "Statements and splits at sources, by `ok` or the code of their failure.";
    Histogram CONNECTOR_SECONDS "lakegate_connector_seconds" ["catalog"]
        "Time that a statement or split took at its source, with the time that its reader let it wait.";
    Gauge CONNECTOR_UP "lakegate_connector_up" ["catalog"]
        "Whether the source answered when it was asked last.";
    Gauge CPU "process_cpu_seconds_total" []
        "User and system CPU time.";
    Gauge DB_POOL "lakegate_db_pool_connections" ["state"]
        "Connections to the metadata store.";
    Histogram DB_SECONDS "db_client_operation_duration_seconds" ["db_system_name", "db_operation_name", "error_type"]
        "Time that operations at sources took.";
    Counter FETCHED "lakegate_fetched_bytes_total" ["workgroup"]
        "Bytes fetched from object stores.";
    Counter FETCH_REQUESTS "lakegate_fetch_requests_total" ["workgroup"]
        "Requests to object stores.";
    Histogram HTTP "http_server_request_duration_seconds"
        ["http_request_method", "http_route", "http_response_status_code"]
        "Time from the headers of a request to the headers of its answer.";
    Gauge KEY_AGE "lakegate_jwks_age_seconds" ["issuer"]
        "Age of the key set of an identity provider.";
    Gauge MEMORY "process_resident_memory_bytes" []
        "Resident memory.";
    Gauge MEMORY_POOL "lakegate_memory_pool_bytes" ["kind"]
        "Memory that queries have reserved, and may reserve.";
    Gauge PENDING_MIGRATIONS "lakegate_pending_migrations" []
        "Migrations of the metadata store that this version needs and that are not applied.";
    Counter POLICY_DECISIONS "lakegate_policy_decisions_total" ["verdict"]
        "Decisions about tables and other objects.";
    Counter POLICY_ERRORS "lakegate_policy_errors_total" []
        "Policies that could not be evaluated.";
    Histogram POLICY_SECONDS "lakegate_policy_decision_seconds" []
        "Time of a decision, or of several that were made together.";
    Gauge POLICY_STALENESS "lakegate_policy_staleness_seconds" []
        "Time since the store said which version of catalog and policies is the newest.";
    Gauge POLICY_VERSION "lakegate_policy_version" []
        "Newest version of catalog and policies that was decided under.";
    Counter QUERIES "lakegate_queries_total" ["state", "statement", "workgroup", "error_code"]
        "Queries that ended.";
    Counter QUERIES_KILLED "lakegate_queries_killed_total" ["reason"]
        "Queries that were ended against the will of their callers.";
    Gauge QUERIES_NOW "lakegate_queries" ["state", "workgroup"]
        "Queries of this process that have not ended.";
    Histogram QUERY_SECONDS "lakegate_query_duration_seconds" ["state", "workgroup"]
        "Time from submission to the final state.";
    Histogram QUEUE_SECONDS "lakegate_query_queue_seconds" ["workgroup"]
        "Time from submission to start.";
    Histogram REVOCATION_LAG "lakegate_revocation_lag_seconds" []
        "Time from a change of permissions to the end of a statement that relied on them.";
    Counter ROWS "lakegate_rows_returned_total" ["workgroup"]
        "Rows returned by ended queries.";
    Counter SCANNED "lakegate_scanned_bytes_total" ["workgroup"]
        "Stored bytes that plans asked for.";
    Gauge SPILL "lakegate_spill_bytes" []
        "Bytes of spill files.";
    Gauge START_TIME "process_start_time_seconds" []
        "Start of the process, in seconds since 1970.";
    Gauge TOKIO_QUEUE "tokio_global_queue_depth" ["runtime"]
        "Tasks that wait for a thread.";
    Gauge TOKIO_TASKS "tokio_alive_tasks" ["runtime"]
        "Tasks that have not ended.";
}

/// All metrics of this process.
#[derive(Debug)]
pub struct Metrics {
    series: Series,
}

impl Metrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// If two metrics have one name.
    pub fn new() -> prometheus::Result<Self> {
        let series = Series::new(ALL)?;
        series.set(BUILD, &[env!("CARGO_PKG_VERSION")], 1.0);
        // There from the start: an alert on an increase misses what appears with its first value.
        for counter in [AUDIT_CHECKPOINT_FAILURES, AUDIT_FAILURES, POLICY_ERRORS] {
            series.count(counter, &[], 0);
        }
        Ok(Self { series })
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        if let Some(used) = process::used() {
            self.series.set(CPU, &[], used.cpu);
            self.series.set(MEMORY, &[], used.memory);
            self.series.set(START_TIME, &[], used.start);
        }
        self.series.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    /// Names, kinds and labels are an interface: alerts and dashboards are written against them.
    #[test]
    fn golden_metrics() {
        let mut lines: Vec<String> = ALL.iter().map(|metric| format!("{metric}\n")).collect();
        lines.sort();
        golden::check("gateway/tests/golden/metrics.txt", &lines.concat());
        Metrics::new().unwrap();
    }
}
