//! Where do the facts of a request come from? Policies read them through HTTP, with real tokens (governance.md §2.1).

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    oidc::{Provider, sign, with, without},
    server::{Answer, Server, cross_join},
};

const FAY: &str = "fay-key-0123456789-0123456789-0123456789";

/// One table for each fact; fay reads it where its condition holds.
const FACTS: &[(&str, &str)] = &[
    ("behalf", "context has on_behalf_of"),
    ("client", "context.client == \"rest\""),
    ("fresh", "context.auth_age < duration(\"5m\")"),
    ("inside", "context.ip.isInRange(ip(\"192.0.2.0/24\"))"),
    ("mfa", "context.mfa"),
    ("purpose", "context has purpose && context.purpose == \"fraud\""),
    ("ticket", "context has ticket"),
    ("unknown", "context.auth_age == duration(\"9223372036854775807ms\")"),
    ("workgroup", "context.workgroup == Lakegate::Workgroup::\"primary\""),
];

async fn server(provider: &Provider) -> Server {
    let issuer = format!(
        "[{{issuer = \"{}\", audience = \"lakegate\", groups_claim = \"groups\"}}]",
        provider.issuer
    );
    let settings = [
        ("LAKEGATE__AUTH__OIDC", issuer.as_str()),
        ("LAKEGATE__HTTP__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
        ("FAY_KEY", FAY),
    ];
    let server = Server::with(&settings, "https://nobody~ana").await;
    let directory = tempfile::tempdir().unwrap();
    let mut lake = format!(
        "lake: facts\nworkgroups:\n  other: {{}}\nusers:\n  fay: {{subjects: [\"{}~fay\"], attributes: {{purposes: [fraud]}}}}\n\
         keys:\n  fay: {{user: fay, secret: \"env://FAY_KEY\"}}\ntables:\n",
        provider.issuer
    );
    let mut cedar =
        "@id(\"fay.submits\")\npermit(principal, action == Lakegate::Action::\"SubmitQuery\", resource);\n".to_owned();
    for (name, condition) in FACTS {
        lake += &format!(
            "  lake.sales.{name}: {{format: csv, location: \"orders/\", columns: [{{name: id, type: bigint}}]}}\n"
        );
        cedar += &format!(
            "@id(\"fact.{name}\")\npermit(principal == Lakegate::User::\"fay\", action == Lakegate::Action::\"Select\", \
             resource in Lakegate::Table::\"lake.sales.{name}\") when {{ {condition} }};\n"
        );
    }
    std::fs::write(directory.path().join("lake.yaml"), lake).unwrap();
    std::fs::write(directory.path().join("policies.cedar"), cedar).unwrap();
    lakegate::bootstrap::bootstrap(&server.app, &[directory.path().to_owned()])
        .await
        .unwrap();
    server
}

fn fay(provider: &Provider) -> Value {
    with(provider.claims(), "sub", json!("fay"))
}

/// What the caller can read, of all facts.
async fn readable(server: &Server, token: &str, headers: &[(&str, &str)], more: Value) -> Vec<&'static str> {
    let mut found = Vec::new();
    for (name, _) in FACTS {
        let mut body = json!({"sql": format!("select count(*) from lake.sales.{name}")});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let headers: Vec<_> = headers
            .iter()
            .copied()
            .chain([("accept", "application/json")])
            .collect();
        let answer = server.post(token, "/v1/sql", &headers, &body).await;
        match answer.status {
            StatusCode::OK => found.push(*name),
            StatusCode::NOT_FOUND => assert_eq!(answer.code(), "TABLE_NOT_FOUND"),
            _ => panic!("{name}: {}", answer.text()),
        }
    }
    found
}

#[tokio::test]
async fn facts_of_the_log_in_come_from_the_token() {
    let provider = Provider::start().await;
    let server = server(&provider).await;
    let claims = || fay(&provider);
    let now = claims()["iat"].as_i64().unwrap();
    let always = ["client", "workgroup"];
    let strong = ["client", "fresh", "mfa", "workgroup"];
    let weak = ["client", "fresh", "workgroup"];
    let old = ["client", "mfa", "workgroup"];
    let unknown = ["client", "mfa", "unknown", "workgroup"];
    for (what, claims, expected) in [
        ("a second factor, a minute ago", claims(), &strong[..]),
        ("a password only", with(claims(), "amr", json!(["pwd"])), &weak),
        ("no methods", without(claims(), "amr"), &weak),
        ("methods in a text", with(claims(), "amr", json!("otp")), &weak),
        ("an hour ago", with(claims(), "auth_time", json!(now - 3_600)), &old),
        ("never", without(claims(), "auth_time"), &unknown),
        ("in a text", with(claims(), "auth_time", json!("1")), &unknown),
    ] {
        let token = sign(&claims);
        assert_eq!(readable(&server, &token, &[], json!({})).await, expected, "{what}");
    }
    // A key proves nothing of the person.
    let key = readable(&server, FAY, &[], json!({})).await;
    assert_eq!(key, ["client", "unknown", "workgroup"]);
    let other = readable(&server, FAY, &[], json!({"workgroup": "other"})).await;
    assert_eq!(other, ["client", "unknown"]);
    assert!(always.iter().all(|fact| key.contains(fact)));
}

#[tokio::test]
async fn a_purpose_is_declared_and_ones_own() {
    let provider = Provider::start().await;
    let server = server(&provider).await;
    let own = readable(&server, FAY, &[], json!({"purpose": "fraud"})).await;
    assert!(own.contains(&"purpose"), "{own:?}");
    let header = readable(&server, FAY, &[("lakegate-purpose", "fraud")], json!({})).await;
    assert!(header.contains(&"purpose"), "{header:?}");
    let body = json!({"sql": "select 1", "purpose": "curiosity"});
    let refused = server.post(FAY, "/v1/sql", &[], &body).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (StatusCode::BAD_REQUEST, "INVALID_REQUEST")
    );
    // No header makes a ticket, or somebody to act for.
    let claimed = [("lakegate-ticket", "T-1"), ("lakegate-mfa", "true"), ("x-mfa", "true")];
    let claimed = readable(&server, FAY, &claimed, json!({"purpose": "fraud"})).await;
    assert_eq!(claimed, own);
}

#[tokio::test]
async fn the_address_is_what_a_trusted_proxy_saw() {
    let provider = Provider::start().await;
    let server = server(&provider).await;
    // The connection is from 10.1.2.3, a trusted proxy.
    for (forwarded, inside) in [
        (None, false),
        (Some("192.0.2.7"), true),
        (Some("192.0.2.7, 203.0.113.9"), false),
        (Some("203.0.113.9, 192.0.2.7"), true),
        (Some("203.0.113.9, 192.0.2.7, 10.9.9.9"), true),
    ] {
        let headers: Vec<(&str, &str)> = forwarded.iter().map(|value| ("x-forwarded-for", *value)).collect();
        let found = readable(&server, FAY, &headers, json!({})).await;
        assert_eq!(found.contains(&"inside"), inside, "{forwarded:?}");
    }
    let refused = server
        .post(
            FAY,
            "/v1/sql",
            &[("x-forwarded-for", "192.0.2.7, me")],
            &json!({"sql": "select 1"}),
        )
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());
    // Without configuration nobody is believed: `auth::no_header_makes_somebody_somebody_else`.
}

/// A token that was good for its first second may not go on asking for hours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_token_ends_its_statements() {
    let provider = Provider::start().await;
    let server = server(&provider).await;
    let claims = with(
        fay(&provider),
        "exp",
        json!(fay(&provider)["iat"].as_i64().unwrap() - 27),
    );
    let (short, long) = (sign(&claims), sign(&fay(&provider)));
    let endless = format!(
        "select count(*) from {} join generate_series(1, 1000000000000) g on g.value % 7 <> o0.id + 100",
        cross_join(1)
    );
    let endless = endless.replace("lake.sales.orders", "lake.sales.client");
    let submit = |token: String| {
        let (server, body) = (&server, json!({"sql": endless}));
        async move {
            let answer: Answer = server.post(&token, "/v1/queries", &[], &body).await;
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
            format!("/v1/queries/{}", answer.json()["id"].as_str().unwrap())
        }
    };
    let ends = submit(short.clone()).await;
    let ended = async {
        loop {
            let query = server.get(FAY, &format!("{ends}?wait_ms=5000")).await.json();
            if query["state"] == "CANCELLED" {
                return query;
            }
        }
    };
    let query = tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .expect("an end");
    assert_eq!(query["error"]["code"], "POLICY_CHANGED", "{query}");
    assert_eq!(server.get(&short, &ends).await.status, StatusCode::UNAUTHORIZED);
    // With a token that is good for longer it goes on for longer.
    let goes_on = submit(long.clone()).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(server.get(&long, &goes_on).await.json()["state"], "RUNNING");
    server.post(FAY, &format!("{goes_on}/cancel"), &[], &json!({})).await;
}
