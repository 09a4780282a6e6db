//! Do all chains reach as far as they did? A quick look at their ends, before anything new is written: not a walk.

use std::collections::BTreeMap;

use sqlx::{Row, any::AnyRow};

use crate::{
    audit::{AuditFault, AuditFaultKind, checkpoint::ChainHead},
    error::Result,
    store::{Store, audit::Head, checkpoint::last, connect::Tx, verify::read_heads},
};

/// Heads whose record is missing or another one.
const LOOSE: &str = "SELECT s.stream, e.hash, (SELECT COALESCE(MAX(seq), 0) FROM audit_events a WHERE a.stream = s.stream) \
     FROM audit_streams s LEFT JOIN audit_events e ON e.stream = s.stream AND e.seq = s.seq \
     WHERE e.hash IS NULL OR e.hash <> s.hash ORDER BY s.stream";

impl Store {
    /// What is wrong with the ends of chains: with their heads, and with what the last checkpoint signed.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn check_audit_ends(&self) -> Result<Vec<AuditFault>> {
        let mut tx = self.inner.database.begin_read().await?;
        let mut faults = Vec::new();
        for row in sqlx::query(LOOSE).fetch_all(&mut *tx).await? {
            faults.push(loose(&row)?);
        }
        let (heads, signed) = (read_heads(&mut tx).await?, last(&mut tx).await?);
        for head in signed.heads.values() {
            if !faults.iter().any(|fault| fault.stream == head.stream) {
                faults.extend(
                    behind(&mut tx, &heads, head)
                        .await?
                        .map(|fault| fault.by(Some(signed.seq))),
                );
            }
        }
        Ok(faults)
    }
}

fn loose(row: &AnyRow) -> Result<AuditFault> {
    let (stream, hash, end): (String, Option<String>, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(match hash {
        None => AuditFault::record(&stream, end + 1, AuditFaultKind::TornTail),
        Some(_) => AuditFault::record(&stream, end, AuditFaultKind::Edited),
    })
}

/// A chain that ends before its signed head, or went on from another record.
async fn behind(tx: &mut Tx, heads: &BTreeMap<String, Head>, signed: &ChainHead) -> Result<Option<AuditFault>> {
    let end = heads.get(&signed.stream).map_or(0, |head| head.seq);
    if end < signed.seq {
        return Ok(Some(AuditFault::record(
            &signed.stream,
            end + 1,
            AuditFaultKind::TornTail,
        )));
    }
    let hash: Option<String> = sqlx::query_scalar("SELECT hash FROM audit_events WHERE stream = $1 AND seq = $2")
        .bind(&signed.stream)
        .bind(signed.seq)
        .fetch_optional(&mut **tx)
        .await?;
    let kind = match hash {
        None => AuditFaultKind::Missing,
        Some(hash) if hash != signed.hash => AuditFaultKind::Rewritten,
        Some(_) => return Ok(None),
    };
    Ok(Some(AuditFault::record(&signed.stream, signed.seq, kind)))
}
