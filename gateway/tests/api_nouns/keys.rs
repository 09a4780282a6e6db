//! Is a key shown once, does it work, and is it refused once it is revoked?

use serde_json::json;

use super::{
    admin, delete, patch,
    server::{ANA, BOB, Server},
};

#[tokio::test]
async fn a_made_key_is_shown_once_and_works_until_it_is_revoked() {
    let server = Server::start().await;
    let made = server.post(BOB, "/v1/api-keys", &[], &json!({"name": "laptop"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let key = made.json()["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("lgk_") && key.matches('_').count() == 3, "{key}");
    assert_eq!(
        (made.header("location"), &made.json()["user"]),
        ("/v1/api-keys/laptop", &json!("bob"))
    );
    assert_eq!(server.get(&key, "/v1/whoami").await.json()["name"], "bob");
    for path in ["/v1/api-keys", "/v1/api-keys/laptop"] {
        let shown = server.get(BOB, path).await;
        assert!(
            shown.status == 200 && !shown.text().contains("lgk_") && !shown.text().contains("hmac"),
            "{}",
            shown.text()
        );
    }
    assert_eq!(
        server
            .post(BOB, "/v1/api-keys", &[], &json!({"name": "laptop"}))
            .await
            .code(),
        "ALREADY_EXISTS"
    );
    assert_eq!(server.get(ANA, "/v1/api-keys/laptop").await.status, 404);
    assert_eq!(delete(&server, ANA, "/v1/api-keys/laptop").await.status, 404);
    assert_eq!(delete(&server, BOB, "/v1/api-keys/laptop").await.status, 204);
    assert_eq!(server.get(&key, "/v1/whoami").await.status, 401);
}

#[tokio::test]
async fn a_replay_does_not_show_the_key_again() {
    let server = Server::start().await;
    let (once, body) = ([("idempotency-key", "k1")], json!({"name": "laptop"}));
    let first = server.post(BOB, "/v1/api-keys", &once, &body).await;
    assert!(first.json()["key"].is_string(), "{}", first.text());
    let second = server.post(BOB, "/v1/api-keys", &once, &body).await;
    assert_eq!(
        (second.status.as_u16(), second.header("idempotency-replayed")),
        (201, "true"),
        "{}",
        second.text()
    );
    assert!(!second.text().contains("lgk_"), "{}", second.text());
    assert_eq!(second.header("location"), first.header("location"));
}

#[tokio::test]
async fn keys_of_others_and_given_secrets_need_the_right() {
    let server = Server::start().await;
    assert_eq!(
        server
            .post(
                BOB,
                "/v1/api-keys",
                &[],
                &json!({"name": "x", "secret": "env://ANA_KEY"})
            )
            .await
            .status,
        403
    );
    assert_eq!(
        server
            .post(BOB, "/v1/api-keys", &[], &json!({"name": "x", "user": "ana"}))
            .await
            .status,
        404
    );
    let key = admin(&server);
    let given = json!({"name": "x", "user": "bob", "secret": "env://NOT_SET"});
    let refused = server.post(&key, "/v1/api-keys", &[], &given).await;
    assert_eq!(refused.code(), "CONFIGURATION_INVALID", "{}", refused.text());
    let past = json!({"name": "past", "user": "bob", "expires": "2020-01-01T00:00:00Z"});
    let made = server.post(&key, "/v1/api-keys", &[], &past).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(
        server
            .get(made.json()["key"].as_str().unwrap(), "/v1/whoami")
            .await
            .status,
        401
    );
    assert_eq!(
        server
            .post(&key, "/v1/api-keys", &[], &json!({"name": "y", "expires": "soon"}))
            .await
            .code(),
        "INVALID_REQUEST"
    );
}

#[tokio::test]
async fn a_key_changes_its_name_and_end() {
    let server = Server::start().await;
    let made = server.post(BOB, "/v1/api-keys", &[], &json!({"name": "laptop"})).await;
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let path = "/v1/api-keys/laptop";
    let renamed = patch(
        &server,
        BOB,
        path,
        made.header("etag"),
        json!({"name": "desk", "expires": "2090-01-01T00:00:00Z"}),
    )
    .await;
    assert_eq!(
        (renamed.status.as_u16(), &renamed.json()["name"]),
        (200, &json!("desk")),
        "{}",
        renamed.text()
    );
    assert_eq!(server.get(BOB, path).await.status, 404);
    assert_eq!(server.get(&key, "/v1/whoami").await.json()["name"], "bob");
    let path = "/v1/api-keys/desk";
    let stale = patch(&server, BOB, path, made.header("etag"), json!({"expires": null})).await;
    assert_eq!(stale.code(), "STALE_VERSION", "{}", stale.text());
    let ended = patch(&server, BOB, path, "*", json!({"expires": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(ended.status, 200, "{}", ended.text());
    assert_eq!(server.get(&key, "/v1/whoami").await.status, 401, "it has expired");
    for wrong in [
        json!({"user": "ana"}),
        json!({"secret": "env://X"}),
        json!({"expires": "soon"}),
        json!({"name": ""}),
    ] {
        let refused = patch(&server, BOB, path, "*", wrong.clone()).await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text());
    }
    assert_eq!(
        patch(&server, BOB, "/v1/api-keys/bob", "*", json!({"name": "x"}))
            .await
            .code(),
        "NOT_SUPPORTED"
    );
    assert_eq!(
        patch(&server, ANA, path, "*", json!({"expires": null})).await.status,
        404
    );
    let by_admin = patch(&server, &admin(&server), path, "*", json!({"expires": null})).await;
    assert_eq!(by_admin.status, 200, "{}", by_admin.text());
    assert_eq!(server.get(&key, "/v1/whoami").await.status, 200);
}
