//! What is this request called? A fresh id for each, in the header `Lakegate-Request-Id` and in the envelope of errors.
//!
//! The id is ours: one that the client sends is not believed.

use axum::{extract::Request, middleware::Next, response::Response};
use http::HeaderValue;

use crate::error::{Envelope, json_response};

/// Header of the request's id.
pub const REQUEST_ID: &str = "lakegate-request-id";

/// Id of a request, in its extensions.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Names the request, and writes the id into the envelope if it is refused.
pub async fn name_request(mut request: Request, next: Next) -> Response {
    let id = uuid::Uuid::now_v7().to_string();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = with_id(next.run(request).await, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn with_id(mut response: Response, id: &str) -> Response {
    let Some(Envelope { mut refusal, cause }) = response.extensions_mut().remove::<Envelope>() else {
        return response;
    };
    let error = &mut refusal.error;
    if let Some(cause) = cause {
        tracing::error!(request_id = id, error.code = %error.code, query_id = error.query_id, cause, "request failed");
    }
    error.request_id = Some(id.to_owned());
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(http::header::CONTENT_LENGTH);
    let (_, body) = json_response(parts.status, &refusal).into_parts();
    Response::from_parts(parts, body)
}
