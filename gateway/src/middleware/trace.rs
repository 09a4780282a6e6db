//! To which trace does this request belong? W3C `traceparent` in and out, and one SERVER span.

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Instrument, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::request_id::RequestId;
use crate::error::Envelope;

const TRACEPARENT: &str = "traceparent";

/// Trace id of a request (32 hex digits), in its extensions.
#[derive(Clone, Debug)]
pub struct TraceId(pub String);

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

/// Opens the span, hands the trace id on, and tells the client which trace it was.
pub async fn open_span(mut request: Request, next: Next) -> Response {
    let parent = TraceContextPropagator::new().extract(&Headers(request.headers()));
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str)
        .to_owned();
    let id = request
        .extensions()
        .get::<RequestId>()
        .map(|id| id.0.clone())
        .unwrap_or_default();
    let span = tracing::info_span!(
        "http.server",
        otel.name = format!("{} {route}", request.method()),
        otel.kind = "server",
        http.request.method = %request.method(),
        http.route = route,
        http.response.status_code = Empty,
        error.type = Empty,
        otel.status_code = Empty,
        url.scheme = "http",
        lakegate.request.id = id,
        lakegate.principal.id = Empty,
        lakegate.query.id = Empty,
        trace_id = Empty,
    );
    let incoming = parent.span().span_context().clone();
    // Fails where nobody traces: then there is nobody to tell.
    let _ = span.set_parent(parent);
    let own = span.context().span().span_context().clone();
    let context = if own.is_valid() { own } else { incoming };
    let trace = if context.is_valid() {
        context.trace_id().to_string()
    } else {
        uuid::Uuid::now_v7().simple().to_string()
    };
    let parent_id = if context.is_valid() {
        context.span_id().to_string()
    } else {
        trace.chars().take(16).collect()
    };
    span.record("trace_id", &trace);
    request.extensions_mut().insert(TraceId(trace.clone()));
    let mut response = next.run(request).instrument(span.clone()).await;
    note_status(&span, response.status());
    if let Some(query) = query_of(&response) {
        span.record("lakegate.query.id", query);
    }
    let flags = if context.is_sampled() { "01" } else { "00" };
    if let Ok(value) = HeaderValue::from_str(&format!("00-{trace}-{parent_id}-{flags}")) {
        response.headers_mut().insert(TRACEPARENT, value);
    }
    response
}

/// Only what the server failed at is an error of a SERVER span.
fn note_status(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", status.as_str());
    }
}

/// The query that an answer, or a refusal, is about.
fn query_of(response: &Response) -> Option<&str> {
    let header = response.headers().get("lakegate-query-id");
    let refused = response.extensions().get::<Envelope>();
    header
        .and_then(|value| value.to_str().ok())
        .or_else(|| refused?.refusal.error.query_id.as_deref())
}
