//! Who was served how fast? One log line and one observation per request, by route and never by path.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};

use crate::app::AppState;

/// Logs and measures. The time is that until the headers of the answer.
pub async fn observe(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str)
        .to_owned();
    let response = next.run(request).await;
    let (elapsed, status) = (start.elapsed(), response.status().as_u16());
    app.metrics.observe_request(method.as_str(), &route, status, elapsed);
    let query_id = response
        .headers()
        .get("lakegate-query-id")
        .and_then(|value| value.to_str().ok());
    let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: "lakegate::access", %method, route, status, duration_ms, query_id, "request");
    response
}
