//! Does a real provider's token work? Keycloak's, where the environment names one; see tests/servers.

use http::StatusCode;

use crate::server::Server;

const VARIABLES: [&str; 6] = [
    "ISSUER",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "USERNAME",
    "PASSWORD",
    "AUDIENCE",
];

fn provider() -> Option<[String; 6]> {
    let read = VARIABLES.map(|name| std::env::var(format!("LAKEGATE_TEST_OIDC_{name}")).ok());
    let found: Vec<String> = read.into_iter().flatten().collect();
    found.try_into().ok()
}

#[tokio::test]
async fn a_token_of_keycloak_works() {
    let Some([issuer, client, secret, username, password, audience]) = provider() else {
        eprintln!("SKIPPED: LAKEGATE_TEST_OIDC_{{{}}} are not set", VARIABLES.join(","));
        return;
    };
    let http = reqwest::Client::builder()
        .timeout(std::time::Duration::from_secs(20))
        .build()
        .unwrap();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "password"),
            ("client_id", &client),
            ("client_secret", &secret),
        ])
        .extend_pairs([
            ("username", &username),
            ("password", &password),
            ("scope", &"openid".to_owned()),
        ])
        .finish();
    let request = http.post(format!("{issuer}/protocol/openid-connect/token"));
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    let token = answer["access_token"]
        .as_str()
        .unwrap_or_else(|| panic!("no token: {}", answer["error_description"]));

    let entry = format!("[{{issuer = \"{issuer}\", audience = \"{audience}\", auto_create = true}}]");
    let server = Server::with(&[("LAKEGATE__AUTH__OIDC", &entry)], "https://nobody~ana").await;
    server.app.auth.refresh_keys().await;
    assert!(server.app.auth.keys_usable());
    let me = server.get(token, "/v1/whoami").await;
    assert_eq!(
        (me.status, me.json()["method"].as_str()),
        (StatusCode::OK, Some("oidc")),
        "{}",
        me.text()
    );
    assert!(me.json()["name"].as_str().unwrap().starts_with(&format!("{issuer}~")));

    let mut broken = token.to_owned();
    let last = broken.pop().unwrap();
    broken.push(if last == 'A' { 'B' } else { 'A' });
    let payload_changed = broken.replacen(".e", ".f", 1);
    assert_eq!(
        server.get(&payload_changed, "/v1/whoami").await.status,
        StatusCode::UNAUTHORIZED
    );
}
