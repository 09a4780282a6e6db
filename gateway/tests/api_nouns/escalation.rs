//! Can somebody who manages identities, and nothing else, get more by it?

use serde_json::{Value, json};

use super::{Answer, admin, apply, patch, server::Server, user};

/// A helpdesk that may manage identities: everybody's, or nobody's roles.
async fn helpdesk(server: &Server) -> String {
    let desk = user(server, "hedi", &[("manage-identity", "tenant:default")]).await;
    apply(
        server,
        json!({"users": {"hedi": {"roles": ["desk"]}, "root2": {"roles": ["admin"]}, "tom": {}},
               "roles": {"desk": {}, "crew": {}, "boss": {"member_of": ["admin"]}},
               "grants": [{"to": "user:hedi", "privileges": ["manage-identity"], "resource": "tenant:default"}]}),
    )
    .await;
    desk
}

fn refused(what: &str, answer: &Answer) {
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (403, "ACCESS_DENIED"),
        "{what}: {}",
        answer.text()
    );
}

#[tokio::test]
async fn nobody_makes_themselves_more() {
    let server = Server::start().await;
    let key = helpdesk(&server).await;
    for (path, body) in [
        ("/v1/users/hedi", json!({"roles": ["desk", "admin"]})),
        ("/v1/users/hedi", json!({"roles": ["desk", "crew"]})),
        ("/v1/users/hedi", json!({"roles": null})),
        ("/v1/users/hedi", json!({"clearance": 9})),
        ("/v1/users/hedi", json!({"attributes": {"purposes": ["all"]}})),
        ("/v1/users/hedi", json!({"kind": "service"})),
        ("/v1/roles/desk", json!({"member_of": ["admin"]})),
        ("/v1/roles/desk", json!({"member_of": ["crew"]})),
    ] {
        refused(&format!("{path} {body}"), &patch(&server, &key, path, "*", body).await);
    }
    let deleted = server
        .call(http::Method::DELETE, &key, "/v1/roles/desk", &[("if-match", "*")], "")
        .await;
    refused("delete", &deleted);
    let maps = json!({"lake": "extra", "users": {"hedi": {"roles": ["admin"]}}});
    refused("apply", &server.post(&key, "/v1/apply", &[], &maps).await);
}

#[tokio::test]
async fn nobody_takes_over_an_administrator() {
    let server = Server::with(&[("NEW_KEY", &"n".repeat(40))], "https://nobody~ana").await;
    let key = helpdesk(&server).await;
    let subject = json!({"subjects": ["https://id.example~me"]});
    for (path, body) in [
        ("/v1/users/root2", subject.clone()),
        ("/v1/users/admin", subject.clone()),
        ("/v1/users/tom", json!({"roles": ["admin"]})),
        ("/v1/users/tom", json!({"roles": ["boss"]})),
        ("/v1/users/root2", json!({"roles": []})),
        ("/v1/roles/crew", json!({"member_of": ["boss"]})),
    ] {
        refused(&format!("{path} {body}"), &patch(&server, &key, path, "*", body).await);
    }
    for user in ["admin", "root2"] {
        let body = json!({"name": "grab", "user": user});
        refused("key", &server.post(&key, "/v1/api-keys", &[], &body).await);
        let maps = json!({"lake": "x", "keys": {"grab": {"user": user, "secret": "env://NEW_KEY"}}});
        refused("key of a lake", &server.post(&key, "/v1/apply", &[], &maps).await);
    }
    let made: [(&str, Value); 2] = [
        ("/v1/users", json!({"name": "puppet", "roles": ["admin"]})),
        ("/v1/roles", json!({"name": "mask", "member_of": ["admin"]})),
    ];
    for (path, body) in made {
        refused(path, &server.post(&key, path, &[], &body).await);
    }
    let chain =
        json!({"lake": "x", "roles": {"mask": {"member_of": ["admin"]}}, "users": {"puppet": {"roles": ["mask"]}}});
    refused("chain", &server.post(&key, "/v1/apply", &[], &chain).await);
}

#[tokio::test]
async fn what_is_below_is_handed_out() {
    let server = Server::start().await;
    let key = helpdesk(&server).await;
    let changed = patch(
        &server,
        &key,
        "/v1/users/tom",
        "*",
        json!({"roles": ["crew"], "attributes": {"dept": ["a"]}}),
    )
    .await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let made = server
        .post(&key, "/v1/api-keys", &[], &json!({"name": "tom", "user": "tom"}))
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let own = server.post(&key, "/v1/api-keys", &[], &json!({"name": "own"})).await;
    assert_eq!(own.status, 201, "{}", own.text());
    let own = patch(
        &server,
        &key,
        "/v1/users/hedi",
        "*",
        json!({"subjects": ["https://id.example~hedi"]}),
    )
    .await;
    assert_eq!(own.status, 200, "{}", own.text());
    // An administrator hands out administration, but not to themselves.
    let admin = admin(&server);
    let raised = patch(&server, &admin, "/v1/users/tom", "*", json!({"roles": ["admin"]})).await;
    assert_eq!(raised.status, 200, "{}", raised.text());
    refused(
        "admin",
        &patch(
            &server,
            &admin,
            "/v1/users/admin",
            "*",
            json!({"roles": ["admin", "crew"]}),
        )
        .await,
    );
}

#[tokio::test]
async fn a_role_may_be_kept_out_of_reach() {
    let server = Server::start().await;
    apply(
        &server,
        json!({"roles": {"crew": {}, "vault": {}}, "users": {"tom": {}}}),
    )
    .await;
    let key = user(
        &server,
        "hugo",
        &[("manage-identity", "user:tom"), ("manage-identity", "role:crew")],
    )
    .await;
    apply(
        &server,
        json!({"users": {"hugo": {}}, "grants": [
        {"to": "user:hugo", "privileges": ["manage-identity"], "resource": "user:tom"},
        {"to": "user:hugo", "privileges": ["manage-identity"], "resource": "role:crew"}]}),
    )
    .await;
    let crew = patch(&server, &key, "/v1/users/tom", "*", json!({"roles": ["crew"]})).await;
    assert_eq!(crew.status, 200, "{}", crew.text());
    refused(
        "vault",
        &patch(&server, &key, "/v1/users/tom", "*", json!({"roles": ["crew", "vault"]})).await,
    );
}
