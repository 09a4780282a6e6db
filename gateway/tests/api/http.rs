//! Is every refusal in the one envelope, and does it name what is wrong?

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::json;

use crate::server::{ANA, Server};

#[tokio::test]
async fn refusals_by_http_have_the_envelope() {
    let server = Server::start().await;
    let none: &[(&str, &str)] = &[];
    for (method, path, headers, body, status, word) in [
        (Method::GET, "/v1/nothing", none, "", 404, "path"),
        (Method::GET, "/", none, "", 404, "path"),
        (Method::DELETE, "/v1/sql", none, "", 405, "method"),
        (
            Method::POST,
            "/v1/sql",
            &[("accept", "text/html")],
            r#"{"sql":"select 1"}"#,
            406,
            "Accept",
        ),
        (Method::POST, "/v1/queries", none, "{", 400, "JSON"),
        (Method::POST, "/v1/queries", none, "{}", 400, "sql"),
        (
            Method::POST,
            "/v1/queries",
            none,
            r#"{"sql":"select 1","sqll":1}"#,
            400,
            "sqll",
        ),
        (
            Method::POST,
            "/v1/queries",
            none,
            r#"{"sql":"select 1","limits":{"rows":-1}}"#,
            400,
            "limits.rows",
        ),
        (
            Method::POST,
            "/v1/queries",
            &[("idempotency-key", "")],
            r#"{"sql":"select 1"}"#,
            400,
            "Idempotency-Key",
        ),
        (
            Method::POST,
            "/v1/sql",
            &[("idempotency-key", "k")],
            r#"{"sql":"select 1"}"#,
            400,
            "/v1/queries",
        ),
        (Method::GET, "/v1/queries?limit=0", none, "", 400, "limit"),
        (Method::GET, "/v1/queries?limit=many", none, "", 400, "limit"),
        (Method::GET, "/v1/queries?state=DONE", none, "", 400, "DONE"),
        (Method::GET, "/v1/queries?colour=red", none, "", 400, "colour"),
        (Method::GET, "/v1/queries?cursor=made-up", none, "", 400, "cursor"),
        (Method::GET, "/v1/queries/x?wait_ms=99999999", none, "", 400, "wait_ms"),
        (Method::GET, "/v1/queries/x", none, "", 404, "`x`"),
    ] {
        let answer = server.call(method.clone(), ANA, path, headers, body).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {path} {body}: {}",
            answer.text()
        );
        let envelope = answer.json();
        assert!(
            envelope["message"].as_str().unwrap().contains(word),
            "{method} {path} {body}: {envelope}"
        );
        assert_eq!(envelope["request_id"], answer.header("lakegate-request-id"));
        assert_eq!(envelope["retryable"], false);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_body_has_a_type_and_a_limit() {
    let server = Server::with(&[("LAKEGATE__HTTP__MAX_BODY_BYTES", "2000")], "x~y").await;
    let request = Request::post("/v1/queries").header("authorization", format!("Bearer {ANA}"));
    let answer = server.send(request.body(Body::from("{}")).unwrap()).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{}", answer.text());
    let body = json!({"sql": format!("select '{}'", "x".repeat(3_000))});
    for headers in [&[][..], &[("idempotency-key", "k")]] {
        let answer = server.post(ANA, "/v1/queries", headers, &body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::PAYLOAD_TOO_LARGE, "INVALID_REQUEST")
        );
    }
}

#[tokio::test]
async fn doubled_headers_are_refused() {
    let server = Server::start().await;
    let answer = server
        .call(Method::GET, ANA, "/v1/whoami", &[("host", "a"), ("host", "b")], "")
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::BAD_REQUEST, "INVALID_REQUEST")
    );
}

#[tokio::test]
async fn a_trace_goes_in_and_out() {
    let server = Server::start().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let answer = server
        .call(Method::GET, ANA, "/v1/whoami", &[("traceparent", &parent)], "")
        .await;
    assert!(answer.header("traceparent").contains(trace));
    server
        .call(Method::GET, "wrong", "/v1/whoami", &[("traceparent", &parent)], "")
        .await;
    assert_eq!(server.refusals().await[0].event.trace_id.as_deref(), Some(trace));
    let own = server
        .call(Method::GET, ANA, "/v1/whoami", &[("traceparent", "rubbish")], "")
        .await;
    assert_eq!(own.header("traceparent").len(), parent.len());
}

#[tokio::test]
async fn a_leaving_server_starts_nothing_new() {
    let server = Server::start().await;
    server.app.health.set_closing();
    let answer = server.post(ANA, "/v1/queries", &[], &json!({"sql": "select 1"})).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "SERVER_DRAINING")
    );
    assert_eq!(
        (answer.header("connection"), answer.header("retry-after")),
        ("close", "1")
    );
    assert_eq!(answer.json()["retryable"], true);
    let answer = server.get(ANA, "/v1/whoami").await;
    assert_eq!((answer.status, answer.header("connection")), (StatusCode::OK, "close"));
}
