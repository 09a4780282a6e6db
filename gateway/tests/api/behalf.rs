//! Who may act for whom over REST, and is it ever overheard? (governance.md §2.1; F3)

use http::StatusCode;
use serde_json::{Value, json};

use crate::server::{ANA, Answer, BOB, Server};

const HEADER: &str = "lakegate-on-behalf-of";
const ORDERS: &str = "select count(*) from lake.sales.orders";

/// Bob reads the orders too, and may act for ana.
const MORE: &str = r#"
lake: more
grants:
  - {to: "user:bob", privileges: [select], resource: "table:lake.sales.orders"}
  - {to: "user:bob", privileges: [impersonate], resource: "user:ana"}
"#;

async fn server() -> Server {
    let server = Server::start().await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("lake.yaml"), MORE).unwrap();
    lakegate::bootstrap::bootstrap(&server.app, &[directory.path().to_owned()])
        .await
        .unwrap();
    server
}

async fn submit(server: &Server, key: &str, headers: &[(&str, &str)], more: Value) -> Answer {
    let mut body = json!({"sql": ORDERS});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let headers: Vec<_> = headers.iter().copied().chain([("prefer", "wait=20")]).collect();
    server.post(key, "/v1/queries", &headers, &body).await
}

#[tokio::test]
async fn body_and_header_name_whom_the_caller_acts_for() {
    let server = server().await;
    let of_body = submit(&server, BOB, &[], json!({"on_behalf_of": "ana"})).await;
    let of_header = submit(&server, BOB, &[(HEADER, "ana")], json!({})).await;
    let of_both = submit(&server, BOB, &[(HEADER, "ana")], json!({"on_behalf_of": "ana"})).await;
    for answer in [of_body, of_header, of_both] {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let query = answer.json();
        assert_eq!(
            (&query["state"], &query["principal"], &query["on_behalf_of"]),
            (&"SUCCEEDED".into(), &"bob".into(), &"ana".into()),
            "{query}"
        );
        let path = format!("/v1/queries/{}", query["id"].as_str().unwrap());
        assert_eq!(server.get(ANA, &path).await.status, StatusCode::NOT_FOUND);
        // A client that sends the header with everything may fetch what it asked for.
        let rows = server
            .call(
                http::Method::GET,
                BOB,
                &format!("{path}/results"),
                &[(HEADER, "ana"), ("accept", "application/json")],
                "",
            )
            .await;
        assert_eq!(rows.json()["rows"], json!([["3"]]), "{}", rows.text());
    }
    assert_eq!(
        submit(&server, BOB, &[], json!({})).await.json().get("on_behalf_of"),
        None
    );
}

#[tokio::test]
async fn who_may_not_be_impersonated_and_who_is_not_there_are_the_same() {
    let server = server().await;
    for path in ["/v1/queries", "/v1/sql"] {
        let refuse = |name: &'static str| {
            let server = &server;
            async move {
                let body = json!({"sql": ORDERS, "on_behalf_of": name});
                server.post(ANA, path, &[], &body).await
            }
        };
        let (bob, nemo) = (refuse("bob").await, refuse("nem").await);
        assert_eq!(
            (bob.status, bob.code().as_str()),
            (StatusCode::FORBIDDEN, "ACCESS_DENIED")
        );
        assert_eq!(bob.likeness("bob"), nemo.likeness("nem"));
    }
}

/// A header that was not heard would show more than its sender meant.
#[tokio::test]
async fn the_header_is_heard_or_refused() {
    let server = server().await;
    for path in ["/v1/whoami", "/v1/catalogs", "/v1/queriesx", "/v1/grants"] {
        let answer = server.call(http::Method::GET, BOB, path, &[(HEADER, "ana")], "").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::BAD_REQUEST, "INVALID_REQUEST"),
            "{path}"
        );
    }
    // Rows that bob made for himself are more than those that ana may see.
    let own = submit(&server, BOB, &[], json!({})).await.json();
    let path = format!("/v1/queries/{}/results", own["id"].as_str().unwrap());
    for named in ["ana", "bob"] {
        let answer = server.call(http::Method::GET, BOB, &path, &[(HEADER, named)], "").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
    }
    assert_eq!(server.get(BOB, &path).await.status, StatusCode::OK);
    for headers in [vec![(HEADER, "")], vec![(HEADER, "ana"), (HEADER, "ana")]] {
        let answer = submit(&server, BOB, &headers, json!({})).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{headers:?}");
    }
    let two = submit(&server, BOB, &[(HEADER, "ana")], json!({"on_behalf_of": "bob"})).await;
    assert_eq!(two.status, StatusCode::BAD_REQUEST);
    let key = ("idempotency-key", "once");
    assert_eq!(submit(&server, BOB, &[key], json!({})).await.status, StatusCode::OK);
    let other = submit(&server, BOB, &[key, (HEADER, "ana")], json!({})).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", other.text());
}
