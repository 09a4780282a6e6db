//! Why was a credential refused? For the audit and the metrics; the caller never learns it.

use std::collections::BTreeMap;

use chrono::Utc;
use lakegate_catalog::{StoreError, audit::AuditEvent};

use super::Origin;

/// Why a credential proves nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    Missing,
    Malformed,
    UnknownKey,
    ExpiredKey,
    UnknownUser,
    UnknownIssuer,
    /// The issuer's keys cannot be fetched.
    NoKeys,
    UnknownSigner,
    Algorithm,
    Signature,
    Expired,
    NotYetValid,
    Audience,
    Claims,
    UnknownSubject,
}

/// A failed authentication.
#[derive(Debug)]
pub enum Failure {
    /// The credential proves nothing.
    Refused { method: &'static str, reason: Reason },
    /// We cannot look.
    Store(StoreError),
}

impl Reason {
    /// The word in audit and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::ExpiredKey => "expired_key",
            Self::UnknownUser => "unknown_user",
            Self::UnknownIssuer => "unknown_issuer",
            Self::NoKeys => "no_keys",
            Self::UnknownSigner => "unknown_signer",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Audience => "audience",
            Self::Claims => "claims",
            Self::UnknownSubject => "unknown_subject",
        }
    }
}

impl Failure {
    pub(super) fn refused(method: &'static str, reason: Reason) -> Self {
        Self::Refused { method, reason }
    }
}

/// The audit event of a refused credential. Holds nothing of the credential.
#[must_use]
pub(crate) fn event(method: &str, reason: Reason, origin: &Origin) -> AuditEvent {
    AuditEvent {
        time: Utc::now(),
        kind: "authentication".to_owned(),
        principal: String::new(),
        principal_id: String::new(),
        method: method.to_owned(),
        address: Some(origin.ip.to_string()),
        door: "rest".to_owned(),
        action: "Authenticate".to_owned(),
        resource: "tenant:default".to_owned(),
        resource_id: None,
        decision: "deny".to_owned(),
        outcome: "INVALID_CREDENTIAL".to_owned(),
        policies: Vec::new(),
        filters: Vec::new(),
        restrictive: Vec::new(),
        masks: BTreeMap::new(),
        hidden: Vec::new(),
        snapshot_version: None,
        policy_version: None,
        query_id: None,
        trace_id: origin.trace_id.clone(),
        rows: None,
        bytes: None,
        details: BTreeMap::from([
            ("reason".to_owned(), reason.word().to_owned()),
            ("request_id".to_owned(), origin.request_id.clone()),
        ]),
    }
}
