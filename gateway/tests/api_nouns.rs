//! Do the stored resources of the API live, hide and refuse as they should? Through the real router over a real store.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::too_many_arguments,
    reason = "a case fails by panicking"
)]

#[allow(dead_code, reason = "shared with the other tests of the API")]
#[path = "api/server.rs"]
mod server;

#[path = "api_nouns/acting.rs"]
mod acting;
#[path = "api_nouns/attack.rs"]
mod attack;
#[path = "api_nouns/discovery.rs"]
mod discovery;
#[path = "api_nouns/escalation.rs"]
mod escalation;
#[path = "api_nouns/explanations.rs"]
mod explanations;
#[path = "api_nouns/grant_option.rs"]
mod grant_option;
#[path = "api_nouns/grants.rs"]
mod grants;
#[path = "api_nouns/hidden.rs"]
mod hidden;
#[path = "api_nouns/keys.rs"]
mod keys;
#[path = "api_nouns/lake.rs"]
mod lake;
#[path = "api_nouns/life.rs"]
mod life;
#[path = "api_nouns/lists.rs"]
mod lists;
#[path = "api_nouns/matrix.rs"]
mod matrix;
#[path = "api_nouns/policies.rs"]
mod policies;
#[path = "api_nouns/relations.rs"]
mod relations;
#[path = "api_nouns/simulations.rs"]
mod simulations;
#[path = "api_nouns/tag_rights.rs"]
mod tag_rights;
#[path = "api_nouns/usage.rs"]
mod usage;
#[path = "api_nouns/views.rs"]
mod views;

use http::Method;
use serde_json::{Value, json};
use server::{Answer, Server};

/// The administrator's key, as the start left it.
fn admin(server: &Server) -> String {
    std::fs::read_to_string(server.app.config.data.join("admin.key"))
        .unwrap()
        .trim()
        .to_owned()
}

async fn patch(server: &Server, key: &str, path: &str, etag: &str, body: Value) -> Answer {
    server
        .call(Method::PATCH, key, path, &[("if-match", etag)], &body.to_string())
        .await
}

async fn delete(server: &Server, key: &str, path: &str) -> Answer {
    let etag = server.get(key, path).await.header("etag").to_owned();
    server.call(Method::DELETE, key, path, &[("if-match", &etag)], "").await
}

/// Applies maps as the administrator, in a lake of their own.
async fn apply(server: &Server, mut maps: Value) -> Answer {
    maps["lake"] = json!("extra");
    let answer = approved(server, maps).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// Applies a body as the administrator, and approves what others gain by it.
async fn approved(server: &Server, mut body: Value) -> Answer {
    let key = admin(server);
    let answer = server.post(&key, "/v1/apply", &[], &body).await;
    if answer.status != 412 {
        return answer;
    }
    body["approve_gains"] = answer.json()["effects"]["digest"].clone();
    server.post(&key, "/v1/apply", &[], &body).await
}

/// Makes a user with a key of its own, and the grants given as `(privilege, resource)`.
async fn user(server: &Server, name: &str, grants: &[(&str, &str)]) -> String {
    let grants: Vec<Value> = grants
        .iter()
        .map(|(privilege, resource)| json!({"to": format!("user:{name}"), "privileges": [privilege], "resource": resource}))
        .collect();
    apply(server, json!({"users": {name: {}}, "grants": grants})).await;
    let made = server
        .post(
            &admin(server),
            "/v1/api-keys",
            &[],
            &json!({"name": format!("{name}-key"), "user": name}),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["key"].as_str().unwrap().to_owned()
}

const TABLE: &str = "/v1/catalogs/lake/databases/sales/tables/orders";
