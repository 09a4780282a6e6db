//! What has been signed, and can it be believed? Keys and checkpoints from the first to the last, without a store.

use std::collections::BTreeMap;

use super::{
    AuditFault, AuditFaultKind, AuditPart,
    checkpoint::{Acknowledged, CHECKPOINT, Checkpoint, Heads, KeyBody, SignedText, advance, all_heads},
    signature::PublicKey,
};

/// What the store, or a bucket, holds of signatures.
#[derive(Clone, Debug, Default)]
pub struct SignedTexts {
    /// In their order.
    pub keys: Vec<SignedText>,
    /// By number.
    pub checkpoints: BTreeMap<i64, SignedText>,
}

/// A signed head, and the checkpoint that signed it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedHead {
    pub hash: String,
    pub checkpoint: i64,
}

/// All that holds, up to the first fault.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Chain → number of a record → what was signed.
    pub heads: BTreeMap<String, BTreeMap<i64, SignedHead>>,
    pub acknowledged: Vec<Acknowledged>,
    /// Checkpoints that hold.
    pub checkpoints: u64,
    /// Id of the key that signs now.
    pub key: Option<String>,
    pub fault: Option<AuditFault>,
    /// Number and hash of the last checkpoint that holds.
    last: Option<(i64, String)>,
    all: Heads,
}

/// Hex digits of a signature.
const SIGNATURE: usize = 128;

/// A key, and what is said of it.
struct Trusted {
    body: KeyBody,
    key: PublicKey,
}

impl History {
    /// Reads what the store holds. `pinned`: the keys that are known from elsewhere; without them the store's first key is
    /// believed. `elsewhere`: copies that whoever can change the store cannot change.
    #[must_use]
    pub fn read(stored: &SignedTexts, elsewhere: &SignedTexts, pinned: &[PublicKey]) -> Self {
        let mut history = Self::default();
        let source = if elsewhere.keys.is_empty() { stored } else { elsewhere };
        let keys = history.keys(source, pinned);
        if history.fault.is_none() && !elsewhere.keys.is_empty() {
            history.fault = differing_key(&stored.keys, &elsewhere.keys);
        }
        for (seq, text) in &stored.checkpoints {
            if let Err(kind) = history.next(*seq, text, &keys) {
                let expected = history.last.as_ref().map_or(0, |(last, _)| *last) + 1;
                let at = if kind == AuditFaultKind::Missing {
                    expected
                } else {
                    *seq
                };
                history
                    .fault
                    .get_or_insert_with(|| AuditFault::signed(AuditPart::Checkpoint, at, kind));
                break;
            }
        }
        history.end(&keys);
        history.compare(stored, elsewhere, &keys);
        history.key = keys.last().map(|trusted| trusted.key.id());
        history
    }

    /// The keys that can be believed, in their order.
    fn keys(&mut self, texts: &SignedTexts, pinned: &[PublicKey]) -> Vec<Trusted> {
        let mut keys: Vec<Trusted> = Vec::new();
        for (number, text) in (1..).zip(&texts.keys) {
            let read = serde_json::from_str::<KeyBody>(&text.body).ok();
            let found = read.and_then(|body| Some((body.public()?, body)));
            let Some((key, body)) = found.filter(|(_, body)| body.number == number) else {
                self.fault = Some(AuditFault::signed(AuditPart::Key, number, AuditFaultKind::Edited));
                return keys;
            };
            let by = keys.last().map_or(key, |last| last.key);
            let (of_before, own) = text.signature.split_at_checked(SIGNATURE).unwrap_or_default();
            let vouched = by.verifies(&text.body, of_before) || pinned.contains(&key);
            if !vouched || !key.verifies(&text.body, own) {
                self.fault = Some(AuditFault::signed(AuditPart::Key, number, AuditFaultKind::Forged));
                return keys;
            }
            keys.push(Trusted { body, key });
        }
        if !pinned.is_empty() && !keys.iter().any(|trusted| pinned.contains(&trusted.key)) {
            self.fault = Some(AuditFault::signed(AuditPart::Key, 1, AuditFaultKind::Forged));
        }
        keys
    }

    /// Takes the next checkpoint of the store.
    fn next(&mut self, seq: i64, text: &SignedText, keys: &[Trusted]) -> Result<(), AuditFaultKind> {
        let (last, prev) = self.last.clone().unwrap_or_else(|| (0, Checkpoint::genesis()));
        if seq != last + 1 {
            return Err(AuditFaultKind::Missing);
        }
        let checkpoint = checked(seq, text, keys)?;
        // A key vouches for all that was signed before it.
        let named = keys.iter().find(|trusted| trusted.body.after == last && last > 0);
        if checkpoint.prev != prev || named.is_some_and(|trusted| trusted.body.prev != prev) {
            return Err(AuditFaultKind::Misplaced);
        }
        checkpoint.acknowledged.iter().for_each(|gone| self.accept(gone));
        advance(&mut self.all, &checkpoint);
        if all_heads(&self.all).ok().as_ref() != Some(&checkpoint.all) {
            return Err(AuditFaultKind::Edited);
        }
        self.sign(&checkpoint);
        self.last = Checkpoint::hash(&prev, text).map(|hash| (seq, hash));
        self.checkpoints += 1;
        Ok(())
    }

    /// From now on these records need not be there.
    pub fn accept(&mut self, gone: &Acknowledged) {
        if let Some(heads) = self.heads.get_mut(&gone.stream) {
            heads.retain(|seq, _| *seq < gone.first);
        }
        self.acknowledged.push(gone.clone());
    }

    /// The checkpoints that a key names are there, also when it has signed none itself.
    fn end(&mut self, keys: &[Trusted]) {
        let (last, hash) = self.last.clone().unwrap_or_else(|| (0, Checkpoint::genesis()));
        for body in keys.iter().map(|trusted| &trusted.body) {
            if body.after > last {
                let gone = AuditFault::signed(AuditPart::Checkpoint, last + 1, AuditFaultKind::TornTail);
                self.fault.get_or_insert(gone);
            } else if body.after == last && last > 0 && body.prev != hash {
                let other = AuditFault::signed(AuditPart::Checkpoint, last, AuditFaultKind::Misplaced);
                self.fault.get_or_insert(other);
            }
        }
    }

    fn sign(&mut self, checkpoint: &Checkpoint) {
        for head in &checkpoint.heads {
            let signed = SignedHead {
                hash: head.hash.clone(),
                checkpoint: checkpoint.seq,
            };
            let heads = self.heads.entry(head.stream.clone()).or_default();
            heads.entry(head.seq).or_insert(signed);
        }
    }

    /// Copies elsewhere say what the store must hold, also of what it holds no more.
    fn compare(&mut self, stored: &SignedTexts, elsewhere: &SignedTexts, keys: &[Trusted]) {
        let last = stored.checkpoints.keys().last().copied().unwrap_or(0);
        for (seq, text) in &elsewhere.checkpoints {
            let Ok(checkpoint) = checked(*seq, text, keys) else {
                let fault = AuditFault::signed(AuditPart::Copy, *seq, AuditFaultKind::Forged);
                self.fault.get_or_insert(fault);
                continue;
            };
            let kind = match stored.checkpoints.get(seq) {
                Some(here) if here == text => continue,
                Some(_) => AuditFaultKind::Edited,
                None if *seq > last => AuditFaultKind::TornTail,
                None => AuditFaultKind::Missing,
            };
            self.fault
                .get_or_insert_with(|| AuditFault::signed(AuditPart::Checkpoint, *seq, kind));
            self.sign(&checkpoint);
        }
    }

    /// The signed head of a chain at this record.
    #[must_use]
    pub fn head(&self, stream: &str, seq: i64) -> Option<&SignedHead> {
        self.heads.get(stream)?.get(&seq)
    }

    /// The last record of a chain before (and without) `seq` that is signed; 0: none.
    #[must_use]
    pub fn signed_before(&self, stream: &str, seq: i64) -> i64 {
        let before = self.heads.get(stream).and_then(|heads| heads.range(..seq).next_back());
        before.map_or(0, |(seq, _)| *seq)
    }

    /// The first checkpoint that signed a record of the chain after `seq`.
    #[must_use]
    pub fn signed_after(&self, stream: &str, seq: i64) -> Option<i64> {
        let after = self.heads.get(stream)?.range(seq + 1..).next()?;
        Some(after.1.checkpoint)
    }

    /// Number of the last record of a chain that is signed; 0: none.
    #[must_use]
    pub fn last_signed(&self, stream: &str) -> i64 {
        self.signed_before(stream, i64::MAX)
    }
}

/// Parses a checkpoint that its key has signed.
fn checked(seq: i64, text: &SignedText, keys: &[Trusted]) -> Result<Checkpoint, AuditFaultKind> {
    let signer = keys.iter().rev().find(|trusted| trusted.body.after < seq);
    let signer = signer.filter(|trusted| trusted.key.verifies(&text.body, &text.signature));
    let Some(signer) = signer else {
        return Err(AuditFaultKind::Forged);
    };
    serde_json::from_str::<Checkpoint>(&text.body)
        .ok()
        .filter(|body| body.kind == CHECKPOINT && body.seq == seq && body.key == signer.key.id())
        .ok_or(AuditFaultKind::Edited)
}

/// The store's keys must be those of the copies, as far as both go.
fn differing_key(stored: &[SignedText], copies: &[SignedText]) -> Option<AuditFault> {
    let at = stored.iter().zip(copies).position(|(here, there)| here != there);
    let at = at.or_else(|| (stored.len() < copies.len()).then_some(stored.len()))?;
    let number = i64::try_from(at).unwrap_or(i64::MAX).saturating_add(1);
    Some(AuditFault::signed(AuditPart::Key, number, AuditFaultKind::Edited))
}
