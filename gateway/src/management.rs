//! What do probes and Prometheus see? A listener on a thread and runtime of its own, which answers under any load.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};

use crate::{health::Health, telemetry::Metrics};

#[derive(Clone, Debug)]
struct Seen {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

/// Opens the listener; it answers until the process ends.
///
/// # Errors
/// If the address cannot be bound.
pub fn open(address: SocketAddr, health: Arc<Health>, metrics: Arc<Metrics>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let router = router(health, metrics);
    thread::Builder::new().name("management".to_owned()).spawn(move || {
        let served =
            runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await });
        if let Err(error) = served {
            tracing::error!(%error, "the management listener ended");
        }
    })?;
    Ok(bound)
}

/// The routes of the management listener.
pub fn router(health: Arc<Health>, metrics: Arc<Metrics>) -> Router {
    Router::new()
        // sorted: start
        .route("/livez", get(livez))
        .route("/metrics", get(show_metrics))
        .route("/readyz", get(readyz))
        .route("/startupz", get(startupz))
        // sorted: end
        .with_state(Seen { health, metrics })
}

async fn livez(State(seen): State<Seen>) -> Response {
    probe(seen.health.live())
}

async fn readyz(State(seen): State<Seen>) -> Response {
    probe(seen.health.ready())
}

async fn startupz(State(seen): State<Seen>) -> Response {
    probe(seen.health.startup())
}

async fn show_metrics(State(seen): State<Seen>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        seen.metrics.text(),
    )
        .into_response()
}

fn probe(result: Result<(), String>) -> Response {
    match result {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason + "\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn fetch(router: &Router, path: &str) -> (StatusCode, String) {
        let response = router
            .clone()
            .oneshot(Request::get(path).body(Body::empty()).unwrap())
            .await
            .unwrap();
        let status = response.status();
        (
            status,
            String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap(),
        )
    }

    #[tokio::test]
    async fn probes_tell_the_three_states_apart() {
        let health = Arc::new(Health::default());
        let router = router(Arc::clone(&health), Arc::new(Metrics::new().unwrap()));
        assert_eq!(fetch(&router, "/livez").await.0, StatusCode::OK);
        assert_eq!(fetch(&router, "/startupz").await.0, StatusCode::SERVICE_UNAVAILABLE);
        health.set_started();
        health.store_reached();
        assert_eq!(fetch(&router, "/readyz").await.0, StatusCode::OK);
        health.set_draining();
        assert_eq!(
            fetch(&router, "/readyz").await,
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned())
        );
        assert_eq!(fetch(&router, "/livez").await.0, StatusCode::OK);
        assert!(fetch(&router, "/metrics").await.1.contains("lakegate_build_info"));
    }
}
