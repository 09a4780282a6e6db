//! What if a handler panics? One request fails with an internal error; the process and the other requests go on.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

/// Turns a panic into the envelope. Its text goes to the log.
pub fn refuse(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    ApiError::internal(format!("a handler panicked: {}", text.unwrap_or_default())).into_response()
}
