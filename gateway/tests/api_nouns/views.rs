//! Do views live, hide and tell what is wrong with them, as tables do?

use serde_json::json;

use super::{admin, delete, patch, server::Server, user};

const VIEWS: &str = "/v1/catalogs/lake/databases/sales/views";

#[tokio::test]
async fn a_view_is_made_read_changed_and_deleted() {
    let server = Server::start().await;
    let grants = [
        ("create-view", "database:lake.sales"),
        ("describe", "database:lake.sales"),
        ("alter", "database:lake.sales"),
        ("drop", "database:lake.sales"),
    ];
    let key = user(&server, "maker", &grants).await;
    let body = json!({"name": "v", "sql": "SELECT id, region FROM orders", "comment": "c"});
    let made = server.post(&key, VIEWS, &[], &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let shown = made.json();
    assert_eq!(
        (shown["name"].as_str(), shown["security"].as_str()),
        (Some("lake.sales.v"), Some("invoker"))
    );
    assert_eq!(shown["columns"].as_array().unwrap().len(), 2);
    assert_eq!(server.post(&key, VIEWS, &[], &body).await.code(), "ALREADY_EXISTS");
    let twin = json!({"name": "orders", "sql": "SELECT 1 AS a"});
    assert_eq!(
        server.post(&key, VIEWS, &[], &twin).await.code(),
        "CONFIGURATION_INVALID"
    );
    let path = made.header("location").to_owned();
    let changed = patch(&server, &key, &path, "\"1\"", json!({"sql": "SELECT id FROM orders"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json()["columns"].as_array().unwrap().len(), 1);
    let lent = patch(
        &server,
        &key,
        &path,
        "\"2\"",
        json!({"security": {"definer": "user:ana"}}),
    )
    .await;
    assert_eq!(lent.code(), "ACCESS_DENIED", "{}", lent.text());
    let list = server.get(&key, VIEWS).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    // Tables are listed among tables, views among views.
    let tables = server
        .get(&key, "/v1/catalogs/lake/databases/sales/tables")
        .await
        .text();
    assert!(!tables.contains("lake.sales.v\""), "{tables}");
    assert_eq!(delete(&server, &key, &path).await.status, 204);
    assert_eq!(server.get(&key, &path).await.status, 404);
}

#[tokio::test]
async fn who_may_not_describe_what_it_reads_is_not_told_its_text() {
    let server = Server::start().await;
    let lake = json!({"views": {"lake.sales.v": {"sql": "SELECT id FROM orders"}}});
    super::apply(&server, lake).await;
    let path = format!("{VIEWS}/v");
    let only = user(
        &server,
        "only",
        &[("describe", "view:lake.sales.v"), ("alter", "view:lake.sales.v")],
    )
    .await;
    let seen = server.get(&only, &path).await.json();
    assert_eq!(
        (seen.get("sql"), seen["security"].as_str()),
        (None, Some("invoker")),
        "{seen}"
    );
    let reader = user(&server, "reader", &[("select", "database:lake.sales")]).await;
    let seen = server.get(&reader, &path).await.json();
    assert_eq!(
        (seen.get("sql"), seen.get("security"), seen.get("broken")),
        (None, None, None),
        "{seen}"
    );
    let hidden = server.get(super::server::BOB, &path).await;
    let missing = server.get(super::server::BOB, &format!("{VIEWS}/w")).await;
    assert_eq!(hidden.status, 404);
    assert_eq!(
        hidden.json()["message"].as_str().unwrap().replace(".v`", ".w`"),
        missing.json()["message"]
    );
    // Its table goes: broken for who may alter it, gone for who reads it.
    let key = admin(&server);
    assert_eq!(delete(&server, &key, super::TABLE).await.status, 204);
    let broken = server.get(&only, &path).await.json();
    assert_eq!(broken["broken"], "it cannot be read", "{broken}");
    assert_eq!(server.get(&reader, &path).await.status, 404);
}

/// Filters, masks, tags, columns and grants of a view stand where those of tables do.
#[tokio::test]
async fn a_view_is_governed_like_a_table() {
    let server = Server::start().await;
    let key = admin(&server);
    let lake = json!({"tags": {"pii": {"values": ["no", "yes"]}}, "views": {"lake.sales.v": {"sql": "SELECT id, region FROM orders"}}});
    super::apply(&server, lake).await;
    let view = "/v1/catalogs/lake/databases/sales/tables/v";
    let filter = json!({"name": "de", "where": "region = 'DE'"});
    let made = server.post(&key, &format!("{view}/data-filters"), &[], &filter).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let mask = json!({"name": "fixed", "func": "mask-to-fixed-value", "rank": 1});
    let made = server
        .post(&key, &format!("{view}/columns/region/masks"), &[], &mask)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let grant = json!({"to": "user:bob", "privileges": ["select-filtered"], "resource": "filter:lake.sales.v/de"});
    assert_eq!(server.post(&key, "/v1/grants", &[], &grant).await.status, 201);
    let grants = server.get(&key, &format!("{view}/grants")).await.json();
    assert_eq!(grants["items"].as_array().unwrap().len(), 1, "{grants}");
    assert_eq!(
        server.get(&key, &format!("{view}/columns")).await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    for path in [format!("{view}/tags"), format!("{view}/columns/id/tags")] {
        let etag = server.get(&key, &path).await.header("etag").to_owned();
        let headers = [("if-match", etag.as_str())];
        let body = json!({"own": {"pii": "no"}}).to_string();
        let tagged = server.call(http::Method::PUT, &key, &path, &headers, &body).await;
        assert_eq!(
            (tagged.status.as_u16(), tagged.json()["own"]["pii"].as_str()),
            (200, Some("no")),
            "{}",
            tagged.text()
        );
    }
    // The view itself is no table.
    assert_eq!(server.get(&key, view).await.status, 404);
    assert_eq!(delete(&server, &key, view).await.status, 404);
    let seen = server.get(super::server::BOB, &format!("{VIEWS}/v")).await;
    assert_eq!(seen.status, 404, "bob may not read what it reads: {}", seen.text());
}
