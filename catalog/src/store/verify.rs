//! Is the audit trail whole? Walks every chain and every checkpoint, and names the first record that is not what was written.

pub(super) mod walk;

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Row};

use self::walk::{RECORD, Walk};
use crate::{
    audit::{
        AuditFault, AuditFaultKind, AuditVerification,
        checkpoint::Acknowledged,
        history::{History, SignedTexts},
        signature::PublicKey,
    },
    error::Result,
    store::{Store, audit::Head, checkpoint::read_signed, connect::Tx},
};

/// What the verifier brings along, so that he need not trust the store.
#[derive(Clone, Debug, Default)]
pub struct AuditTrust {
    /// Keys that he knows; empty: the store's first key is believed.
    pub keys: Vec<PublicKey>,
    /// Copies of what was signed, from where nobody can change them.
    pub copies: SignedTexts,
}

impl Store {
    /// [`Store::verify_audit_with`] nothing: the store's first key is believed.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn verify_audit(&self) -> Result<AuditVerification> {
        self.verify_audit_with(&AuditTrust::default()).await
    }

    /// Walks every chain from its first record to its head, in one state of the database, and compares it with what was
    /// signed.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`. A bad record is not an error but the result.
    pub async fn verify_audit_with(&self, trust: &AuditTrust) -> Result<AuditVerification> {
        let mut tx = self.inner.database.begin_read().await?;
        verify(&mut tx, trust, &[]).await
    }
}

/// [`Store::verify_audit_with`] in a transaction, as if these losses were acknowledged.
pub(super) async fn verify(tx: &mut Tx, trust: &AuditTrust, accepted: &[Acknowledged]) -> Result<AuditVerification> {
    let stored = read_signed(tx).await?;
    let mut history = History::read(&stored, &trust.copies, &trust.keys);
    accepted.iter().for_each(|gone| history.accept(gone));
    let mut report = AuditVerification {
        checkpoints: history.checkpoints,
        key: history.key.clone(),
        acknowledged: history.acknowledged.clone(),
        ..AuditVerification::default()
    };
    let mut walking = Walking {
        heads: read_heads(tx).await?,
        walked: BTreeSet::new(),
        history: &history,
        report: &mut report,
    };
    let fault = match walking.all(tx).await? {
        None => walking.gone(),
        fault => fault,
    };
    report.fault = fault.or(history.fault);
    Ok(report)
}

/// Heads of all chains.
pub(super) async fn read_heads(tx: &mut Tx) -> Result<BTreeMap<String, Head>> {
    let rows = sqlx::query("SELECT stream, seq, hash FROM audit_streams")
        .fetch_all(&mut **tx)
        .await?;
    let head = |row: &sqlx::any::AnyRow| -> Result<(String, Head)> {
        let head = Head {
            seq: row.try_get(1)?,
            hash: row.try_get(2)?,
        };
        Ok((row.try_get(0)?, head))
    };
    rows.iter().map(head).collect()
}

/// A walk over all chains.
struct Walking<'a> {
    /// Of the chains that were not walked yet.
    heads: BTreeMap<String, Head>,
    walked: BTreeSet<String>,
    history: &'a History,
    report: &'a mut AuditVerification,
}

impl Walking<'_> {
    /// Walks what is there, up to the first fault.
    async fn all(&mut self, tx: &mut Tx) -> Result<Option<AuditFault>> {
        let sql = format!("SELECT {RECORD} FROM audit_events ORDER BY stream, seq");
        let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(&mut **tx);
        let mut walk: Option<Walk> = None;
        while let Some(row) = rows.try_next().await? {
            let stream: String = row.try_get(1)?;
            if walk.as_ref().is_some_and(|walk| walk.stream != stream)
                && let Some(fault) = walk.take().and_then(|walk| self.end(walk))
            {
                return Ok(Some(fault));
            }
            let walk = walk.get_or_insert_with(|| Walk::begin(stream));
            if let Some(fault) = walk.step(&row)?.or_else(|| walk.compare(self.history)) {
                return Ok(Some(fault));
            }
            self.report.records += 1;
            self.report.unsigned += u64::from(walk.seq > self.history.last_signed(&walk.stream));
        }
        Ok(walk.and_then(|walk| self.end(walk)))
    }

    fn end(&mut self, walk: Walk) -> Option<AuditFault> {
        self.report.streams += 1;
        self.walked.insert(walk.stream.clone());
        let head = self.heads.remove(&walk.stream);
        walk.end(head, self.history)
    }

    /// Chains that are gone as a whole: those that have a head, and those that were signed.
    fn gone(&self) -> Option<AuditFault> {
        let signed = self.history.heads.iter().filter(|(_, heads)| !heads.is_empty());
        let signed = signed
            .map(|(stream, _)| stream)
            .filter(|stream| !self.walked.contains(*stream));
        let stream = self.heads.keys().chain(signed).min()?;
        let torn = AuditFault::record(stream, 1, AuditFaultKind::TornTail);
        Some(torn.by(self.history.signed_after(stream, 0)))
    }
}
