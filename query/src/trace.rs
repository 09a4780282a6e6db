//! Which span is a query in, and how do its sources join the trace? Spans by the names of operations.md §5.
//!
//! Spans are told to operators. They hold ids, names and figures, never a literal, a value, a policy or a credential.

use std::sync::Mutex;

use opentelemetry::trace::TraceContextExt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The span of a stage, with what every stage tells of its query.
macro_rules! stage {
    ($name:literal, $cx:expr $(, $($field:tt)+)?) => {
        tracing::info_span!(
            $name,
            lakegate.query.id = $cx.query.as_str(),
            lakegate.workgroup = $cx.workgroup.as_str(),
            lakegate.principal.id = $cx.caller.user.as_str(),
            $($($field)+)?
        )
    };
}
pub(crate) use stage;

/// The span in which a query's plan runs, while it does. The engine polls scans on tasks of its own, where no span is
/// current.
#[derive(Debug, Default)]
pub struct QueryTrace(Mutex<Option<Span>>);

/// While it lives, scans are told below the span.
#[derive(Debug)]
pub(crate) struct Executing<'a>(&'a QueryTrace);

impl QueryTrace {
    /// The plan runs in this span, until the answer is dropped.
    pub(crate) fn execute_in(&self, span: &Span) -> Executing<'_> {
        self.set(Some(span.clone()));
        Executing(self)
    }

    /// The span of the running plan; a disabled one when it has ended.
    pub(crate) fn execution(&self) -> Span {
        let held = self.0.lock().ok().and_then(|span| span.clone());
        held.unwrap_or_else(Span::none)
    }

    fn set(&self, span: Option<Span>) {
        if let Ok(mut held) = self.0.lock() {
            *held = span;
        }
    }
}

impl Drop for Executing<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

/// A number as spans keep it: an unsigned one would be told as text.
pub(crate) fn figure(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// W3C `traceparent` of a span; `None` where nobody traces.
pub(crate) fn traceparent(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let known = span.span_context();
    known.is_valid().then(|| {
        format!(
            "00-{}-{}-{:02x}",
            known.trace_id(),
            known.span_id(),
            known.trace_flags()
        )
    })
}
