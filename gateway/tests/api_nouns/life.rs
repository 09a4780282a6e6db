//! Is every noun made, found, changed and deleted in the same way?

use http::Method;
use serde_json::{Value, json};

use super::{admin, server::Server};

/// Collection, name, body, patch, a member to look at.
fn nouns() -> Vec<(&'static str, &'static str, Value, Value, &'static str)> {
    let policy = "@id(\"p.one\") permit(principal in Lakegate::Role::\"staff\", action == Lakegate::Action::\"Describe\", \
                  resource in Lakegate::Database::\"lake.sales\");";
    let stricter = policy.replace("permit", "forbid");
    vec![
        (
            "/v1/connections",
            "more",
            json!({"name": "more", "connector": "postgres", "options": {"host": "127.0.0.1", "database": "d", "tls": "disable"},
                   "credential": {"user": "env://A", "password": "env://B"}}),
            json!({"options": {"port": 5433}}),
            "options",
        ),
        (
            "/v1/roles",
            "r 1",
            json!({"name": "r 1", "member_of": ["staff"]}),
            json!({"comment": "c"}),
            "comment",
        ),
        (
            "/v1/users",
            "u",
            json!({"name": "u", "roles": ["staff"], "clearance": 2}),
            json!({"clearance": 3}),
            "clearance",
        ),
        (
            "/v1/workgroups",
            "w",
            json!({"name": "w", "concurrency": 2}),
            json!({"price_per_tb": "4.00 USD"}),
            "price_per_tb",
        ),
        (
            "/v1/tags",
            "pii",
            json!({"name": "pii", "values": ["no", "yes"]}),
            json!({"ordered": true}),
            "ordered",
        ),
        (
            "/v1/policies",
            "p.one",
            json!({"text": policy}),
            json!({"text": stricter}),
            "text",
        ),
        (
            "/v1/catalogs",
            "c",
            json!({"name": "c", "connection": "local"}),
            json!({"comment": "c"}),
            "comment",
        ),
        (
            "/v1/catalogs/lake/databases",
            "d",
            json!({"name": "d", "location": "d/"}),
            json!({"comment": "c"}),
            "comment",
        ),
        (
            "/v1/catalogs/lake/databases/sales/tables",
            "t",
            json!({"name": "t", "format": "csv", "location": "t/", "columns": [{"name": "a", "type": "int"}]}),
            json!({"columns": [{"name": "a", "type": "int"}, {"name": "b", "type": "varchar"}]}),
            "columns",
        ),
        (
            "/v1/catalogs/lake/databases/sales/tables/orders/data-filters",
            "de",
            json!({"name": "de", "where": "region = 'DE'", "columns": ["id", "region"]}),
            json!({"restrictive": true, "columns": null}),
            "restrictive",
        ),
        (
            "/v1/catalogs/lake/databases/sales/tables/orders/columns/region/masks",
            "x",
            json!({"name": "x", "func": "mask-alphanum", "rank": 5}),
            json!({"rank": 6}),
            "rank",
        ),
    ]
}

#[tokio::test]
async fn every_noun_has_the_same_life() {
    let server = Server::start().await;
    let key = admin(&server);
    for (collection, name, body, change, member) in nouns() {
        let made = server.post(&key, collection, &[], &body).await;
        assert_eq!(made.status, 201, "{collection}: {}", made.text());
        assert_eq!(made.header("etag"), "\"1\"", "{collection}");
        let path = format!("{collection}/{}", name.replace(' ', "%20"));
        assert_eq!(made.header("location"), path);
        for given in ["id", "name", "version", "created_at", "updated_at"] {
            assert!(
                made.json().get(given).is_some(),
                "{collection} lacks {given}: {}",
                made.text()
            );
        }
        assert_eq!(
            server.post(&key, collection, &[], &body).await.code(),
            "ALREADY_EXISTS",
            "{collection}"
        );

        let found = server.get(&key, &path).await;
        assert_eq!(
            (found.status.as_u16(), found.header("etag")),
            (200, "\"1\""),
            "{collection}: {}",
            found.text()
        );
        assert_eq!(found.json(), made.json(), "{collection}");
        let listed = server.get(&key, collection).await.json();
        assert!(
            listed["items"].as_array().unwrap().contains(&found.json()),
            "{collection}: {listed}"
        );

        for method in [Method::PATCH, Method::DELETE] {
            let body = if method == Method::PATCH {
                change.to_string()
            } else {
                String::new()
            };
            let without = server.call(method.clone(), &key, &path, &[], &body).await;
            assert_eq!(
                (without.status.as_u16(), without.code().as_str()),
                (428, "PRECONDITION_REQUIRED"),
                "{collection}"
            );
            let stale = server.call(method, &key, &path, &[("if-match", "\"7\"")], &body).await;
            assert_eq!(
                (stale.status.as_u16(), stale.code().as_str()),
                (412, "STALE_VERSION"),
                "{collection}"
            );
        }
        let changed = super::patch(&server, &key, &path, "\"1\"", change).await;
        assert_eq!(changed.status, 200, "{collection}: {}", changed.text());
        assert_eq!(changed.header("etag"), "\"2\"");
        assert_ne!(
            changed.json().get(member),
            made.json().get(member),
            "{collection}: {}",
            changed.text()
        );
        assert_eq!(server.get(&key, &path).await.json(), changed.json());
        let renamed = super::patch(&server, &key, &path, "\"2\"", json!({"name": "z"})).await;
        assert_eq!(renamed.code(), "NOT_SUPPORTED", "{collection}");
        let unknown = super::patch(&server, &key, &path, "\"2\"", json!({"nonsense": 1})).await;
        assert_eq!(
            unknown.code(),
            "CONFIGURATION_INVALID",
            "{collection}: {}",
            unknown.text()
        );
        assert!(
            unknown.json()["problems"][0]["message"]
                .as_str()
                .unwrap()
                .contains("nonsense")
        );

        let gone = super::delete(&server, &key, &path).await;
        assert_eq!((gone.status.as_u16(), gone.text().as_str()), (204, ""), "{collection}");
        assert_eq!(server.get(&key, &path).await.status, 404, "{collection}");
    }
}

#[tokio::test]
async fn grants_are_made_found_and_revoked() {
    let server = Server::start().await;
    let key = admin(&server);
    let body = json!({"to": "role:staff", "privileges": ["describe"], "resource": "database:lake.sales"});
    let made = server.post(&key, "/v1/grants", &[], &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["privileges"], json!(["describe"]));
    assert_eq!(
        server.post(&key, "/v1/grants", &[], &body).await.code(),
        "ALREADY_EXISTS"
    );
    let listed = server
        .get(&key, "/v1/grants?to=role:staff&resource=database:lake.sales")
        .await
        .json();
    assert_eq!(listed["items"], json!([made.json()]));
    assert_eq!(
        server.get(&key, "/v1/grants?to=role:none").await.json()["items"],
        json!([])
    );
    assert_eq!(super::delete(&server, &key, made.header("location")).await.status, 204);
    assert_eq!(server.get(&key, made.header("location")).await.status, 404);
    let two = json!({"to": "role:staff", "privileges": ["describe", "select"], "resource": "database:lake.sales"});
    assert_eq!(
        server.post(&key, "/v1/grants", &[], &two).await.code(),
        "INVALID_REQUEST"
    );
    let own = json!({"to": "role:admin", "privileges": ["select"], "resource": "database:lake.sales"});
    assert_eq!(server.post(&key, "/v1/grants", &[], &own).await.status, 403);
}

#[tokio::test]
async fn a_replayed_creation_has_one_effect() {
    let server = Server::start().await;
    let key = admin(&server);
    let (once, body) = ([("idempotency-key", "k")], json!({"name": "once"}));
    let first = server.post(&key, "/v1/roles", &once, &body).await;
    let second = server.post(&key, "/v1/roles", &once, &body).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201));
    assert_eq!(
        (second.header("idempotency-replayed"), second.json()),
        ("true", first.json())
    );
    assert_eq!(second.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn a_connection_is_tested() {
    let server = Server::start().await;
    let key = admin(&server);
    let body = json!({"name": "away", "connector": "postgres", "credential": {"user": "env://ANA_KEY", "password": "env://ANA_KEY"},
                      "options": {"host": "127.0.0.1", "port": 1, "database": "d", "tls": "disable"}});
    let made = server.post(&key, "/v1/connections", &[], &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["credential"]["password"], "env://ANA_KEY");
    let away = server.post(&key, "/v1/connections/away/test", &[], &json!({})).await;
    assert_eq!(
        (away.status.as_u16(), away.code().as_str()),
        (502, "SOURCE_UNAVAILABLE"),
        "{}",
        away.text()
    );
    let there = server.post(&key, "/v1/connections/local/test", &[], &json!({})).await;
    assert_eq!(there.status, 200, "{}", there.text());
    assert_eq!(there.json()["ok"], true);
}
