//! Who gets in with an API key, and what does a refusal tell?

use axum::body::Body;
use http::{Request, StatusCode};

use crate::server::{ANA, BOB, OLD, Server};

#[tokio::test]
async fn a_key_is_its_user() {
    let server = Server::start().await;
    let answer = server.get(ANA, "/v1/whoami").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let me = answer.json();
    assert_eq!(
        (&me["name"], &me["kind"], &me["method"]),
        (&"ana".into(), &"human".into(), &"api-key".into())
    );
    assert_eq!(me["roles"], serde_json::json!(["analyst", "staff"]));
    assert_eq!(me["mfa"], false);
    assert_eq!(
        server.get(BOB, "/v1/whoami").await.json()["roles"],
        serde_json::json!([])
    );
    assert!(server.refusals().await.is_empty());
}

#[tokio::test]
async fn the_administrator_has_a_key_in_a_file() {
    let server = Server::start().await;
    let path = server.app.config.data.join("admin.key");
    let key = std::fs::read_to_string(&path).unwrap();
    assert!(key.starts_with("lgk_"), "{key}");
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions()) & 0o777,
        0o600
    );
    assert_eq!(server.get(&key, "/v1/whoami").await.json()["name"], "admin");
    lakegate::bootstrap::bootstrap(&server.app, &[]).await.unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), key);
}

#[tokio::test]
async fn every_refusal_is_the_same_and_audited_once() {
    let server = Server::start().await;
    let changed = format!("lgk_abc_{}_00000000", "0".repeat(64));
    let long = "x".repeat(9_000);
    let credentials: Vec<Option<String>> = vec![
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(format!("Basic {ANA}")),
        Some(ANA.to_owned()),
        Some("Bearer wrong".to_owned()),
        Some(format!("Bearer {OLD}")),
        Some(format!("Bearer {changed}")),
        Some(format!("Bearer {long}")),
        Some(format!("Bearer {ANA}x")),
        Some(format!("Bearer {}", &ANA[1..])),
        Some(format!("Bearer {}", ANA.to_uppercase())),
    ];
    let mut likeness = None;
    for (number, credential) in credentials.iter().enumerate() {
        let mut request = Request::get("/v1/whoami");
        if let Some(credential) = credential {
            request = request.header("authorization", credential);
        }
        let answer = server.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{credential:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"lakegate\"");
        let this = answer.likeness("");
        assert_eq!(likeness.get_or_insert_with(|| this.clone()), &this);
        let refusals = server.refusals().await;
        assert_eq!(refusals.len(), number + 1, "{credential:?}");
        let event = &refusals[0].event;
        assert_eq!(
            (event.kind.as_str(), event.decision.as_str()),
            ("authentication", "deny")
        );
        assert_eq!(event.address.as_deref(), Some("10.1.2.3"));
        assert!(
            !serde_json::to_string(event).unwrap().contains("0123456789"),
            "no part of a key is kept"
        );
    }
}

#[tokio::test]
async fn two_credentials_are_none() {
    let server = Server::start().await;
    let request = Request::get("/v1/whoami").header("authorization", format!("Bearer {ANA}"));
    let request = request.header("authorization", format!("Bearer {BOB}"));
    assert_eq!(
        server.send(request.body(Body::empty()).unwrap()).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn no_header_makes_somebody_somebody_else() {
    let server = Server::start().await;
    let plain = server.get(BOB, "/v1/whoami").await;
    for (name, value) in [
        ("x-forwarded-user", "ana"),
        ("x-user", "ana"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1;by=ana"),
        ("x-real-ip", "127.0.0.1"),
        ("x-remote-user", "ana"),
    ] {
        let answer = server
            .call(http::Method::GET, BOB, "/v1/whoami", &[(name, value)], "")
            .await;
        assert_eq!(answer.likeness(""), plain.likeness(""), "{name}");
        let refused = server
            .call(http::Method::GET, "wrong", "/v1/whoami", &[(name, value)], "")
            .await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            server.refusals().await[0].event.address.as_deref(),
            Some("10.1.2.3"),
            "{name}"
        );
    }
}
