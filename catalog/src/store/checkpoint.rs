//! How is the audit trail signed? The heads of all chains, in one state of the database, by one process at a time.

mod keys;
mod restore;
mod take;

use std::time::Duration;

use sqlx::Row;

pub use self::keys::KeyStanding;
pub(super) use self::{restore::restore, take::take};
use crate::{
    audit::{
        AuditFault,
        checkpoint::{Checkpoint, Heads, SignedText, advance},
        history::SignedTexts,
        signature::SigningKey,
    },
    error::{Result, StoreError},
    store::{
        Store,
        cell::parse_json,
        connect::{Dialect, Tx},
    },
};

/// PostgreSQL advisory lock of whoever signs: `lakesign` in ASCII.
const LOCK: i64 = 0x6c61_6b65_7369_676e;

/// When a checkpoint is to be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Due {
    /// In any case.
    Now,
    /// Unless one was made in this time, by any process.
    After(Duration),
}

/// A checkpoint that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    pub seq: i64,
    pub text: SignedText,
    /// What did not hold, and stands in it.
    pub faults: Vec<AuditFault>,
}

/// The checkpoint before the next one.
pub(super) struct Last {
    pub(super) seq: i64,
    hash: String,
    pub(super) heads: Heads,
}

impl Store {
    /// Signs the heads of all chains. What came since the last checkpoint is walked first: what does not hold is told by
    /// the checkpoint. `None`: not due.
    ///
    /// # Errors
    /// `Invalid` if `key` is not the key that signs now; `Unavailable`, `Failed`, `Corrupt`.
    pub async fn take_checkpoint(&self, key: &SigningKey, due: Due) -> Result<Option<Taken>> {
        let mut tx = self.inner.database.begin().await?;
        self.lock_signing(&mut tx).await?;
        let is_due = match due {
            Due::Now => true,
            Due::After(pause) => self.checkpoint_age_in(&mut tx).await?.is_none_or(|age| age >= pause),
        };
        if !is_due {
            return Ok(None);
        }
        let taken = take(&mut tx, key, Vec::new(), self.clock()).await?;
        tx.commit().await?;
        Ok(Some(taken))
    }

    /// Time since the last checkpoint, by the clock of the database; `None`: there is none.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn checkpoint_age(&self) -> Result<Option<Duration>> {
        let mut tx = self.inner.database.begin_read().await?;
        self.checkpoint_age_in(&mut tx).await
    }

    async fn checkpoint_age_in(&self, tx: &mut Tx) -> Result<Option<Duration>> {
        let sql = format!("SELECT {} - MAX(taken_ms) FROM audit_checkpoints", self.clock());
        let age: Option<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_one(&mut **tx)
            .await?;
        Ok(age.map(|age| Duration::from_millis(u64::try_from(age).unwrap_or_default())))
    }

    /// Keys and checkpoints as they are stored, the latter after a number.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn signed_texts(&self, after: i64) -> Result<SignedTexts> {
        let mut tx = self.inner.database.begin_read().await?;
        read_signed_after(&mut tx, after).await
    }

    /// One process signs at a time.
    pub(super) async fn lock_signing(&self, tx: &mut Tx) -> Result<()> {
        if self.dialect() == Dialect::Postgres {
            sqlx::query("SELECT pg_advisory_xact_lock($1)")
                .bind(LOCK)
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }
}

/// Everything that was signed.
pub(super) async fn read_signed(tx: &mut Tx) -> Result<SignedTexts> {
    read_signed_after(tx, 0).await
}

async fn read_signed_after(tx: &mut Tx, after: i64) -> Result<SignedTexts> {
    let mut texts = SignedTexts::default();
    for row in sqlx::query("SELECT body, signature FROM audit_keys ORDER BY number")
        .fetch_all(&mut **tx)
        .await?
    {
        texts.keys.push(SignedText {
            body: row.try_get(0)?,
            signature: row.try_get(1)?,
        });
    }
    for row in sqlx::query("SELECT seq, body, signature FROM audit_checkpoints WHERE seq > $1 ORDER BY seq")
        .bind(after)
        .fetch_all(&mut **tx)
        .await?
    {
        let text = SignedText {
            body: row.try_get(1)?,
            signature: row.try_get(2)?,
        };
        texts.checkpoints.insert(row.try_get(0)?, text);
    }
    Ok(texts)
}

/// The last checkpoint and the heads that it and those before it signed.
pub(super) async fn last(tx: &mut Tx) -> Result<Last> {
    let mut last = Last {
        seq: 0,
        hash: Checkpoint::genesis(),
        heads: Heads::new(),
    };
    for row in sqlx::query(
        "SELECT seq, hash, body FROM audit_checkpoints WHERE seq >= \
         (SELECT COALESCE(MAX(seq), 0) FROM audit_checkpoints WHERE whole = 1) ORDER BY seq",
    )
    .fetch_all(&mut **tx)
    .await?
    {
        let seq: i64 = row.try_get(0)?;
        let body: String = row.try_get(2)?;
        let checkpoint: Checkpoint = parse_json(&body, || format!("audit checkpoint {seq}"))?;
        advance(&mut last.heads, &checkpoint);
        (last.seq, last.hash) = (seq, row.try_get(1)?);
    }
    Ok(last)
}

fn malformed(error: serde_json::Error) -> StoreError {
    StoreError::Invalid {
        what: format!("a signed text: {error}"),
    }
}
