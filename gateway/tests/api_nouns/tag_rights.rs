//! Who may tag, and what does a tag do? Governance follows the nearest value (governance.md §2.1, tags).

use http::Method;
use serde_json::{Value, json};

use super::{
    Answer, TABLE, admin, apply, patch,
    server::{ANA, Server},
    user,
};

const SALES: &str = "/v1/catalogs/lake/databases/sales";
const ORDERS: &str = "table:lake.sales.orders";

async fn tag(server: &Server, key: &str, path: &str, own: Value) -> Answer {
    let body = json!({"own": own}).to_string();
    let path = format!("{path}/tags");
    server.call(Method::PUT, key, &path, &[("if-match", "*")], &body).await
}

async fn tagged(server: &Server, path: &str, own: Value) {
    let done = tag(server, &admin(server), path, own).await;
    assert_eq!(done.status, 200, "{path}: {}", done.text());
}

/// Which of her columns ana sees.
async fn columns(server: &Server) -> Vec<String> {
    let body = json!({"sql": "select * from lake.sales.orders limit 0"});
    let answer = server
        .post(ANA, "/v1/sql", &[("accept", "application/json")], &body)
        .await;
    match answer.status.as_u16() {
        200 => {
            let columns = answer.json()["columns"].as_array().unwrap().clone();
            columns
                .iter()
                .map(|column| column["name"].as_str().unwrap().to_owned())
                .collect()
        }
        _ => vec![answer.code()],
    }
}

#[tokio::test]
async fn a_tag_needs_the_right_on_its_key_and_on_the_object() {
    let server = Server::start().await;
    apply(
        &server,
        json!({"tags": {"pii": {"values": ["none", "ssn"], "ordered": true}}}),
    )
    .await;
    let seen = [("describe", "catalog:lake"), ("describe", "tag:pii")];
    let with = |more: &[(&'static str, &'static str)]| [&seen[..], more].concat();
    let key = user(&server, "key", &with(&[("associate-tag", "tag:pii")])).await;
    let object = user(&server, "object", &with(&[("associate-tag", ORDERS)])).await;
    let both = user(
        &server,
        "both",
        &with(&[("associate-tag", "tag:pii"), ("associate-tag", ORDERS)]),
    )
    .await;
    let places = [TABLE.to_owned(), format!("{TABLE}/columns/id")];
    for path in &places {
        for half in [&key, &object] {
            let refused = tag(&server, half, path, json!({"pii": "ssn"})).await;
            assert_eq!(refused.status, 403, "{path}: {}", refused.text());
        }
        let done = tag(&server, &both, path, json!({"pii": "ssn"})).await;
        assert_eq!(done.status, 200, "{path}: {}", done.text());
        // To own the table is not enough to untag it.
        for half in [&key, &object] {
            for own in [json!({}), json!({"pii": "none"})] {
                let refused = tag(&server, half, path, own).await;
                assert_eq!(refused.status, 403, "{path}: {}", refused.text());
            }
        }
    }
    for body in [
        json!({"tags": {"pii": null}}),
        json!({"tags": null}),
        json!({"tags": {"pii": "none"}, "comment": "x"}),
    ] {
        let refused = patch(&server, &object, TABLE, "*", body.clone()).await;
        assert!(
            [403, 422].contains(&refused.status.as_u16()),
            "{body}: {}",
            refused.text()
        );
    }
    let own = server.get(&admin(&server), &format!("{TABLE}/tags")).await.json()["own"].clone();
    assert_eq!(own, json!({"pii": "ssn"}));
    // The right on one table is none on what is around it.
    for path in ["/v1/catalogs/lake", SALES] {
        let refused = tag(&server, &both, path, json!({"pii": "ssn"})).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.text());
    }
    let unknown = tag(&server, &both, TABLE, json!({"pii": "secret"})).await;
    assert!(unknown.status.is_client_error(), "{}", unknown.text());
}

#[tokio::test]
async fn the_nearest_value_decides() {
    let server = Server::start().await;
    apply(&server, json!({"tags": {"pii": {"values": ["none", "ssn"]}}})).await;
    let forbid = "@id(\"pii.clear\")\nforbid(principal, action == Lakegate::Action::\"Select\", resource is Lakegate::Column)\n\
                  when { resource.hasTag(\"pii\") && resource.getTag(\"pii\") != \"none\" };";
    let made = server
        .post(&admin(&server), "/v1/policies", &[], &json!({"text": forbid}))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let (id, region) = (format!("{TABLE}/columns/id"), format!("{TABLE}/columns/region"));
    assert_eq!(columns(&server).await, ["id", "region", "amount"]);
    for (path, own, seen) in [
        (id.as_str(), json!({"pii": "ssn"}), vec!["region", "amount"]),
        (TABLE, json!({"pii": "none"}), vec!["region", "amount"]),
        ("/v1/catalogs/lake", json!({"pii": "ssn"}), vec!["region", "amount"]),
        (TABLE, json!({}), vec!["ACCESS_DENIED"]),
        (region.as_str(), json!({"pii": "none"}), vec!["region"]),
        (SALES, json!({"pii": "none"}), vec!["region", "amount"]),
        (id.as_str(), json!({}), vec!["id", "region", "amount"]),
    ] {
        tagged(&server, path, own.clone()).await;
        assert_eq!(columns(&server).await, seen, "{path} {own}");
    }
}
