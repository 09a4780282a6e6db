//! Is the request unambiguous? What two parties could read in two ways is refused.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};

use crate::{error::ApiError, from_wire::query::ON_BEHALF_OF};

/// Refuses doubled headers that decide something, and forbids caches to keep what is answered.
pub async fn refuse_ambiguous(request: Request, next: Next) -> Response {
    if let Some(name) = doubled(request.headers()) {
        return ApiError::invalid(format!("the header `{name}` stands twice")).into_response();
    }
    if request.headers().contains_key(ON_BEHALF_OF) && !is_about_queries(request.uri().path()) {
        let message = "the header `Lakegate-On-Behalf-Of` is for queries: elsewhere everybody acts for themselves";
        return ApiError::invalid(message).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Queries are decided for both; a header that was ignored elsewhere would show more than its sender meant.
fn is_about_queries(path: &str) -> bool {
    path == "/v1/sql" || path == "/v1/queries" || path.starts_with("/v1/queries/")
}

fn doubled(headers: &HeaderMap) -> Option<&'static str> {
    // `Authorization` is judged by `auth`: twice is no credential.
    let single = [
        "host",
        "content-length",
        "content-type",
        "idempotency-key",
        "if-match",
        "lakegate-on-behalf-of",
        "lakegate-purpose",
    ];
    single
        .into_iter()
        .find(|name| headers.get_all(*name).iter().count() > 1)
}
