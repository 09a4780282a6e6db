//! Is the server leaving? New work on open connections is refused, and connections are closed after their answer.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, header};
use lakegate_query::error::ErrorCode;

use crate::{app::AppState, error::ApiError};

/// Refuses what would start something while the doors close. Reading, and cancelling, still works.
pub async fn refuse_new_work(State(app): State<AppState>, request: Request, next: Next) -> Response {
    if !app.health.is_closing() {
        return next.run(request).await;
    }
    let starts = request.method() == Method::POST && !request.uri().path().ends_with("/cancel");
    let mut response = if starts {
        app.metrics.count_drained();
        ApiError::new(ErrorCode::ServerDraining, "this server is stopping").into_response()
    } else {
        next.run(request).await
    };
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
