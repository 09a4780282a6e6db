//! What does each operation answer to somebody who was granted nothing, and to nobody at all?
//!
//! `golden/authorization.txt` is the table; `golden/uncovered_endpoints.txt` lists operations that it lacks: none.

use std::{collections::BTreeMap, path::Path};

use http::Method;
use serde_json::Value;

use super::server::{BOB, Server};

/// Segments and bodies of a request for each operation. Everything that is named exists, and is hidden from Bob.
const NAMES: &[(&str, &str)] = &[
    ("{catalog}", "lake"),
    ("{database}", "sales"),
    ("{table}", "orders"),
    ("{column}", "id"),
    ("{partition}", "year=1"),
    ("{view}", "orders"),
    ("{id}", "00000000-0000-0000-0000-000000000000"),
];
const BODIES: &[(&str, &str)] = &[
    ("apply_lake", r#"{"lake":"x","roles":{"x":{}}}"#),
    ("create_catalog", r#"{"name":"x","connection":"local"}"#),
    (
        "create_connection",
        r#"{"name":"x","connector":"sqlite","options":{"path":"x.db"}}"#,
    ),
    (
        "create_grant",
        r#"{"to":"user:bob","privileges":["select"],"resource":"table:lake.sales.orders"}"#,
    ),
    ("create_partition", r#"{"values":{},"location":"x/"}"#),
    ("create_view", r#"{"name":"x","sql":"SELECT id FROM orders"}"#),
    (
        "create_policy",
        r#"{"text":"@id(\"x\") permit(principal, action, resource);"}"#,
    ),
    ("explain_policies", r#"{"resource":"table:lake.sales.orders"}"#),
    ("rollback_lake", r#"{"epoch":1}"#),
    ("run_sql", r#"{"sql":"SELECT * FROM lake.sales.orders"}"#),
    (
        "simulate_policies",
        r#"{"principal":"ana","resource":"table:lake.sales.orders"}"#,
    ),
    (
        "submit_query",
        r#"{"sql":"SELECT * FROM lake.sales.orders","workgroup":"nope"}"#,
    ),
    ("validate_policies", r#"{"text":""}"#),
];

fn name_of(operation: &str) -> &'static str {
    match operation {
        _ if operation.ends_with("role") => "analyst",
        _ if operation.ends_with("user") => "ana",
        _ if operation.ends_with("workgroup") => "hidden",
        _ if operation.ends_with("policy") => "default.admin",
        _ if operation.ends_with("api_key") => "ana",
        _ if operation.ends_with("connection") => "local",
        _ => "hidden",
    }
}

/// Operation → method and path.
fn operations() -> BTreeMap<String, (Method, String)> {
    let document: Value = serde_json::from_str(&lakegate::router::document().unwrap()).unwrap();
    let mut operations = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            operations.insert(
                operation["operationId"].as_str().unwrap().to_owned(),
                (method, path.clone()),
            );
        }
    }
    operations
}

#[tokio::test]
async fn nobody_gets_anything() {
    let server = Server::start().await;
    super::apply(
        &server,
        serde_json::json!({"workgroups": {"hidden": {}}, "tags": {"hidden": {}}}),
    )
    .await;
    let mut table =
        String::from("# operation: status for a user without grants (whom everything named is hidden from)\n");
    let mut uncovered = String::new();
    for (operation, (method, template)) in operations() {
        let path = NAMES
            .iter()
            .fold(template.replace("{name}", name_of(&operation)), |path, (key, name)| {
                path.replace(key, name)
            });
        let given = BODIES
            .iter()
            .find(|(known, _)| *known == operation)
            .map(|(_, body)| *body);
        let body = match (&method, given) {
            (_, Some(body)) => body,
            (&Method::POST, None) => r#"{"name":"x"}"#,
            (&Method::PUT, None) => r#"{"own":{}}"#,
            (&Method::PATCH, None) => r#"{"comment":"x"}"#,
            _ => "",
        };
        let anonymous = server
            .call(method.clone(), "lgk_nobody", &path, &[("if-match", "\"1\"")], body)
            .await;
        assert_eq!(anonymous.status, 401, "{operation}");
        let answer = server.call(method, BOB, &path, &[("if-match", "\"1\"")], body).await;
        let status = answer.status.as_u16();
        if matches!(status, 400 | 405 | 415 | 422) {
            uncovered.push_str(&format!("{operation}: {}\n", answer.text()));
        }
        let items = serde_json::from_slice::<Value>(&answer.body)
            .ok()
            .and_then(|body| Some(body.get("items")?.as_array()?.len()));
        let shown = items.map(|items| format!(", {items} items")).unwrap_or_default();
        table.push_str(&format!("{operation}: {status}{shown}\n"));
    }
    golden("authorization.txt", &table);
    golden("uncovered_endpoints.txt", &uncovered);
}

fn golden(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap_or_default(),
        text,
        "{name}: run with UPDATE_GOLDEN=1 and look at the difference"
    );
}
