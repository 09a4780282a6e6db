//! Who answers for records that are gone? A torn tail stops the server until an operator has accepted the loss, for ever told.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use crate::{
    audit::{AuditEvent, AuditFault, checkpoint::Acknowledged, history::SignedTexts, signature::SigningKey},
    error::{Result, StoreError},
    store::{
        Store,
        cell::now,
        checkpoint::{self, Taken},
        connect::{Dialect, Tx},
        verify::{AuditTrust, verify},
    },
};

/// Who accepts a loss, and why.
#[derive(Clone, Debug)]
pub struct Acceptance {
    pub by: String,
    pub reason: String,
}

impl Store {
    /// Accepts the loss of the ends of chains: of all that are torn, and of nothing else. The loss, and who accepted it,
    /// stand in an audit event and in a signed checkpoint. A store that is older than the `copies` of what it signed takes
    /// those back first.
    ///
    /// # Errors
    /// `Invalid` if nothing is torn, something else is wrong, or the chain's server still runs; as
    /// [`Store::take_checkpoint`].
    pub async fn acknowledge_audit(
        &self,
        key: &SigningKey,
        acceptance: &Acceptance,
        copies: &SignedTexts,
    ) -> Result<(Vec<Acknowledged>, Taken)> {
        let mut chain = self.inner.chain().await;
        let mut tx = self.inner.database.begin().await?;
        self.lock_signing(&mut tx).await?;
        checkpoint::restore(&mut tx, copies, self.clock()).await?;
        let mut lost: Vec<Acknowledged> = Vec::new();
        while let Some(fault) = verify(&mut tx, &AuditTrust::default(), &lost).await?.fault {
            if lost.iter().any(|before| before.stream == fault.stream) {
                return Err(invalid(&format!("{fault}, also after its loss was accepted")));
            }
            lost.push(self.accept(&mut tx, &fault, acceptance).await?);
        }
        if lost.is_empty() {
            return Err(invalid("nothing is torn: there is nothing to acknowledge"));
        }
        let events: Vec<AuditEvent> = lost.iter().map(event).collect();
        chain.append(&mut tx, &events).await?;
        let taken = checkpoint::take(&mut tx, key, lost.clone(), self.clock()).await?;
        tx.commit().await?;
        chain.settle();
        Ok((lost, taken))
    }

    async fn accept(&self, tx: &mut Tx, fault: &AuditFault, acceptance: &Acceptance) -> Result<Acknowledged> {
        if !fault.is_torn() || fault.stream.is_empty() {
            return Err(invalid(&format!(
                "{fault}: only the loss of the end of a chain can be acknowledged"
            )));
        }
        if self.dialect() == Dialect::Postgres && self.is_alive(tx, &fault.stream).await? {
            return Err(invalid(&format!(
                "the server of chain `{}` still runs: stop it first",
                fault.stream
            )));
        }
        let last = cut(tx, &fault.stream, fault.seq).await?;
        Ok(Acknowledged {
            stream: fault.stream.clone(),
            first: fault.seq,
            last,
            by: acceptance.by.clone(),
            reason: acceptance.reason.clone(),
        })
    }

    async fn is_alive(&self, tx: &mut Tx, node: &str) -> Result<bool> {
        let sql = format!(
            "SELECT COUNT(*) FROM node_leases WHERE node = $1 AND expires_ms > {}",
            self.clock()
        );
        let good: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(node)
            .fetch_one(&mut **tx)
            .await?;
        Ok(good > 0)
    }
}

/// Ends the chain before the first record that is gone; answers with the last one that is known to have been, or 0.
async fn cut(tx: &mut Tx, stream: &str, first: i64) -> Result<i64> {
    let known: Option<i64> = sqlx::query_scalar("SELECT seq FROM audit_streams WHERE stream = $1")
        .bind(stream)
        .fetch_optional(&mut **tx)
        .await?;
    sqlx::query("DELETE FROM audit_streams WHERE stream = $1")
        .bind(stream)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "INSERT INTO audit_streams (stream, seq, hash) SELECT stream, seq, hash FROM audit_events \
         WHERE stream = $1 AND seq = $2",
    )
    .bind(stream)
    .bind(first - 1)
    .execute(&mut **tx)
    .await?;
    Ok(known.filter(|seq| *seq >= first).unwrap_or(0))
}

fn invalid(what: &str) -> StoreError {
    StoreError::Invalid { what: what.to_owned() }
}

fn event(lost: &Acknowledged) -> AuditEvent {
    AuditEvent {
        time: now(),
        kind: "change".to_owned(),
        principal: lost.by.clone(),
        principal_id: String::new(),
        method: "internal".to_owned(),
        address: None,
        door: "cli".to_owned(),
        action: "AcknowledgeAudit".to_owned(),
        resource: format!("audit-chain:{}", lost.stream),
        resource_id: None,
        decision: "allow".to_owned(),
        outcome: "ok".to_owned(),
        policies: Vec::new(),
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
        details: BTreeMap::from([
            ("first".to_owned(), lost.first.to_string()),
            ("last".to_owned(), lost.last.to_string()),
        ]),
    }
}
