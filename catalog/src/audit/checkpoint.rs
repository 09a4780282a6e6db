//! What is signed of the audit trail? The heads of all chains at a moment, one checkpoint after the other.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    AuditFaultKind,
    chain::{canonical_json, genesis, link},
    signature::PublicKey,
};

/// `kind` of a checkpoint: no other signed text can be passed off as one.
pub const CHECKPOINT: &str = "lakegate.audit.checkpoint";
/// `kind` of a key.
pub const KEY: &str = "lakegate.audit.key";
/// Name of the ledger's own events.
const CHAIN: &str = "checkpoints";

/// A signed text as it is stored: the bytes that were signed, and the signature in hex.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedText {
    /// Canonical JSON.
    pub body: String,
    pub signature: String,
}

/// Body of a checkpoint.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    pub kind: String,
    /// 1, 2, 3, …
    pub seq: i64,
    pub time: DateTime<Utc>,
    /// Hash of the checkpoint before: see [`Checkpoint::hash`].
    pub prev: String,
    /// Id of the key that signs.
    pub key: String,
    /// `heads` holds every chain, not only those that moved.
    pub full: bool,
    /// Chains that moved since the checkpoint before.
    pub heads: Vec<ChainHead>,
    /// Hash of the heads of all chains: see [`all_heads`].
    pub all: String,
    /// What did not hold when it was signed.
    pub faults: Vec<SignedFault>,
    /// Losses that an operator has accepted.
    pub acknowledged: Vec<Acknowledged>,
}

/// The last record of a chain.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainHead {
    pub stream: String,
    pub seq: i64,
    pub hash: String,
}

/// A record that was bad when the checkpoint was made.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedFault {
    pub stream: String,
    pub seq: i64,
    pub fault: AuditFaultKind,
}

/// The tail of a chain is gone, and somebody answers for it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    pub stream: String,
    /// The first record that is gone.
    pub first: i64,
    /// The last one of which is known; 0: not known.
    pub last: i64,
    pub by: String,
    pub reason: String,
}

/// Body of a key. Its text has two signatures in a row: of the key before (the first has none and signs for it), and its own.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    pub kind: String,
    /// 1, 2, 3, …
    pub number: i64,
    /// Short name: see [`PublicKey::id`].
    pub id: String,
    /// In hex.
    pub public: String,
    /// It signs the checkpoints after this one, and the key before none of them.
    pub after: i64,
    /// Hash of that checkpoint.
    pub prev: String,
    pub time: DateTime<Utc>,
}

impl Checkpoint {
    /// Hex hash that stands before the first checkpoint.
    #[must_use]
    pub fn genesis() -> String {
        genesis(CHAIN)
    }

    /// Hash of a signed checkpoint, for the next one to name: over the hash before, the body and the signature.
    #[must_use]
    pub fn hash(prev: &str, text: &SignedText) -> Option<String> {
        link(prev, &format!("{}{}", text.body, text.signature))
    }

    /// The bytes to sign.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn body(&self) -> serde_json::Result<String> {
        canonical_json(self)
    }
}

impl KeyBody {
    /// The key itself; `None` if the body contradicts itself.
    #[must_use]
    pub fn public(&self) -> Option<PublicKey> {
        PublicKey::from_text(&self.public).filter(|key| self.kind == KEY && key.id() == self.id)
    }
}

/// Heads of all chains, by name.
pub type Heads = BTreeMap<String, ChainHead>;

/// Hash over the heads of all chains.
///
/// # Errors
/// If they cannot be written as JSON.
pub fn all_heads(heads: &Heads) -> serde_json::Result<String> {
    let text = canonical_json(&heads.values().collect::<Vec<_>>())?;
    Ok(blake3::hash(text.as_bytes()).to_hex().to_string())
}

/// Brings heads to what a checkpoint says.
pub fn advance(heads: &mut Heads, checkpoint: &Checkpoint) {
    if checkpoint.full {
        heads.clear();
    }
    for head in &checkpoint.heads {
        heads.insert(head.stream.clone(), head.clone());
    }
}
