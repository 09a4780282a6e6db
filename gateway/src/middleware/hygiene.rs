//! Is the request unambiguous? What two parties could read in two ways is refused.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};

use crate::error::ApiError;

/// Refuses doubled headers that decide something, and forbids caches to keep what is answered.
pub async fn refuse_ambiguous(request: Request, next: Next) -> Response {
    if let Some(name) = doubled(request.headers()) {
        return ApiError::invalid(format!("the header `{name}` stands twice")).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn doubled(headers: &HeaderMap) -> Option<&'static str> {
    // `Authorization` is judged by `auth`: twice is no credential.
    let single = [
        "host",
        "content-length",
        "content-type",
        "idempotency-key",
        "if-match",
        "lakegate-purpose",
    ];
    single
        .into_iter()
        .find(|name| headers.get_all(*name).iter().count() > 1)
}
