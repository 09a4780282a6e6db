//! Which keys does an issuer sign with? Its key set, fetched when needed, kept while the issuer is away.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};
use serde::Deserialize;

/// An unknown key makes us fetch at most once in this time.
const REFRESH: Duration = Duration::from_secs(10);
/// The last good set is used for so long.
const KEEP: Duration = Duration::from_secs(24 * 3_600);
/// A set is fetched anew after this time.
const STALE: Duration = Duration::from_secs(3_600);
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest document that is read.
const MAX_BYTES: usize = 1_048_576;

/// The key set of one issuer.
pub(super) struct KeySet {
    issuer: String,
    url: Option<String>,
    client: reqwest::Client,
    keys: RwLock<Option<Fetched>>,
    /// When it was fetched last, or tried.
    attempt: tokio::sync::Mutex<Option<Instant>>,
    refresh: Duration,
}

/// Key and the one algorithm that it may be used with.
#[derive(Clone)]
pub(super) struct SigningKey {
    pub(super) key: DecodingKey,
    pub(super) algorithm: Algorithm,
}

struct Fetched {
    /// By key id; a key without id under the empty text.
    keys: Arc<HashMap<String, Vec<SigningKey>>>,
    at: Instant,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySet")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl KeySet {
    pub(super) fn new(issuer: &str, url: Option<&str>) -> Self {
        // No redirects: an issuer's documents are where it says they are.
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap_or_default();
        Self {
            issuer: issuer.to_owned(),
            url: url.map(str::to_owned),
            client,
            keys: RwLock::new(None),
            attempt: tokio::sync::Mutex::new(None),
            refresh: REFRESH,
        }
    }

    /// The keys that may have signed a token with this key id; fetches if there is none.
    pub(super) async fn find(&self, id: &str) -> Vec<SigningKey> {
        if let Some(keys) = self.known(id, STALE) {
            return keys;
        }
        self.refresh().await;
        self.known(id, KEEP).unwrap_or_default()
    }

    /// Fetches the set, unless that was tried just now.
    pub(super) async fn refresh(&self) {
        let mut attempt = self.attempt.lock().await;
        if attempt.is_some_and(|at| at.elapsed() < self.refresh) {
            return;
        }
        *attempt = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => {
                if let Ok(mut current) = self.keys.write() {
                    *current = Some(Fetched {
                        keys: Arc::new(keys),
                        at: Instant::now(),
                    });
                }
            }
            Err(error) => tracing::warn!(issuer = %self.issuer, %error, "the issuer's keys cannot be fetched"),
        }
    }

    /// Age of the set; absent: there is none that may be used.
    pub(super) fn age(&self) -> Option<Duration> {
        let keys = self.keys.read().ok()?;
        keys.as_ref()
            .map(|fetched| fetched.at.elapsed())
            .filter(|age| *age < KEEP)
    }

    /// There is no set, or one that should be fetched again.
    pub(super) fn is_stale(&self) -> bool {
        self.age().is_none_or(|age| age >= STALE)
    }

    fn known(&self, id: &str, limit: Duration) -> Option<Vec<SigningKey>> {
        let keys = self.keys.read().ok()?;
        let fetched = keys.as_ref().filter(|fetched| fetched.at.elapsed() < limit)?;
        fetched.keys.get(id).cloned()
    }

    async fn fetch(&self) -> Result<HashMap<String, Vec<SigningKey>>, String> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let set: JwkSetDocument = self.get(&url).await?;
        let mut keys: HashMap<String, Vec<SigningKey>> = HashMap::new();
        // A key that we do not know how to use does not spoil the others.
        for key in set
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
        {
            if let Some(signing) = signing_key(&key) {
                keys.entry(key.common.key_id.unwrap_or_default())
                    .or_default()
                    .push(signing);
            }
        }
        if keys.is_empty() {
            Err("the key set holds no usable key".to_owned())
        } else {
            Ok(keys)
        }
    }

    async fn discover(&self) -> Result<String, String> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let found: Discovery = self.get(&url).await?;
        if found.issuer != self.issuer {
            return Err("the discovery document names another issuer".to_owned());
        }
        Ok(found.jwks_uri)
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, url: &str) -> Result<T, String> {
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let mut response = self
            .client
            .get(url)
            .send()
            .await
            .map_err(failed)?
            .error_for_status()
            .map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err("the document is too large".to_owned());
            }
        }
        serde_json::from_slice(&body).map_err(|error| format!("the document is not as expected: {error}"))
    }
}

/// A [`JwkSet`] whose keys are read one by one.
#[derive(Deserialize)]
struct JwkSetDocument {
    keys: Vec<serde_json::Value>,
}

// The type that the document stands for, so that a change of the library's shows here.
const _: fn(JwkSet) -> Vec<Jwk> = |set| set.keys;

/// A public signature key with its algorithm: as declared, else the usual one of its type. Shared secrets are none.
fn signing_key(jwk: &Jwk) -> Option<SigningKey> {
    if jwk
        .common
        .public_key_use
        .as_ref()
        .is_some_and(|usage| *usage != PublicKeyUse::Signature)
    {
        return None;
    }
    let usual = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => Algorithm::ES256,
            EllipticCurve::P384 => Algorithm::ES384,
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(_) => Algorithm::EdDSA,
        _ => return None,
    };
    let algorithm = match jwk.common.key_algorithm {
        Some(declared) => Algorithm::try_from(declared).ok()?,
        None => usual,
    };
    let fits = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => matches!(
            algorithm,
            Algorithm::RS256
                | Algorithm::RS384
                | Algorithm::RS512
                | Algorithm::PS256
                | Algorithm::PS384
                | Algorithm::PS512
        ),
        _ => algorithm == usual,
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    fits.then_some(SigningKey { key, algorithm })
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use axum::{Router, extract::State, routing::get};
    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Provider {
        keys: Arc<Mutex<Value>>,
        fetched: Arc<AtomicUsize>,
    }

    impl Provider {
        async fn start(self) -> String {
            let router = Router::new().route("/keys", get(keys)).with_state(self);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let serving = tokio::runtime::Handle::current().spawn(async move { axum::serve(listener, router).await });
            drop(serving);
            format!("http://{address}/keys")
        }

        fn publish(&self, ids: &[&str]) {
            let key = |id: &&str| {
                json!({
                    "kid": id, "kty": "OKP", "crv": "Ed25519", "use": "sig", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                })
            };
            let mut keys: Vec<Value> = ids.iter().map(key).collect();
            keys.push(json!({"kid": "secret", "kty": "oct", "k": "AAAA", "alg": "HS256"}));
            keys.push(json!({"kid": "odd", "kty": "unheard-of"}));
            *self.keys.lock().unwrap() = json!({"keys": keys});
        }
    }

    async fn keys(State(provider): State<Provider>) -> String {
        provider.fetched.fetch_add(1, Ordering::Relaxed);
        provider.keys.lock().unwrap().to_string()
    }

    async fn key_set(provider: &Provider) -> KeySet {
        KeySet::new("https://id", Some(&provider.clone().start().await))
    }

    #[tokio::test]
    async fn keys_rotate() {
        let provider = Provider::default();
        provider.publish(&["a"]);
        let mut set = key_set(&provider).await;
        set.refresh = Duration::ZERO;
        assert_eq!(set.find("a").await.len(), 1);
        provider.publish(&["b"]);
        assert_eq!(set.find("b").await.len(), 1);
        assert!(set.find("a").await.is_empty(), "a withdrawn key is no key");
        assert!(set.find("secret").await.is_empty(), "shared secrets are no signers");
    }

    #[tokio::test]
    async fn an_unknown_key_fetches_once() {
        let provider = Provider::default();
        provider.publish(&["a"]);
        let set = key_set(&provider).await;
        for number in 0..20 {
            assert!(set.find(&format!("unknown {number}")).await.is_empty());
        }
        assert_eq!(provider.fetched.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn the_last_good_set_outlives_the_provider() {
        let provider = Provider::default();
        provider.publish(&["a"]);
        let mut set = key_set(&provider).await;
        set.refresh = Duration::ZERO;
        set.refresh().await;
        *provider.keys.lock().unwrap() = json!({"error": "away"});
        set.refresh().await;
        assert_eq!(set.find("a").await.len(), 1);
        assert!(set.age().is_some());
    }
}
