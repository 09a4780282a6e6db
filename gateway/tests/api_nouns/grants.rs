//! Are grants listed where they hold, and changed by who may grant?

use serde_json::{Value, json};

use super::{
    TABLE, admin, apply, patch,
    server::{ANA, BOB, Server},
    user,
};

const TO_BOB: &str = "user:bob";

async fn grant(server: &Server, resource: &str) -> Value {
    let body = json!({"to": TO_BOB, "privileges": ["describe"], "resource": resource});
    let made = server.post(&admin(server), "/v1/grants", &[], &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

async fn resources(server: &Server, key: &str, path: &str) -> Vec<String> {
    let answer = server.get(key, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let items = answer.json()["items"].as_array().unwrap().clone();
    let mut resources: Vec<String> = items
        .iter()
        .map(|item| item["resource"].as_str().unwrap().to_owned())
        .collect();
    resources.sort();
    resources
}

#[tokio::test]
async fn grants_stand_below_what_they_are_on() {
    let server = Server::start().await;
    apply(&server, json!({"tables": {"lake.sales.orders2": {"format": "csv", "location": "x/", "columns": [{"name": "id", "type": "int"}]}}})).await;
    for resource in [
        "catalog:lake",
        "database:lake.sales",
        "table:lake.sales.orders",
        "column:lake.sales.orders.id",
        "table:lake.sales.orders2",
    ] {
        grant(&server, resource).await;
    }
    let admin = admin(&server);
    let on_table = ["column:lake.sales.orders.id", "table:lake.sales.orders"];
    let bobs = resources(&server, BOB, &format!("{TABLE}/grants")).await;
    assert_eq!(bobs, on_table);
    let mut all = resources(&server, &admin, &format!("{TABLE}/grants")).await;
    all.dedup();
    assert_eq!(all, on_table);
    assert_eq!(
        resources(&server, BOB, "/v1/catalogs/lake/grants").await,
        ["catalog:lake"]
    );
    assert_eq!(
        resources(&server, BOB, "/v1/catalogs/lake/databases/sales/grants").await,
        ["database:lake.sales"]
    );
    let first = server.get(&admin, &format!("{TABLE}/grants?limit=1")).await.json();
    assert!(first["next_cursor"].is_string(), "{first}");
    let nobody = user(&server, "nora", &[]).await;
    for path in [
        &format!("{TABLE}/grants"),
        "/v1/catalogs/lake/grants",
        "/v1/catalogs/lake/databases/sales/grants",
    ] {
        assert_eq!(server.get(&nobody, path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_grant_changes_its_end_and_nothing_else() {
    let server = Server::start().await;
    let made = grant(&server, "table:lake.sales.orders").await;
    let path = format!("/v1/grants/{}", made["id"].as_str().unwrap());
    let admin = admin(&server);
    let end = json!({"expires": "2090-01-01T00:00:00Z", "with_grant_option": true});
    let changed = patch(&server, &admin, &path, "\"1\"", end).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let body = changed.json();
    assert_eq!((&body["id"], &body["with_grant_option"]), (&made["id"], &json!(true)));
    assert!(body["expires"].as_str().unwrap().starts_with("2090-01-01"), "{body}");
    assert_eq!(
        patch(&server, &admin, &path, "\"1\"", json!({"expires": null}))
            .await
            .code(),
        "STALE_VERSION"
    );
    for member in ["to", "privileges", "resource", "nope"] {
        let refused = patch(&server, &admin, &path, "*", json!({member: "user:ana"})).await;
        assert_eq!(refused.status, 400, "{member}: {}", refused.text());
    }
    // The receiver sees it and does not lengthen it; to others it is not there.
    assert_eq!(
        patch(&server, BOB, &path, "*", json!({"expires": null})).await.status,
        403
    );
    assert_eq!(
        patch(&server, ANA, &path, "*", json!({"expires": null})).await.status,
        404
    );
    let open = patch(&server, &admin, &path, "*", json!({"expires": null})).await;
    assert!(
        open.status == 200 && open.json().get("expires").is_none(),
        "{}",
        open.text()
    );
}

#[tokio::test]
async fn nobody_lengthens_a_grant_to_themselves() {
    let server = Server::start().await;
    let key = user(
        &server,
        "greta",
        &[("grant", "tenant:default"), ("revoke", "tenant:default")],
    )
    .await;
    let body = json!({"to": "user:greta", "privileges": ["describe"], "resource": "table:lake.sales.orders", "expires": "2090-01-01T00:00:00Z"});
    let made = server.post(&admin(&server), "/v1/grants", &[], &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("/v1/grants/{}", made.json()["id"].as_str().unwrap());
    let refused = patch(&server, &key, &path, "*", json!({"expires": null})).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "ACCESS_DENIED"),
        "{}",
        refused.text()
    );
}
