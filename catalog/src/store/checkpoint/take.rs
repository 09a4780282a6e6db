//! What stands in the next checkpoint? The chains that moved, after what they gained was walked.

use futures::TryStreamExt;
use sqlx::AssertSqlSafe;

use super::{Last, Taken, keys::require, last, malformed};
use crate::{
    audit::{
        AuditFault, AuditFaultKind,
        chain::genesis,
        checkpoint::{Acknowledged, CHECKPOINT, ChainHead, Checkpoint, Heads, SignedFault, SignedText, all_heads},
        signature::SigningKey,
    },
    error::{Result, StoreError},
    store::{
        audit::Head,
        cell::{now, time_text},
        connect::Tx,
        verify::{
            read_heads,
            walk::{RECORD, Walk},
        },
    },
};

/// Every so many checkpoints one names all chains.
const WHOLE: i64 = 100;

/// Makes the next checkpoint. The caller holds the lock of whoever signs.
pub(in crate::store) async fn take(
    tx: &mut Tx,
    key: &SigningKey,
    acknowledged: Vec<Acknowledged>,
    clock: &str,
) -> Result<Taken> {
    let signing = require(tx, key).await?;
    let before = last(tx).await?;
    let (heads, faults) = walk_new(tx, &before.heads, &acknowledged).await?;
    let seq = before.seq + 1;
    let full = seq % WHOLE == 1 || !acknowledged.is_empty();
    let moved = heads
        .values()
        .filter(|head| full || before.heads.get(&head.stream) != Some(*head));
    let checkpoint = Checkpoint {
        kind: CHECKPOINT.to_owned(),
        seq,
        time: now(),
        prev: before.hash.clone(),
        key: signing.id,
        full,
        heads: moved.cloned().collect(),
        all: all_heads(&heads).map_err(malformed)?,
        faults: faults.iter().map(signed_fault).collect(),
        acknowledged,
    };
    let body = checkpoint.body().map_err(malformed)?;
    let signature = key.sign(&body);
    let text = SignedText { body, signature };
    store(tx, &checkpoint, &text, &before, clock).await?;
    Ok(Taken { seq, text, faults })
}

async fn store(tx: &mut Tx, checkpoint: &Checkpoint, text: &SignedText, before: &Last, clock: &str) -> Result<()> {
    let hash = Checkpoint::hash(&before.hash, text)
        .ok_or_else(|| StoreError::corrupt(format!("audit checkpoint {} has no hash", before.seq)))?;
    let sql = format!(
        "INSERT INTO audit_checkpoints (seq, taken_at, taken_ms, key_id, whole, body, signature, hash) \
         VALUES ($1, $2, {clock}, $3, $4, $5, $6, $7)"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(checkpoint.seq)
        .bind(time_text(&checkpoint.time))
        .bind(&checkpoint.key)
        .bind(i64::from(checkpoint.full))
        .bind(&text.body)
        .bind(&text.signature)
        .bind(hash)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn signed_fault(fault: &AuditFault) -> SignedFault {
    SignedFault {
        stream: fault.stream.clone(),
        seq: fault.seq,
        fault: fault.kind,
    }
}

/// The heads to sign, and what does not hold of what came since the last ones.
async fn walk_new(tx: &mut Tx, signed: &Heads, acknowledged: &[Acknowledged]) -> Result<(Heads, Vec<AuditFault>)> {
    let stored = read_heads(tx).await?;
    let (mut heads, mut faults) = (signed.clone(), Vec::new());
    for gone in acknowledged {
        heads.remove(&gone.stream);
    }
    for stream in signed.keys().filter(|stream| heads.contains_key(*stream)) {
        if !stored.contains_key(stream) {
            faults.push(AuditFault::record(stream, 1, AuditFaultKind::TornTail));
        }
    }
    for (stream, head) in stored {
        let from = heads.get(&stream).map(|head| Head {
            seq: head.seq,
            hash: head.hash.clone(),
        });
        match walk_one(tx, &stream, from, &head).await? {
            // What was signed is never taken back: the next checkpoint looks at it again.
            Some(fault) if fault.is_torn() => faults.push(fault),
            fault => {
                faults.extend(fault);
                let (seq, hash) = (head.seq, head.hash);
                heads.insert(stream.clone(), ChainHead { stream, seq, hash });
            }
        }
    }
    Ok((heads, faults))
}

/// Walks a chain from the head that was signed to the one that is stored.
async fn walk_one(tx: &mut Tx, stream: &str, from: Option<Head>, head: &Head) -> Result<Option<AuditFault>> {
    let from = from.unwrap_or_else(|| Head {
        seq: 0,
        hash: genesis(stream),
    });
    if head.seq < from.seq {
        return Ok(Some(AuditFault::record(stream, head.seq + 1, AuditFaultKind::TornTail)));
    }
    if head.seq == from.seq {
        let rewritten = AuditFault::record(stream, head.seq, AuditFaultKind::Rewritten);
        return Ok((head.hash != from.hash).then_some(rewritten));
    }
    let sql = format!("SELECT {RECORD} FROM audit_events WHERE stream = $1 AND seq > $2 ORDER BY seq");
    let mut rows = sqlx::query(AssertSqlSafe(sql))
        .bind(stream)
        .bind(from.seq)
        .fetch(&mut **tx);
    let mut walk = Walk::after(stream, &from);
    while let Some(row) = rows.try_next().await? {
        if let Some(fault) = walk.step(&row)? {
            return Ok(Some(fault));
        }
        if walk.seq == head.seq {
            let edited = AuditFault::record(stream, head.seq, AuditFaultKind::Edited);
            return Ok((walk.head().hash != head.hash).then_some(edited));
        }
    }
    Ok(Some(AuditFault::record(stream, walk.seq + 1, AuditFaultKind::TornTail)))
}
