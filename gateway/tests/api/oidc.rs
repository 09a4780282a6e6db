//! Which tokens get in? A provider of our own, and the table of tokens that must not (reliability-tests.md S1).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router, extract::State, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp, jwk::Jwk};
use serde_json::{Value, json};

use crate::server::Server;

const RSA: &[u8] = include_bytes!("../fixtures/rsa.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("../fixtures/rsa.pub.pem");
const OTHER_RSA: &[u8] = include_bytes!("../fixtures/other-rsa.pem");
const EC: &[u8] = include_bytes!("../fixtures/ec.pem");

#[derive(Clone)]
pub struct Provider {
    pub issuer: String,
    fetched: Arc<AtomicUsize>,
}

impl Provider {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self {
            issuer,
            fetched: Arc::default(),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .with_state(provider.clone());
        tokio::task::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    /// A gateway that believes this provider.
    async fn server(&self, more: &str) -> Server {
        let entry = format!(
            "[{{issuer = \"{}\", audience = \"lakegate\", groups_claim = \"realm.groups\", role_map = {{auditors = \"auditor\"}}{more}}}]",
            self.issuer
        );
        Server::with(&[("LAKEGATE__AUTH__OIDC", &entry)], &format!("{}~ana-sub", self.issuer)).await
    }

    pub fn claims(&self) -> Value {
        let now = get_current_timestamp();
        json!({
            "iss": self.issuer, "aud": ["account", "lakegate"], "sub": "ana-sub", "iat": now, "exp": now + 300,
            "auth_time": now - 60, "amr": ["pwd", "otp"], "realm": {"groups": ["auditors", "unknown"]},
        })
    }
}

async fn discovery(State(provider): State<Provider>) -> Json<Value> {
    Json(json!({"issuer": provider.issuer, "jwks_uri": format!("{}/jwks", provider.issuer)}))
}

async fn jwks(State(provider): State<Provider>) -> Json<Value> {
    provider.fetched.fetch_add(1, Ordering::Relaxed);
    Json(
        json!({"keys": [public("rsa", &rsa(RSA), Algorithm::RS256), public("ec", &EncodingKey::from_ec_pem(EC).unwrap(), Algorithm::ES256)]}),
    )
}

fn public(id: &str, key: &EncodingKey, algorithm: Algorithm) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(key, algorithm).unwrap();
    jwk.common.key_id = Some(id.to_owned());
    jwk
}

fn rsa(pem: &[u8]) -> EncodingKey {
    EncodingKey::from_rsa_pem(pem).unwrap()
}

fn header(algorithm: Algorithm, id: &str) -> Header {
    Header {
        kid: Some(id.to_owned()),
        ..Header::new(algorithm)
    }
}

pub fn sign(claims: &Value) -> String {
    encode(&header(Algorithm::RS256, "rsa"), claims, &rsa(RSA)).unwrap()
}

/// With a header and claims as texts: what no library would write.
fn sign_raw(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &rsa(RSA), Algorithm::RS256).unwrap();
    format!("{message}.{signature}")
}

pub fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

pub fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[tokio::test]
async fn a_token_is_its_user() {
    let provider = Provider::start().await;
    let server = provider.server("").await;
    let ec = encode(
        &header(Algorithm::ES256, "ec"),
        &provider.claims(),
        &EncodingKey::from_ec_pem(EC).unwrap(),
    )
    .unwrap();
    let one_audience = sign(&with(provider.claims(), "aud", json!("lakegate")));
    for token in [sign(&provider.claims()), ec, one_audience] {
        let answer = server.get(&token, "/v1/whoami").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let me = answer.json();
        assert_eq!(
            (&me["name"], &me["method"], &me["mfa"]),
            (&"ana".into(), &"oidc".into(), &true.into())
        );
        assert_eq!(
            me["roles"],
            json!(["analyst", "auditor", "staff"]),
            "roles of the user and of the groups"
        );
        let age = me["auth_age_ms"].as_i64().unwrap();
        assert!((60_000..90_000).contains(&age), "{age}");
    }
    assert!(server.refusals().await.is_empty());
}

fn bad_tokens(provider: &Provider) -> Vec<(&'static str, String)> {
    let claims = || provider.claims();
    let now = get_current_timestamp();
    let good = sign(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"rsa"}"#);
    let root = URL_SAFE_NO_PAD.encode(with(claims(), "sub", json!("root")).to_string());
    let shared = EncodingKey::from_secret(RSA_PUBLIC);
    let other = rsa(OTHER_RSA);
    let text = claims().to_string();
    let attacker = Jwk::from_encoding_key(&other, Algorithm::RS256).unwrap();
    let injected = Header {
        jwk: Some(attacker),
        jku: Some("http://127.0.0.1:1/jwks".to_owned()),
        x5u: Some("http://127.0.0.1:1/x".to_owned()),
        ..header(Algorithm::RS256, "rsa")
    };
    let crit = r#"{"alg":"RS256","kid":"rsa","crit":["b64"],"b64":false}"#;
    let plain = r#"{"alg":"RS256","kid":"rsa"}"#;
    vec![
        ("alg none", format!("{none}.{}.", parts[1])),
        ("alg none with a signature", format!("{none}.{}.{}", parts[1], parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("other payload", format!("{}.{root}.{}", parts[0], parts[2])),
        (
            "HS256 with the public key",
            encode(&header(Algorithm::HS256, "rsa"), &claims(), &shared).unwrap(),
        ),
        (
            "HS512 with the public key",
            encode(&header(Algorithm::HS512, "rsa"), &claims(), &shared).unwrap(),
        ),
        (
            "another algorithm of the same key",
            encode(&header(Algorithm::RS512, "rsa"), &claims(), &rsa(RSA)).unwrap(),
        ),
        (
            "another key under this id",
            encode(&header(Algorithm::RS256, "rsa"), &claims(), &other).unwrap(),
        ),
        ("injected key", encode(&injected, &claims(), &other).unwrap()),
        (
            "unknown id",
            encode(&header(Algorithm::RS256, "nobody"), &claims(), &rsa(RSA)).unwrap(),
        ),
        (
            "path as id",
            encode(&header(Algorithm::RS256, "../../dev/null"), &claims(), &rsa(RSA)).unwrap(),
        ),
        (
            "key of another type",
            encode(&header(Algorithm::RS256, "ec"), &claims(), &rsa(RSA)).unwrap(),
        ),
        (
            "no id",
            encode(&Header::new(Algorithm::RS256), &claims(), &rsa(RSA)).unwrap(),
        ),
        ("critical extension", sign_raw(crit, &text)),
        (
            "wrong issuer",
            sign(&with(claims(), "iss", json!("https://id.example"))),
        ),
        (
            "issuer with a slash",
            sign(&with(claims(), "iss", json!(format!("{}/", provider.issuer)))),
        ),
        (
            "list of issuers",
            sign(&with(claims(), "iss", json!([provider.issuer]))),
        ),
        ("no issuer", sign(&without(claims(), "iss"))),
        ("wrong audience", sign(&with(claims(), "aud", json!(["account"])))),
        ("longer audience", sign(&with(claims(), "aud", json!("lakegate2")))),
        ("no audience", sign(&without(claims(), "aud"))),
        ("expired", sign(&with(claims(), "exp", json!(now - 120)))),
        (
            "expiry as text",
            sign(&with(claims(), "exp", json!((now + 300).to_string()))),
        ),
        ("no expiry", sign(&without(claims(), "exp"))),
        ("not yet valid", sign(&with(claims(), "nbf", json!(now + 120)))),
        ("nbf as text", sign(&with(claims(), "nbf", json!("0")))),
        ("no subject", sign(&without(claims(), "sub"))),
        ("empty subject", sign(&with(claims(), "sub", json!("")))),
        ("unknown subject", sign(&with(claims(), "sub", json!("mallory")))),
        ("look-alike subject", sign(&with(claims(), "sub", json!("аna-sub")))),
        ("subject with a tilde", sign(&with(claims(), "sub", json!("x~ana-sub")))),
        (
            "only a name like hers",
            sign(&with(
                with(claims(), "sub", json!("m")),
                "preferred_username",
                json!("ana"),
            )),
        ),
        (
            "doubled subject",
            sign_raw(plain, &text.replacen("\"sub\":", "\"sub\":\"mallory\",\"sub\":", 1)),
        ),
        (
            "doubled expiry",
            sign_raw(plain, &text.replacen("\"exp\":", "\"exp\":1,\"exp\":", 1)),
        ),
        ("claims that are no object", sign_raw(plain, "[]")),
        ("oversized", sign(&with(claims(), "padding", json!("x".repeat(9_000))))),
        ("four parts", format!("{good}.{}", parts[2])),
        ("no token", "eyJ.e.e".to_owned()),
    ]
}

#[tokio::test]
async fn bad_tokens_are_refused_alike_and_audited_once() {
    let provider = Provider::start().await;
    let server = provider.server("").await;
    let tokens = bad_tokens(&provider);
    let mut likeness = None;
    for (number, (what, token)) in tokens.iter().enumerate() {
        let answer = server.get(token, "/v1/whoami").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
        let this = answer.likeness("");
        assert_eq!(likeness.get_or_insert_with(|| this.clone()), &this, "{what}");
        let refusals = server.refusals().await;
        assert_eq!(refusals.len(), number + 1, "{what}");
        assert!(
            !serde_json::to_string(&refusals[0].event).unwrap().contains("ana-sub"),
            "{what}"
        );
    }
    assert_eq!(
        server.get(&sign(&provider.claims()), "/v1/whoami").await.status,
        StatusCode::OK
    );
    assert_eq!(
        provider.fetched.load(Ordering::Relaxed),
        1,
        "unknown keys fetch once in ten seconds"
    );
}

#[tokio::test]
async fn a_provider_that_is_away_lets_nobody_in() {
    let entry = "[{issuer = \"http://127.0.0.1:1\", audience = \"lakegate\"}]";
    let server = Server::with(&[("LAKEGATE__AUTH__OIDC", entry)], "http://127.0.0.1:1~ana-sub").await;
    let provider = Provider {
        issuer: "http://127.0.0.1:1".to_owned(),
        fetched: Arc::default(),
    };
    server.app.auth.refresh_keys().await;
    assert!(!server.app.auth.keys_usable());
    let answer = server.get(&sign(&provider.claims()), "/v1/whoami").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.refusals().await[0].event.details["reason"], "no_keys");
    assert_eq!(
        server.get(crate::server::ANA, "/v1/whoami").await.status,
        StatusCode::OK,
        "keys still work"
    );
}

#[tokio::test]
async fn a_new_subject_becomes_a_user_where_that_is_wanted() {
    let provider = Provider::start().await;
    let server = provider.server(", auto_create = true").await;
    let token = sign(&with(provider.claims(), "sub", json!("newcomer")));
    let first = server.get(&token, "/v1/whoami").await.json();
    let second = server.get(&token, "/v1/whoami").await.json();
    assert_eq!((&first["id"], &first["roles"]), (&second["id"], &json!(["auditor"])));
    assert_eq!(first["name"], format!("{}~newcomer", provider.issuer));
}
