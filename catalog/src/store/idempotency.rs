//! Was this request answered before? Answers are stored in the transaction of the effect.

use chrono::{DateTime, Utc};
use sqlx::{Row, any::AnyRow};

use crate::{
    error::{Result, StoreError},
    idempotency::{IdempotencyScope, IdempotentAnswer, Reservation},
    store::{
        Store,
        cell::{now, parse_time, time_text},
        connect::Tx,
    },
};

const FIND: &str = "SELECT body_hash, status, response, created_at FROM idempotency_keys \
     WHERE principal_id = $1 AND route = $2 AND key = $3";

/// Status of a reservation.
const RESERVED: i64 = 0;

impl Store {
    /// The answer that was given to this key. The caller compares the body hashes.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn find_idempotent(&self, scope: &IdempotencyScope) -> Result<Option<IdempotentAnswer>> {
        let row = sqlx::query(FIND)
            .bind(&scope.principal_id)
            .bind(&scope.route)
            .bind(&scope.key)
            .fetch_optional(&self.inner.database.reader)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(match read(scope, &row)? {
            Reservation::Answered(answer) => Some(answer),
            Reservation::Reserved | Reservation::Pending { .. } => None,
        })
    }

    /// Takes the key for a request whose effect is no catalog change, before the effect. `commit`, `begin_query_once` and
    /// `complete_idempotent` turn a reservation with the same body hash into an answer.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn reserve_idempotent(&self, scope: &IdempotencyScope, body_hash: &str) -> Result<Reservation> {
        let mut tx = self.inner.database.begin().await?;
        let inserted = sqlx::query(
            "INSERT INTO idempotency_keys (principal_id, route, key, body_hash, status, response, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (principal_id, route, key) DO NOTHING",
        )
        .bind(&scope.principal_id)
        .bind(&scope.route)
        .bind(&scope.key)
        .bind(body_hash)
        .bind(RESERVED)
        .bind(Vec::<u8>::new())
        .bind(time_text(&now()))
        .execute(&mut *tx)
        .await?;
        if inserted.rows_affected() == 1 {
            tx.commit().await?;
            return Ok(Reservation::Reserved);
        }
        let row = sqlx::query(FIND)
            .bind(&scope.principal_id)
            .bind(&scope.route)
            .bind(&scope.key)
            .fetch_one(&mut *tx)
            .await?;
        read(scope, &row)
    }

    /// Stores the answer of a reserved (or free) key.
    ///
    /// # Errors
    /// `KeyUsed` if it has an answer or was reserved for another body; `Unavailable`, `Failed`.
    pub async fn complete_idempotent(&self, answer: &IdempotentAnswer) -> Result<()> {
        let mut tx = self.inner.database.begin().await?;
        keep_answer(&mut tx, answer).await?;
        Ok(tx.commit().await?)
    }

    /// Gives a reservation back: the request had no effect. Answers stay.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn release_idempotent(&self, scope: &IdempotencyScope) -> Result<()> {
        let mut tx = self.inner.database.begin().await?;
        sqlx::query("DELETE FROM idempotency_keys WHERE principal_id = $1 AND route = $2 AND key = $3 AND status = $4")
            .bind(&scope.principal_id)
            .bind(&scope.route)
            .bind(&scope.key)
            .bind(RESERVED)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Removes keys (answers and reservations) that are older than `before`; says how many.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn forget_idempotent(&self, before: DateTime<Utc>) -> Result<u64> {
        let mut tx = self.inner.database.begin().await?;
        let gone = sqlx::query("DELETE FROM idempotency_keys WHERE created_at < $1")
            .bind(time_text(&before))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(gone.rows_affected())
    }
}

/// Stores an answer in this transaction, over a reservation for the same body.
pub(super) async fn keep_answer(tx: &mut Tx, answer: &IdempotentAnswer) -> Result<()> {
    let kept = sqlx::query(
        "INSERT INTO idempotency_keys (principal_id, route, key, body_hash, status, response, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (principal_id, route, key) DO UPDATE \
         SET status = excluded.status, response = excluded.response, created_at = excluded.created_at \
         WHERE idempotency_keys.status = $8 AND idempotency_keys.body_hash = excluded.body_hash",
    )
    .bind(&answer.scope.principal_id)
    .bind(&answer.scope.route)
    .bind(&answer.scope.key)
    .bind(&answer.body_hash)
    .bind(i64::from(answer.status))
    .bind(answer.response.as_slice())
    .bind(time_text(&answer.created_at))
    .bind(RESERVED)
    .execute(&mut **tx)
    .await?;
    if kept.rows_affected() == 0 {
        return Err(StoreError::KeyUsed {
            key: answer.scope.key.clone(),
        });
    }
    Ok(())
}

fn read(scope: &IdempotencyScope, row: &AnyRow) -> Result<Reservation> {
    let (body_hash, status): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
    let created_at = parse_time(&row.try_get::<String, _>(3)?)?;
    if status == RESERVED {
        return Ok(Reservation::Pending {
            body_hash,
            since: created_at,
        });
    }
    Ok(Reservation::Answered(IdempotentAnswer {
        scope: scope.clone(),
        body_hash,
        status: u16::try_from(status).map_err(|_| StoreError::corrupt(format!("`{status}` is not a status")))?,
        response: row.try_get(2)?,
        created_at,
    }))
}
