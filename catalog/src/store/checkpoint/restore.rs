//! What if the store is older than the copies of what it signed? It takes keys and checkpoints back; whether they hold is
//! verified afterwards, like everything else.

use sqlx::AssertSqlSafe;

use super::{last, malformed, read_signed};
use crate::{
    audit::{
        checkpoint::{Checkpoint, KeyBody},
        history::SignedTexts,
    },
    error::{Result, StoreError},
    store::{cell::time_text, connect::Tx},
};

/// Stores the keys and checkpoints that are missing at the end.
pub(in crate::store) async fn restore(tx: &mut Tx, copies: &SignedTexts, clock: &str) -> Result<()> {
    let stored = read_signed(tx).await?.keys.len();
    for text in copies.keys.iter().skip(stored) {
        let body: KeyBody = serde_json::from_str(&text.body).map_err(malformed)?;
        sqlx::query("INSERT INTO audit_keys (number, id, introduced_at, body, signature) VALUES ($1, $2, $3, $4, $5)")
            .bind(body.number)
            .bind(&body.id)
            .bind(time_text(&body.time))
            .bind(&text.body)
            .bind(&text.signature)
            .execute(&mut **tx)
            .await?;
    }
    let before = last(tx).await?;
    let mut hash = before.hash;
    for (seq, text) in copies.checkpoints.range(before.seq + 1..) {
        let body: Checkpoint = serde_json::from_str(&text.body).map_err(malformed)?;
        hash = Checkpoint::hash(&hash, text)
            .ok_or_else(|| StoreError::corrupt(format!("audit checkpoint {seq} has no hash")))?;
        let sql = format!(
            "INSERT INTO audit_checkpoints (seq, taken_at, taken_ms, key_id, whole, body, signature, hash) \
             VALUES ($1, $2, {clock}, $3, $4, $5, $6, $7)"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(*seq)
            .bind(time_text(&body.time))
            .bind(&body.key)
            .bind(i64::from(body.full))
            .bind(&text.body)
            .bind(&text.signature)
            .bind(&hash)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
