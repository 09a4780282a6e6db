//! Who asks? A credential becomes a [`Caller`], or the one refusal.
//!
//! No header names a user; an address is the connection's, or what a trusted proxy saw (`middleware::forwarded`).

// sorted: start
pub mod api_key;
mod claims;
mod failure;
mod jwks;
pub mod oidc;
// sorted: end

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, Utc};
use http::{HeaderMap, header};
use lakegate_catalog::{Store, id::ObjectId, identity::User, object::Stored, snapshot::Snapshot};
use lakegate_query::context::Caller;

pub(crate) use self::failure::event as refusal_event;
pub use self::failure::{Failure, Reason};
use crate::config::auth::Auth;

/// The largest header value that is looked at.
const MAX_TOKEN_BYTES: usize = 8_192;
/// Longest `User-Agent` and purpose that are kept.
const MAX_TEXT: usize = 200;

/// Proves credentials.
#[derive(Debug)]
pub struct Authenticator {
    store: Store,
    pepper: Vec<u8>,
    issuers: Vec<oidc::Issuer>,
}

/// What the connection and the trace say about a request.
#[derive(Clone, Debug)]
pub struct Origin {
    pub ip: IpAddr,
    pub request_id: String,
    pub trace_id: Option<String>,
}

/// What a credential proves.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) user: Arc<Stored<User>>,
    /// The API key that proved it, if one did.
    pub(crate) key: Option<ObjectId>,
    pub(crate) method: &'static str,
    pub(crate) mfa: bool,
    pub(crate) auth_age_ms: Option<i64>,
    pub(crate) extra_roles: Vec<ObjectId>,
    /// When the token ends; keys say it themselves.
    pub(crate) ends: Option<DateTime<Utc>>,
}

impl Authenticator {
    /// Keys under this pepper, and tokens of these issuers.
    #[must_use]
    pub fn new(store: Store, pepper: Vec<u8>, config: &Auth) -> Self {
        let issuers = config.oidc.iter().cloned().map(oidc::Issuer::new).collect();
        Self { store, pepper, issuers }
    }

    /// Fetches the key sets that are missing or old.
    pub async fn refresh_keys(&self) {
        futures::future::join_all(self.issuers.iter().map(oidc::Issuer::refresh_keys)).await;
    }

    /// Tokens can be checked: no issuer is configured, or any has a key set.
    #[must_use]
    pub fn keys_usable(&self) -> bool {
        self.issuers.is_empty() || self.issuers.iter().any(oidc::Issuer::has_keys)
    }

    /// Seconds since the key set of each issuer was fetched.
    pub fn key_ages(&self) -> impl Iterator<Item = (&str, u64)> {
        self.issuers
            .iter()
            .filter_map(|issuer| Some((issuer.name(), issuer.key_age()?)))
    }

    /// Proves the credential in the headers.
    ///
    /// # Errors
    /// Why not: for the audit and the metrics only. The caller always gets the same refusal.
    pub async fn authenticate(&self, headers: &HeaderMap, origin: &Origin) -> Result<Caller, Failure> {
        let token = bearer(headers)?;
        let snapshot = self.store.confirmed_snapshot().await.map_err(Failure::Store)?;
        let proof = match api_key::prove(&self.pepper, &snapshot, token) {
            Ok(proof) => proof,
            Err(Reason::UnknownKey) if oidc::looks_like_token(token) => self.prove_token(&snapshot, token).await?,
            Err(reason) => return Err(Failure::refused("api-key", reason)),
        };
        Ok(Caller {
            user: proof.user.id.clone(),
            name: proof.user.name.clone(),
            key: proof.key,
            method: proof.method,
            ip: origin.ip,
            mfa: proof.mfa,
            auth_age_ms: proof.auth_age_ms,
            door: "rest",
            client: text(headers, header::USER_AGENT.as_str()),
            purpose: text(headers, "lakegate-purpose"),
            trace_id: origin.trace_id.clone(),
            request_id: origin.request_id.clone(),
            extra_roles: proof.extra_roles,
            proof_ends: proof.ends,
        })
    }

    async fn prove_token(&self, snapshot: &Arc<Snapshot>, token: &str) -> Result<Proof, Failure> {
        let refused = |reason| Failure::refused("oidc", reason);
        let name = oidc::unverified_issuer(token).ok_or(refused(Reason::Malformed))?;
        let issuer = self
            .issuers
            .iter()
            .find(|issuer| issuer.name() == name)
            .ok_or(refused(Reason::UnknownIssuer))?;
        let verified = issuer.verify(token).await.map_err(refused)?;
        let user = match snapshot.user_by_subject(&verified.subject) {
            Some(user) => Arc::clone(user),
            None if issuer.auto_create() => oidc::create_user(&self.store, &verified.subject).await?,
            None => return Err(refused(Reason::UnknownSubject)),
        };
        Ok(verified.into_proof(user, snapshot))
    }
}

/// The credential of `Authorization: Bearer …`. Two such headers are none.
fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let refused = |reason| Failure::refused("none", reason);
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, more) = (values.next().ok_or(refused(Reason::Missing))?, values.next());
    if more.is_some() || first.len() > MAX_TOKEN_BYTES {
        return Err(refused(Reason::Malformed));
    }
    let text = first.to_str().map_err(|_| refused(Reason::Malformed))?;
    let (scheme, token) = text.split_once(' ').ok_or(refused(Reason::Malformed))?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(refused(Reason::Malformed));
    }
    Ok(token)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.chars().take(MAX_TEXT).collect())
}
