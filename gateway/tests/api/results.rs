//! Rows over REST: streamed from a run, or paged from a stored result, in every format.

use arrow::ipc::reader::StreamReader;
use http::StatusCode;
use serde_json::{Value, json};

use crate::server::{ANA, Answer, Server};

const ORDERS: &str = "select * from lake.sales.orders order by id";

async fn run(server: &Server, sql: &str, accept: &str) -> Answer {
    server
        .post(ANA, "/v1/sql", &[("accept", accept)], &json!({"sql": sql}))
        .await
}

#[tokio::test]
async fn a_run_streams_its_rows() {
    let server = Server::start().await;
    let answer = run(&server, ORDERS, "application/json").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let result = answer.json();
    assert_eq!(
        result["columns"][2],
        json!({"name": "amount", "type": "decimal(12,2)", "nullable": true})
    );
    assert_eq!(result["rows"][0], json!(["1", "DE", "10.50"]));
    assert_eq!(result["rows"][1][2], Value::Null);
    let query = server
        .get(ANA, &format!("/v1/queries/{}", answer.header("lakegate-query-id")))
        .await
        .json();
    assert_eq!((&query["state"], &query["rows"]), (&"SUCCEEDED".into(), &3.into()));

    let csv = run(&server, ORDERS, "text/csv").await;
    assert_eq!(
        csv.text(),
        "\"id\",\"region\",\"amount\"\n\"1\",\"DE\",\"10.50\"\n\"2\",\"FR\",\n\"3\",\"\",\"1.00\"\n"
    );
    let lines = run(&server, ORDERS, "application/x-ndjson").await;
    assert_eq!(
        lines.text().lines().next().unwrap(),
        r#"{"id":"1","region":"DE","amount":"10.50"}"#
    );
    let stream = server.post(ANA, "/v1/sql", &[], &json!({"sql": ORDERS})).await;
    assert_eq!(stream.header("content-type"), "application/vnd.apache.arrow.stream");
    let rows: usize = StreamReader::try_new(stream.body.as_slice(), None)
        .unwrap()
        .map(|batch| batch.unwrap().num_rows())
        .sum();
    assert_eq!(rows, 3);
    assert!(
        run(&server, ORDERS, "application/vnd.apache.parquet")
            .await
            .body
            .ends_with(b"PAR1")
    );
}

#[tokio::test]
async fn a_run_that_fails_first_has_a_status() {
    let server = Server::start().await;
    for (sql, status, code) in [
        ("select 1/0", 400, "DIVISION_BY_ZERO"),
        ("select cast('x' as bigint)", 400, "INVALID_CAST_ARGUMENT"),
        ("select nothing from lake.sales.orders", 400, "COLUMN_NOT_FOUND"),
        ("select * from lake.sales.nothing", 404, "TABLE_NOT_FOUND"),
        ("select (1", 400, "SYNTAX_ERROR"),
    ] {
        let answer = run(&server, sql, "application/json").await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{sql}: {}",
            answer.text()
        );
        assert_eq!(answer.json().get("query_id").is_some(), code != "SYNTAX_ERROR", "{sql}");
    }
}

#[tokio::test]
async fn parameters_and_limits_reach_the_query() {
    let server = Server::start().await;
    let body = json!({"sql": "select region from lake.sales.orders where id = $1", "parameters": [2]});
    let answer = server
        .post(ANA, "/v1/sql", &[("accept", "application/json")], &body)
        .await;
    assert_eq!(answer.json()["rows"], json!([["FR"]]), "{}", answer.text());
    let body = json!({"sql": ORDERS, "limits": {"rows": 1}});
    let answer = server.post(ANA, "/v1/queries", &[("prefer", "wait=20")], &body).await;
    assert_ne!(answer.json()["state"], "SUCCEEDED", "{}", answer.text());
    let answer = server
        .post(ANA, "/v1/sql", &[], &json!({"sql": "select 1", "dialect": "klingon"}))
        .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::BAD_REQUEST, "NOT_SUPPORTED")
    );
}

#[tokio::test]
async fn stored_results_turn_pages() {
    let server = Server::start().await;
    let query = server
        .post(ANA, "/v1/queries", &[("prefer", "wait=20")], &json!({"sql": ORDERS}))
        .await
        .json();
    let path = format!("/v1/queries/{}/results", query["id"].as_str().unwrap());
    let accept = [("accept", "application/json")];
    let get = async |path: &str| server.call(http::Method::GET, ANA, path, &accept, "").await;
    let all = get(&path).await.json();
    assert_eq!(all["rows"].as_array().unwrap().len(), 3);
    assert!(all.get("next_cursor").is_none());
    let first = get(&format!("{path}?limit=2")).await;
    assert_eq!(first.json()["rows"].as_array().unwrap().len(), 2);
    let cursor = first.header("lakegate-next-cursor").to_owned();
    assert_eq!(first.json()["next_cursor"], cursor.as_str());
    let second = get(&format!("{path}?limit=2&cursor={cursor}")).await.json();
    assert_eq!(
        (&second["rows"], second.get("next_cursor")),
        (&json!([["3", "", "1.00"]]), None)
    );
    assert_eq!(get(&format!("{path}?cursor={cursor}x")).await.code(), "INVALID_CURSOR");
    assert_eq!(get(&format!("{path}?limit=0")).await.status, StatusCode::BAD_REQUEST);
}
