//! Who asks? Nothing behind this runs without a proven caller; every refusal is audited and looks the same.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use lakegate_query::error::ErrorCode;

use super::{forwarded, request_id::RequestId, trace::TraceId};
use crate::{
    app::AppState,
    auth::{self, Failure, Origin},
    error::ApiError,
};

/// Puts the caller into the request's extensions, or refuses.
pub async fn require_caller(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    let origin = match origin(&app, &request) {
        Ok(origin) => origin,
        Err(refusal) => return refusal.into_response(),
    };
    match app.auth.authenticate(request.headers(), &origin).await {
        Ok(caller) => {
            // The span of the request, see `trace`.
            tracing::Span::current().record("lakegate.principal.id", caller.user.as_str());
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failure) => refuse(&app, failure, &origin).await.into_response(),
    }
}

async fn refuse(app: &AppState, failure: Failure, origin: &Origin) -> ApiError {
    let (method, reason) = match failure {
        Failure::Refused { method, reason } => (method, reason),
        Failure::Store(error) => return ApiError::from(error),
    };
    app.metrics.count_auth_failure(method, reason.word());
    match app
        .store
        .append_audit(&[auth::refusal_event(method, reason, origin)])
        .await
    {
        Ok(()) => ApiError::unauthenticated(),
        Err(error) => {
            app.metrics.count_audit_failure();
            tracing::error!(error = %crate::error::chain(&error), "a refused credential could not be audited");
            ApiError::new(
                ErrorCode::AuditUnavailable,
                "nothing is answered that cannot be audited",
            )
        }
    }
}

/// The address is the connection's, or the one that a trusted proxy saw.
fn origin(app: &AppState, request: &Request) -> Result<Origin, ApiError> {
    let extensions = request.extensions();
    let address = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
    Ok(Origin {
        ip: forwarded::client(address, request.headers(), &app.config.http.trusted_proxies)?,
        request_id: extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        trace_id: extensions.get::<TraceId>().map(|id| id.0.clone()),
    })
}
