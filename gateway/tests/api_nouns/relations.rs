//! Do tables, their partitions and their tags behave?

use http::Method;
use serde_json::json;

use super::{TABLE, admin, apply, server::Server};

const PARTED: &str = "/v1/catalogs/lake/databases/sales/tables/parted";

async fn parted(server: &Server) -> String {
    let key = admin(server);
    let body = json!({"name": "parted", "format": "csv", "location": "parted/", "columns": [{"name": "a", "type": "int"}],
                      "partitioned_by": [{"name": "year", "type": "int"}, {"name": "region", "type": "varchar"}], "partitions": "declared"});
    let made = server
        .post(&key, "/v1/catalogs/lake/databases/sales/tables", &[], &body)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["partitions"], "declared");
    key
}

#[tokio::test]
async fn partitions_are_declared_one_by_one() {
    let server = Server::start().await;
    let key = parted(&server).await;
    let list = format!("{PARTED}/partitions");
    for region in ["DE", "FR"] {
        let body = json!({"values": {"year": "2024", "region": region}, "location": format!("2024/{region}/")});
        let made = server.post(&key, &list, &[], &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        assert_eq!(made.json()["values"], body["values"]);
        assert_eq!(server.post(&key, &list, &[], &body).await.code(), "ALREADY_EXISTS");
    }
    let null = json!({"values": {"year": "2024", "region": null}, "location": "2024/none/"});
    let made = server.post(&key, &list, &[], &null).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let items = server.get(&key, &list).await.json()["items"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(items.len(), 3);
    for wrong in [
        json!({"values": {"year": "2024"}, "location": "x/"}),
        json!({"values": {"year": "2024", "region": "DE", "more": "1"}, "location": "x/"}),
        json!({"values": {"year": "2025", "region": "DE"}, "location": "../x/"}),
    ] {
        assert_eq!(
            server.post(&key, &list, &[], &wrong).await.code(),
            "INVALID_REQUEST",
            "{wrong}"
        );
    }
    let path = made.header("location").to_owned();
    let stale = server
        .call(Method::DELETE, &key, &path, &[("if-match", "\"9\"")], "")
        .await;
    assert_eq!(stale.status, 412, "{}", stale.text());
    assert_eq!(
        server
            .call(Method::DELETE, &key, &path, &[("if-match", "\"1\"")], "")
            .await
            .status,
        204
    );
    assert_eq!(
        server
            .call(Method::DELETE, &key, &path, &[("if-match", "\"1\"")], "")
            .await
            .status,
        404
    );
    assert_eq!(
        server.get(&key, &list).await.json()["items"].as_array().unwrap().len(),
        2
    );
    let other = server.post(&key, &format!("{TABLE}/partitions"), &[], &null).await;
    assert_eq!(other.code(), "INVALID_REQUEST", "{}", other.text());
}

#[tokio::test]
async fn tags_are_set_and_inherited() {
    let server = Server::start().await;
    let key = admin(&server);
    apply(
        &server,
        json!({"tags": {"domain": {"values": ["sales", "hr"]}, "pii": {"values": ["no", "yes"]}}}),
    )
    .await;
    let set = async |path: &str, own: serde_json::Value| {
        let etag = server.get(&key, path).await.header("etag").to_owned();
        let headers = [("if-match", etag.as_str())];
        server
            .call(Method::PUT, &key, path, &headers, &json!({"own": own}).to_string())
            .await
    };
    let catalog = "/v1/catalogs/lake/tags";
    let database = "/v1/catalogs/lake/databases/sales/tags";
    let (table, column) = (format!("{TABLE}/tags"), format!("{TABLE}/columns/region/tags"));
    assert_eq!(set(catalog, json!({"domain": "sales"})).await.status, 200);
    assert_eq!(set(database, json!({"pii": "no"})).await.status, 200);
    let tagged = set(&table, json!({"domain": "hr"})).await;
    assert_eq!(tagged.status, 200, "{}", tagged.text());
    assert_eq!(
        tagged.json(),
        json!({"own": {"domain": "hr"}, "effective": {"domain": "hr", "pii": "no"}})
    );
    let tagged = set(&column, json!({"pii": "yes"})).await;
    assert_eq!(tagged.status, 200, "{}", tagged.text());
    assert_eq!(
        tagged.json(),
        json!({"own": {"pii": "yes"}, "effective": {"domain": "hr", "pii": "yes"}})
    );
    assert_eq!(
        set(&table, json!({})).await.json()["effective"],
        json!({"domain": "sales", "pii": "no"})
    );
    assert_eq!(
        server.get(&key, &column).await.json()["effective"],
        json!({"domain": "sales", "pii": "yes"})
    );
    assert_eq!(
        set(&table, json!({"domain": "it"})).await.code(),
        "CONFIGURATION_INVALID"
    );
    assert_eq!(
        set(&table, json!({"nonsense": "it"})).await.code(),
        "CONFIGURATION_INVALID"
    );
    let without = server.call(Method::PUT, &key, &table, &[], "{\"own\":{}}").await;
    assert_eq!(without.status, 428);
    // Ids survive: the grants of the table still hold.
    assert_eq!(
        server.get(super::server::ANA, TABLE).await.json()["columns"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn columns_are_inferred_on_request() {
    let server = Server::start().await;
    let key = admin(&server);
    let body = json!({"name": "found", "format": "csv", "location": "orders/", "columns": "infer"});
    let made = server
        .post(&key, "/v1/catalogs/lake/databases/sales/tables", &[], &body)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(
        (
            made.json()["inferred"].clone(),
            made.json()["columns"].as_array().unwrap().len()
        ),
        (json!(true), 3)
    );
    let changed = super::patch(&server, &key, made.header("location"), "\"1\"", json!({"comment": "c"})).await;
    assert_eq!(
        (changed.status.as_u16(), changed.json()["inferred"].clone()),
        (200, json!(true)),
        "{}",
        changed.text()
    );
}

#[tokio::test]
async fn what_is_in_use_stays() {
    let server = Server::start().await;
    let key = admin(&server);
    for path in [
        "/v1/catalogs/lake",
        "/v1/catalogs/lake/databases/sales",
        "/v1/connections/local",
        "/v1/roles/staff",
    ] {
        let refused = super::delete(&server, &key, path).await;
        assert_eq!(refused.code(), "CONFIGURATION_INVALID", "{path}: {}", refused.text());
        assert_eq!(server.get(&key, path).await.status, 200);
    }
}
