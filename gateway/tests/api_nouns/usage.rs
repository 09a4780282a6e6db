//! Who learns what was used? Everybody of their own queries what was shown with them; the rest needs `ReadUsage`.

use serde_json::{Value, json};

use super::{
    TABLE, admin, apply,
    server::{ANA, BOB, Server},
    user,
};

async fn ask(server: &Server, key: &str, sql: &str) {
    let answer = server.post(key, "/v1/sql", &[], &json!({"sql": sql})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.header("lakegate-query-id").to_owned();
    // The usage row is there once the query has ended.
    let ended = server.get(key, &format!("/v1/queries/{id}?wait_ms=10000")).await;
    assert_eq!(ended.json()["state"], "SUCCEEDED", "{}", ended.text());
}

async fn items(server: &Server, key: &str, filter: &str) -> Vec<Value> {
    let answer = server.get(key, &format!("/v1/usage{filter}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn own_usage_is_what_was_shown_and_the_rest_needs_a_right() {
    let server = Server::start().await;
    let reader = user(&server, "rita", &[]).await;
    let filter = json!({"name": "de", "where": "region = 'DE'"});
    let made = server
        .post(&admin(&server), &format!("{TABLE}/data-filters"), &[], &filter)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    apply(
        &server,
        json!({"users": {"rita": {}}, "grants": [
        {"to": "user:rita", "privileges": ["select-filtered"], "resource": "filter:lake.sales.orders/de"}]}),
    )
    .await;
    ask(&server, &reader, "SELECT id FROM lake.sales.orders").await;
    ask(&server, &reader, "SELECT id FROM lake.sales.orders").await;
    ask(&server, ANA, "SELECT id FROM lake.sales.orders").await;

    let own = items(&server, &reader, "").await;
    let megabyte = 1_048_576_u64;
    assert_eq!(own.len(), 1, "{own:?}");
    let sum = &own[0];
    assert_eq!(
        (&sum["principal"], &sum["workgroup"], &sum["queries"]),
        (&json!("rita"), &json!("primary"), &json!(2))
    );
    assert_eq!(
        sum["scanned_bytes"],
        json!(2 * megabyte),
        "whole megabytes, nothing finer"
    );
    assert_eq!(sum["billed_bytes"], json!(20 * megabyte));
    assert_eq!(
        (&sum["price_per_tb"], &sum["cost"]),
        (&json!("5.00 USD"), &json!("0.000095367 USD"))
    );

    let all = items(&server, &admin(&server), "").await;
    assert_eq!(all.len(), 2, "{all:?}");
    let ritas = items(&server, &admin(&server), "?principal=rita").await;
    assert_eq!(ritas.len(), 1);
    let true_bytes = ritas[0]["scanned_bytes"].as_u64().unwrap();
    assert!(true_bytes > 0 && true_bytes < megabyte, "{ritas:?}");

    assert_eq!(items(&server, BOB, "").await, Vec::<Value>::new());
    assert_eq!(items(&server, BOB, "?principal=rita").await, Vec::<Value>::new());
    let keeper = user(&server, "karl", &[("read-usage", "workgroup:primary")]).await;
    assert_eq!(items(&server, &keeper, "?workgroup=primary").await.len(), 2);
}

#[tokio::test]
async fn usage_is_paged_and_days_are_checked() {
    let server = Server::start().await;
    for key in [ANA, &*admin(&server)] {
        ask(&server, key, "SELECT 1").await;
    }
    let admin = admin(&server);
    let first = server.get(&admin, "/v1/usage?limit=1").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 1);
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    let second = server
        .get(&admin, &format!("/v1/usage?limit=1&cursor={cursor}"))
        .await
        .json();
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert!(
        second.get("next_cursor").is_none() && first["items"] != second["items"],
        "{first} {second}"
    );
    assert_eq!(
        server
            .get(ANA, &format!("/v1/usage?limit=1&cursor={cursor}"))
            .await
            .code(),
        "INVALID_CURSOR"
    );
    assert_eq!(
        server
            .get(&admin, "/v1/usage?from=2020-01-01&to=2020-12-31")
            .await
            .json()["items"],
        json!([])
    );
    for wrong in [
        "from=yesterday",
        "from=2020-01-01",
        "from=2026-02-30&to=2026-03-01",
        "nope=1",
    ] {
        let refused = server.get(&admin, &format!("/v1/usage?{wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text());
    }
}
