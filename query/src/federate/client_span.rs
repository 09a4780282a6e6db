//! What do operators see of one question to a source? A CLIENT span, by OpenTelemetry's conventions for databases.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use datafusion::arrow::array::RecordBatch;
use lakegate_connectors::{call::TraceParent, error::ConnectorError, remote_statement::RemoteStatement};
use tracing::{Span, field::Empty, info_span};

use super::ipc_bytes;
use crate::{
    context::QueryContext,
    signal::{Asked, Signal, Signals},
    trace::{figure, traceparent},
};

/// Which source is asked, by the names of the catalog.
#[derive(Clone, Debug)]
pub struct Place {
    pub catalog: String,
    pub connection: String,
}

/// The span of one question, with its figures; they are told when it is dropped, to the metrics as well.
#[derive(Debug)]
pub(crate) struct ClientSpan {
    span: Span,
    signals: Signals,
    catalog: String,
    system: &'static str,
    operation: &'static str,
    started: Instant,
    /// Code of the first failure.
    failure: OnceLock<&'static str>,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl ClientSpan {
    /// The reading of one split begins, below the span of the running plan; what is read after its end is not told.
    pub(crate) fn read(cx: &QueryContext, place: &Place, statement: &RemoteStatement) -> Self {
        let told = Self::of(&cx.signals, place, statement.system, statement.operation);
        let parent = cx.trace.execution();
        if parent.is_disabled() {
            return told;
        }
        let (address, port) = statement.server.clone().unzip();
        let summary = statement.summary();
        let span = info_span!(
            parent: &parent,
            "client",
            otel.name = summary,
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            db.system.name = statement.system,
            db.namespace = statement.namespace,
            db.collection.name = statement.collection,
            db.operation.name = statement.operation,
            db.query.summary = summary,
            db.query.text = statement.text,
            db.response.status_code = Empty,
            db.response.returned_rows = Empty,
            error.type = Empty,
            server.address = address,
            server.port = port.map(i64::from),
            lakegate.query.id = cx.query.as_str(),
            lakegate.connection = place.connection,
            lakegate.pushdown = statement.pushdown,
            lakegate.scanned_bytes = Empty,
        );
        told.within(span)
    }

    /// A source is asked what it holds, below the current span.
    pub(crate) fn describe(signals: &Signals, system: &'static str, place: &Place) -> Self {
        let span = info_span!(
            "client",
            otel.name = "DESCRIBE",
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            db.system.name = system,
            db.operation.name = "DESCRIBE",
            db.query.summary = "DESCRIBE",
            db.response.status_code = Empty,
            error.type = Empty,
            lakegate.connection = place.connection,
        );
        Self::of(signals, place, system, "DESCRIBE").within(span)
    }

    fn within(mut self, span: Span) -> Self {
        self.span = span;
        self
    }

    fn of(signals: &Signals, place: &Place, system: &'static str, operation: &'static str) -> Self {
        Self {
            span: Span::none(),
            signals: signals.clone(),
            catalog: place.catalog.clone(),
            system,
            operation,
            started: Instant::now(),
            failure: OnceLock::new(),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// For the source.
    pub(crate) fn trace_parent(&self) -> TraceParent {
        TraceParent(traceparent(&self.span).map(Into::into))
    }

    pub(crate) fn add_rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Relaxed);
    }

    /// Stored bytes of files, Arrow bytes of other sources.
    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// A batch, or the failure.
    pub(crate) fn delivered(&self, batch: &Result<RecordBatch, ConnectorError>) {
        match batch {
            Ok(batch) => {
                self.add_rows(batch.num_rows() as u64);
                self.add_bytes(ipc_bytes::of(batch));
            }
            Err(error) => self.failed(error),
        }
    }

    /// Our words and codes only: the source's own text may quote values.
    pub(crate) fn failed(&self, error: &ConnectorError) {
        if self.failure.set(error.code()).is_err() {
            return;
        }
        self.span.record("otel.status_code", "ERROR");
        self.span.record("otel.status_description", error.to_string());
        self.span.record("error.type", error.code());
        if let Some(status) = error.status() {
            self.span.record("db.response.status_code", status);
        }
    }
}

impl Drop for ClientSpan {
    fn drop(&mut self) {
        self.span
            .record("db.response.returned_rows", figure(self.rows.load(Relaxed)));
        self.span
            .record("lakegate.scanned_bytes", figure(self.bytes.load(Relaxed)));
        self.signals.tell(&Signal::Asked(Asked {
            catalog: &self.catalog,
            system: self.system,
            operation: self.operation,
            outcome: self.failure.get().copied().unwrap_or("ok"),
            took: self.started.elapsed(),
        }));
    }
}
