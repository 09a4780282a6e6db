//! Is this a token of an issuer that we believe? Signature, time, issuer, audience, subject; nothing else is trusted.
//!
//! `jku`, `x5u`, `jwk` and `x5c` of the header are never looked at; the algorithm belongs to the key, not to the token.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Validation, decode, decode_header, errors::ErrorKind};
use lakegate_catalog::{
    Store, StoreError,
    audit::AuditEvent,
    change::{ChangeSet, Put},
    identity::User,
    object::{LOCAL_LAKE, Stored},
    snapshot::Snapshot,
};

use super::{Failure, Proof, Reason, claims::Claims, jwks::KeySet};
use crate::config::auth::OidcIssuer;

/// One configured issuer.
#[derive(Debug)]
pub struct Issuer {
    config: OidcIssuer,
    keys: KeySet,
}

/// What a verified token says.
#[derive(Debug)]
pub(super) struct Verified {
    /// `issuer~sub`.
    pub(super) subject: String,
    roles: Vec<String>,
    mfa: bool,
    auth_age_ms: Option<i64>,
    ends: Option<DateTime<Utc>>,
}

impl Issuer {
    /// An issuer whose keys have not been fetched yet.
    #[must_use]
    pub fn new(config: OidcIssuer) -> Self {
        let keys = KeySet::new(&config.issuer, config.jwks_url.as_deref());
        Self { config, keys }
    }

    /// The token's `iss`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.issuer
    }

    /// Fetches the key set if it is missing or old.
    pub async fn refresh_keys(&self) {
        if self.keys.is_stale() {
            self.keys.refresh().await;
        }
    }

    /// There is a key set that may be used.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        self.keys.age().is_some()
    }

    /// Seconds since the key set was fetched.
    #[must_use]
    pub fn key_age(&self) -> Option<u64> {
        self.keys.age().as_ref().map(Duration::as_secs)
    }

    pub(super) fn auto_create(&self) -> bool {
        self.config.auto_create
    }

    pub(super) async fn verify(&self, token: &str) -> Result<Verified, Reason> {
        let header = decode_header(token).map_err(|_| Reason::Malformed)?;
        if header.crit.is_some() {
            return Err(Reason::Malformed);
        }
        let keys = self.keys.find(header.kid.as_deref().unwrap_or_default()).await;
        if keys.is_empty() {
            return Err(if self.has_keys() {
                Reason::UnknownSigner
            } else {
                Reason::NoKeys
            });
        }
        let mut refusal = Reason::Algorithm;
        for signing in keys.iter().filter(|signing| signing.algorithm == header.alg) {
            let mut validation = Validation::new(signing.algorithm);
            // Signature here; every claim in `claims`, which is stricter about types and repetition.
            validation.validate_exp = false;
            validation.validate_aud = false;
            validation.required_spec_claims.clear();
            match decode::<Claims>(token, &signing.key, &validation) {
                Ok(data) => return self.read(&data.claims),
                Err(error) => {
                    refusal = if matches!(error.kind(), ErrorKind::Json(_)) {
                        Reason::Claims
                    } else {
                        Reason::Signature
                    }
                }
            }
        }
        Err(refusal)
    }

    fn read(&self, claims: &Claims) -> Result<Verified, Reason> {
        let now = Utc::now().timestamp();
        let subject = claims.check(&self.config.issuer, &self.config.audience, now)?;
        let groups = claims.texts(&self.config.groups_claim);
        Ok(Verified {
            subject: format!("{}~{subject}", self.config.issuer),
            roles: groups
                .iter()
                .filter_map(|group| self.config.role_map.get(group))
                .cloned()
                .collect(),
            mfa: claims.mfa(),
            auth_age_ms: claims.auth_age_ms(now),
            ends: DateTime::from_timestamp(claims.end().unwrap_or(now), 0),
        })
    }
}

impl Verified {
    /// Roles that do not exist give nothing.
    pub(super) fn into_proof(self, user: Arc<Stored<User>>, snapshot: &Snapshot) -> Proof {
        let extra_roles = self
            .roles
            .iter()
            .filter_map(|name| snapshot.find_role(name).map(|role| role.id.clone()))
            .collect();
        Proof {
            user,
            key: None,
            method: "oidc",
            mfa: self.mfa,
            auth_age_ms: self.auth_age_ms,
            extra_roles,
            ends: self.ends,
        }
    }
}

/// Three parts, the first of which begins like a JSON object.
pub(super) fn looks_like_token(token: &str) -> bool {
    token.starts_with("ey") && token.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// The issuer that the token names, to find whose keys to try. Believed only after verification.
pub(super) fn unverified_issuer(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    Some(claims.get("iss")?.as_str()?.to_owned())
}

/// Makes a user without any right for a subject that has none. Its name is the subject, so that it looks like nobody.
pub(super) async fn create_user(store: &Store, subject: &str) -> Result<Arc<Stored<User>>, Failure> {
    let body = User {
        kind: "human".to_owned(),
        clearance: 0,
        roles: Vec::new(),
        attributes: BTreeMap::new(),
        subjects: vec![subject.to_owned()],
    };
    let put = Put::create(None, subject, LOCAL_LAKE, &body).map_err(Failure::Store)?;
    let change = ChangeSet {
        puts: vec![put.clone()],
        audit: vec![creation(subject, put.id.as_str())],
        principal: "oidc".to_owned(),
        ..ChangeSet::default()
    };
    match store.commit(change).await {
        // Somebody else with the same token was faster: it is the same user.
        Ok(_) | Err(StoreError::AlreadyExists { .. }) => {}
        Err(error) => return Err(Failure::Store(error)),
    }
    let snapshot = store.snapshot().await.map_err(Failure::Store)?;
    snapshot
        .user_by_subject(subject)
        .cloned()
        .ok_or(Failure::refused("oidc", Reason::UnknownSubject))
}

fn creation(subject: &str, id: &str) -> AuditEvent {
    AuditEvent {
        time: Utc::now(),
        kind: "change".to_owned(),
        principal: "oidc".to_owned(),
        principal_id: String::new(),
        method: "oidc".to_owned(),
        address: None,
        door: "rest".to_owned(),
        action: "ManageIdentity".to_owned(),
        resource: format!("user:{subject}"),
        resource_id: Some(id.to_owned()),
        decision: "allow".to_owned(),
        outcome: "ok".to_owned(),
        policies: vec!["auth.oidc.auto_create".to_owned()],
        filters: Vec::new(),
        restrictive: Vec::new(),
        masks: BTreeMap::new(),
        hidden: Vec::new(),
        snapshot_version: None,
        policy_version: None,
        query_id: None,
        trace_id: None,
        rows: None,
        bytes: None,
        details: BTreeMap::new(),
    }
}
