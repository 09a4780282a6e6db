//! Is what one may not see, byte for byte, what is not there?

use http::Method;
use serde_json::{Value, json};

use super::{
    TABLE, admin, apply,
    server::{ANA, BOB, Server},
    user,
};

const ETAG: [(&str, &str); 1] = [("if-match", "\"1\"")];

#[tokio::test]
async fn hidden_and_missing_are_the_same_bytes() {
    let server = Server::start().await;
    let table = json!({"format": "csv", "location": "t/", "columns": [{"name": "ssn", "type": "varchar"}],
                       "filters": {"f1": {"where": "ssn = 'x'"}}, "masks": {"ssn": {"m1": {"func": "mask-alphanum", "rank": 1}}}});
    apply(
        &server,
        json!({"tables": {"lake.sales.hidden": table}, "databases": {"lake.hidden": {}}, "tags": {"hidden": {}},
                          "roles": {"hidden": {}}, "users": {"hidden": {}}, "workgroups": {"hidden": {}}}),
    )
    .await;
    assert_eq!(
        server
            .post(
                &admin(&server),
                "/v1/api-keys",
                &[],
                &json!({"name": "hidden", "user": "hidden"})
            )
            .await
            .status,
        201
    );
    let body =
        json!({"name": "hidden", "connector": "files", "options": {"root": server.app.config.data.to_str().unwrap()}});
    let made = server.post(&admin(&server), "/v1/connections", &[], &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = server
        .post(
            &admin(&server),
            "/v1/catalogs",
            &[],
            &json!({"name": "hidden", "connection": "hidden"}),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text());

    let base = "/v1/catalogs/lake/databases/sales/tables";
    let paths = [
        "/v1/catalogs/hidden".to_owned(),
        "/v1/catalogs/hidden/databases".to_owned(),
        "/v1/catalogs/hidden/tags".to_owned(),
        "/v1/catalogs/lake/databases/hidden".to_owned(),
        "/v1/catalogs/lake/databases/hidden/tables".to_owned(),
        "/v1/catalogs/lake/databases/hidden/tags".to_owned(),
        format!("{base}/hidden"),
        format!("{base}/hidden/columns"),
        format!("{base}/hidden/columns/ssn/tags"),
        format!("{base}/hidden/columns/ssn/masks"),
        format!("{base}/hidden/columns/ssn/masks/m1"),
        format!("{base}/hidden/data-filters"),
        format!("{base}/hidden/data-filters/f1"),
        format!("{base}/hidden/partitions"),
        format!("{base}/hidden/tags"),
        "/v1/connections/hidden".to_owned(),
        "/v1/tags/hidden".to_owned(),
        "/v1/roles/hidden".to_owned(),
        "/v1/users/hidden".to_owned(),
        "/v1/workgroups/hidden".to_owned(),
        "/v1/api-keys/hidden".to_owned(),
    ];
    for path in &paths {
        let seen = server.get(&admin(&server), path).await;
        assert_eq!(seen.status, 200, "{path}: {}", seen.text());
        let missing = path.replace("hidden", "absent");
        for key in [ANA, BOB] {
            let hidden = server.get(key, path).await;
            assert_eq!(hidden.status, 404, "{path}: {}", hidden.text());
            assert_eq!(
                hidden.likeness("hidden"),
                server.get(key, &missing).await.likeness("absent"),
                "{path}"
            );
            for (method, body) in [(Method::PATCH, "{\"comment\":\"x\"}"), (Method::DELETE, "")] {
                let hidden = server.call(method.clone(), key, path, &ETAG, body).await;
                let absent = server.call(method.clone(), key, &missing, &ETAG, body).await;
                assert_eq!(hidden.likeness("hidden"), absent.likeness("absent"), "{method} {path}");
                assert!(
                    matches!(hidden.status.as_u16(), 404 | 405),
                    "{method} {path}: {}",
                    hidden.text()
                );
            }
        }
    }
}

#[tokio::test]
async fn creating_tells_nothing_about_what_is_named() {
    let server = Server::start().await;
    let wishes = |name: &str| -> Vec<(String, Value)> {
        vec![
            (
                "/v1/catalogs".to_owned(),
                json!({"name": "c", "connection": name.replace("orders", "local")}),
            ),
            (
                format!("/v1/catalogs/{}/databases", name.replace("orders", "lake")),
                json!({"name": "d"}),
            ),
            (
                "/v1/grants".to_owned(),
                json!({"to": "user:bob", "privileges": ["select"], "resource": format!("table:lake.sales.{name}")}),
            ),
            (
                "/v1/grants".to_owned(),
                json!({"to": format!("user:{}", name.replace("orders", "ana")), "privileges": ["select"], "resource": "tenant:default"}),
            ),
            (
                "/v1/users".to_owned(),
                json!({"name": "x", "roles": [name.replace("orders", "analyst")]}),
            ),
            ("/v1/users".to_owned(), json!({"name": name.replace("orders", "ana")})),
            (
                "/v1/api-keys".to_owned(),
                json!({"name": "k", "user": name.replace("orders", "ana")}),
            ),
            (
                "/v1/apply".to_owned(),
                json!({"lake": "x", "roles": {"x": {"member_of": [name.replace("orders", "analyst")]}}}),
            ),
            (
                "/v1/policies/validate".to_owned(),
                json!({"text": format!("@id(\"p\") permit(principal, action, resource in Lakegate::Table::\"lake.sales.{name}\");")}),
            ),
        ]
    };
    for ((path, hidden), (_, missing)) in wishes("orders").into_iter().zip(wishes("absent")) {
        let path_of_missing = path.replace("/lake/", "/absent/");
        let (hidden, missing) = (
            server.post(BOB, &path, &[], &hidden).await,
            server.post(BOB, &path_of_missing, &[], &missing).await,
        );
        assert!(matches!(hidden.status.as_u16(), 403 | 404), "{path}: {}", hidden.text());
        let like = |answer: &super::Answer| {
            let text = answer.likeness("NAME").2;
            let text = ["orders", "local", "lake", "analyst", "ana"]
                .iter()
                .fold(text, |text, name| text.replace(&format!("`{name}`"), "`absent`"));
            (
                answer.status,
                text.replace(".orders", ".absent").replace(":ana", ":absent"),
            )
        };
        assert_eq!(like(&hidden), like(&missing), "{path}");
    }
}

#[tokio::test]
async fn visible_and_not_permitted_is_403() {
    let server = Server::start().await;
    for (method, path, body) in [
        (Method::PATCH, TABLE.to_owned(), "{\"comment\":\"x\"}"),
        (Method::DELETE, TABLE.to_owned(), ""),
        (Method::PUT, format!("{TABLE}/tags"), "{\"own\":{}}"),
        (
            Method::POST,
            format!("{TABLE}/data-filters"),
            "{\"name\":\"f\",\"where\":\"TRUE\"}",
        ),
        (
            Method::POST,
            format!("{TABLE}/columns/id/masks"),
            "{\"name\":\"m\",\"func\":\"mask-alphanum\",\"rank\":1}",
        ),
        (Method::GET, format!("{TABLE}/partitions"), ""),
        (
            Method::POST,
            "/v1/catalogs/lake/databases/sales/tables".to_owned(),
            "{\"name\":\"t\"}",
        ),
        (
            Method::POST,
            "/v1/catalogs/lake/databases".to_owned(),
            "{\"name\":\"d\"}",
        ),
        (Method::PATCH, "/v1/catalogs/lake".to_owned(), "{\"comment\":\"x\"}"),
        (Method::DELETE, "/v1/catalogs/lake/databases/sales".to_owned(), ""),
    ] {
        let refused = server.call(method.clone(), ANA, &path, &ETAG, body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (403, "ACCESS_DENIED"),
            "{method} {path}: {}",
            refused.text()
        );
    }
}

#[tokio::test]
async fn a_reader_without_describe_sees_the_columns_and_not_where_they_lie() {
    let server = Server::start().await;
    let key = user(
        &server,
        "rita",
        &[
            ("select", "column:lake.sales.orders.id"),
            ("select", "column:lake.sales.orders.region"),
        ],
    )
    .await;
    assert_eq!(server.get(&key, TABLE).await.status, 404, "columns alone open no rows");
    let filter = json!({"name": "de", "where": "amount > 1", "columns": ["id"]});
    assert_eq!(
        server
            .post(&admin(&server), &format!("{TABLE}/data-filters"), &[], &filter)
            .await
            .status,
        201
    );
    apply(
        &server,
        json!({"users": {"rita": {}}, "grants": [
        {"to": "user:rita", "privileges": ["select-filtered"], "resource": "filter:lake.sales.orders/de"}]}),
    )
    .await;
    let seen = server.get(&key, TABLE).await;
    assert_eq!(seen.status, 200, "{}", seen.text());
    let names: Vec<String> = seen.json()["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["id", "region"]);
    assert!(seen.json().get("location").is_none(), "{}", seen.text());
    assert_eq!(
        server.get(&key, &format!("{TABLE}/columns/amount/tags")).await.status,
        404
    );
    assert!(
        server
            .get(&key, "/v1/catalogs/lake")
            .await
            .json()
            .get("connection")
            .is_none()
    );
    // It is known, and its entry is not: that is no 404.
    let refused = super::patch(&server, &key, TABLE, "\"1\"", json!({"comment": "x"})).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
}
