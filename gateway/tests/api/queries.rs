//! The life of a query over REST: submit, wait, find, list, cancel, watch.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{ANA, Answer, BOB, Server};

const ORDERS: &str = "select * from lake.sales.orders order by id";

async fn submit(server: &Server, sql: &str, headers: &[(&str, &str)]) -> Answer {
    server.post(ANA, "/v1/queries", headers, &json!({"sql": sql})).await
}

#[tokio::test]
async fn a_query_is_accepted_and_ends() {
    let server = Server::start().await;
    let answer = submit(&server, ORDERS, &[]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let query = answer.json();
    let path = format!("/v1/queries/{}", query["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), path);
    assert_eq!(query["principal"], "ana");
    let mut found = server.get(ANA, &format!("{path}?wait_ms=20000")).await.json();
    if found["state"] == "RUNNING" {
        found = server.get(ANA, &format!("{path}?wait_ms=20000")).await.json();
    }
    assert_eq!(
        (&found["state"], &found["rows"], &found["statement"]),
        (&"SUCCEEDED".into(), &3.into(), &"SELECT".into())
    );
    assert!(found["usage"]["scanned_bytes"].as_u64().unwrap() > 0);
    assert!(found["results_expire_at"].is_string());
}

#[tokio::test]
async fn waiting_brings_the_end() {
    let server = Server::start().await;
    let answer = submit(&server, ORDERS, &[("prefer", "respond-async, wait=20")]).await;
    assert_eq!(
        (answer.status, answer.json()["state"].as_str()),
        (StatusCode::OK, Some("SUCCEEDED"))
    );
    assert_eq!(answer.header("preference-applied"), "wait=20");
    let failed = submit(&server, "select 1/0", &[("prefer", "wait=20")]).await;
    assert_eq!(
        (failed.status, failed.json()["state"].as_str()),
        (StatusCode::OK, Some("FAILED"))
    );
    assert_eq!(failed.json()["error"]["code"], "DIVISION_BY_ZERO");
}

#[tokio::test]
async fn what_can_be_known_at_once_is_refused_at_once() {
    let server = Server::start().await;
    let syntax = submit(&server, "select\n  1 +* 2", &[]).await;
    assert_eq!(
        (syntax.status, syntax.code().as_str()),
        (StatusCode::BAD_REQUEST, "SYNTAX_ERROR")
    );
    assert_eq!(syntax.json()["location"]["line"], 2);
    let long = submit(&server, &format!("select '{}'", "x".repeat(262_144)), &[]).await;
    assert_eq!(
        (long.status, long.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "QUERY_TEXT_TOO_LARGE")
    );
    let group = server
        .post(
            ANA,
            "/v1/queries",
            &[],
            &json!({"sql": "select 1", "workgroup": "none"}),
        )
        .await;
    assert_eq!(
        (group.status, group.code().as_str()),
        (StatusCode::NOT_FOUND, "WORKGROUP_NOT_FOUND")
    );
    assert_eq!(server.get(ANA, "/v1/queries").await.json()["items"], json!([]));
}

#[tokio::test]
async fn hidden_and_missing_are_the_same_bytes() {
    let server = Server::start().await;
    let ask = async |name: &str| {
        let sql = format!("select * from lake.sales.{name}");
        let stream = server.post(BOB, "/v1/sql", &[], &json!({"sql": sql})).await;
        let query = server
            .post(BOB, "/v1/queries", &[("prefer", "wait=20")], &json!({"sql": sql}))
            .await;
        (
            stream.likeness(name),
            query.json()["error"].to_string().replace(name, "NAME"),
        )
    };
    let (hidden, missing) = (ask("orders").await, ask("ordera").await);
    assert_eq!(hidden.0.0, StatusCode::NOT_FOUND);
    assert_eq!(hidden, missing);

    let own = submit(&server, "select 1", &[("prefer", "wait=20")]).await.json();
    let id = own["id"].as_str().unwrap();
    let other = "00000000-0000-7000-8000-000000000000";
    for suffix in ["", "/results", "/events", "?wait_ms=10"] {
        let hidden = server.get(BOB, &format!("/v1/queries/{id}{suffix}")).await;
        let missing = server.get(BOB, &format!("/v1/queries/{other}{suffix}")).await;
        assert_eq!(hidden.status, StatusCode::NOT_FOUND, "{suffix}");
        assert_eq!(hidden.likeness(id), missing.likeness(other), "{suffix}");
    }
    let hidden = server
        .post(BOB, &format!("/v1/queries/{id}/cancel"), &[], &Value::Null)
        .await;
    let missing = server
        .post(BOB, &format!("/v1/queries/{other}/cancel"), &[], &Value::Null)
        .await;
    assert_eq!(hidden.likeness(id), missing.likeness(other));
}

#[tokio::test]
async fn lists_turn_pages() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let query = submit(&server, &format!("select {number}"), &[("prefer", "wait=20")])
            .await
            .json();
        ids.insert(0, query["id"].as_str().unwrap().to_owned());
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/queries?limit=2".to_owned());
    loop {
        let page = server.get(ANA, &path).await.json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|query| query["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        assert_eq!(
            server
                .get(BOB, &format!("/v1/queries?limit=2&cursor={cursor}"))
                .await
                .code(),
            "INVALID_CURSOR"
        );
        let other_filter = format!("/v1/queries?state=FAILED&cursor={cursor}");
        assert_eq!(server.get(ANA, &other_filter).await.code(), "INVALID_CURSOR");
        path = format!("/v1/queries?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ids);
    assert_eq!(
        server.get(ANA, "/v1/queries?state=FAILED").await.json()["items"],
        json!([])
    );
    assert_eq!(server.get(BOB, "/v1/queries").await.json()["items"], json!([]));
}

#[tokio::test]
async fn one_key_starts_one_query() {
    let server = Server::start().await;
    let headers = [("idempotency-key", "k1"), ("prefer", "wait=20")];
    let first = submit(&server, "select 1", &headers).await;
    let second = submit(&server, "select 1", &headers).await;
    assert_eq!((second.status, second.json()), (first.status, first.json()));
    assert_eq!(
        (
            first.header("idempotency-replayed"),
            second.header("idempotency-replayed")
        ),
        ("", "true")
    );
    assert_eq!(second.header("location"), first.header("location"));
    let other = submit(&server, "select 2", &headers).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_CONFLICT")
    );
    assert_eq!(
        server.get(ANA, "/v1/queries").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // Another principal's key is another key, and a refusal frees the key.
    assert_eq!(
        server
            .post(BOB, "/v1/queries", &headers, &json!({"sql": "select 2"}))
            .await
            .status,
        StatusCode::OK
    );
    let headers = [("idempotency-key", "k2")];
    assert_eq!(
        submit(&server, "selec 1", &headers).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(submit(&server, "select 1", &headers).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_running_query_can_be_stopped() {
    let server = Server::start().await;
    let sql = &format!(
        "select count(*) from {} where o0.id + o17.id > 99",
        crate::server::cross_join(18)
    );
    let query = submit(&server, sql, &[]).await.json();
    let path = format!("/v1/queries/{}", query["id"].as_str().unwrap());
    let stopped = server.call(Method::POST, ANA, &format!("{path}/cancel"), &[], "").await;
    assert_eq!(
        (stopped.status, stopped.json()["state"].as_str()),
        (StatusCode::OK, Some("CANCELLED")),
        "{}",
        stopped.text()
    );
    let again = server.call(Method::POST, ANA, &format!("{path}/cancel"), &[], "").await;
    assert_eq!(again.json()["ended_at"], stopped.json()["ended_at"]);
    let results = server.get(ANA, &format!("{path}/results")).await;
    assert_eq!(results.status, StatusCode::BAD_REQUEST, "{}", results.text());
}

#[tokio::test]
async fn events_end_with_the_end() {
    let server = Server::start().await;
    let query = submit(&server, ORDERS, &[]).await.json();
    let path = format!("/v1/queries/{}/events", query["id"].as_str().unwrap());
    let answer = server.get(ANA, &path).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = answer.text();
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    assert!(
        last.contains("event: end") && last.contains("\"state\":\"SUCCEEDED\""),
        "{text}"
    );
    let ids: Vec<u64> = text
        .lines()
        .filter_map(|line| line.strip_prefix("id: ")?.parse().ok())
        .collect();
    assert!(ids.is_sorted() && !ids.is_empty());
    let resumed = server
        .call(Method::GET, ANA, &path, &[("last-event-id", "1000")], "")
        .await
        .text();
    assert_eq!(resumed.matches("event: ").count(), 1, "{resumed}");
}

#[tokio::test]
async fn ended_queries_are_counted() {
    let server = Server::start().await;
    submit(&server, ORDERS, &[("prefer", "wait=20")]).await;
    server.app.watchers.close();
    server.app.watchers.wait().await;
    let text = server.app.metrics.text();
    assert!(text.contains(
        r#"lakegate_queries_total{error_code="",state="SUCCEEDED",statement="SELECT",workgroup="primary"} 1"#
    ));
    assert!(
        text.contains(r#"lakegate_rows_returned_total{workgroup="primary"} 3"#),
        "{text}"
    );
}
