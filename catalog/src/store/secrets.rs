//! How do sealed secrets come and go? A new version is one transaction and one epoch, with its audit event.

use std::{sync::Arc, time::Instant};

use sqlx::{Row, any::AnyRow};

use crate::{
    audit::AuditEvent,
    error::{Result, StoreError, is_unique_violation},
    secret::Secret,
    snapshot::Snapshot,
    store::{
        Store,
        cell::{now, parse_time, time_text},
        listen::tell,
    },
};

/// Kind of the one secret that snapshots hold.
const MASK_KEY: &str = "mask-key";

/// Part of the batch that a snapshot is read by: every version of the mask key, in the columns of objects.
pub(super) const MASK_KEYS: &str = "SELECT CAST(-2 AS BIGINT), id, '', principal, version, kind, sealed, created_at, created_at \
     FROM secrets WHERE kind = 'mask-key'";
/// Marks the rows of [`MASK_KEYS`].
pub(super) const MASK_KEY_ROW: i64 = -2;

impl Store {
    /// Stores a new version of a secret: the epoch grows, and the event is stored with it. `created_at` is the store's own.
    ///
    /// # Errors
    /// `Conflict` if the version before is not the newest one; `Unavailable`, `Failed`.
    pub async fn put_secret(&self, secret: &Secret, audit: AuditEvent) -> Result<i64> {
        let mut chain = self.inner.chain().await;
        let mut tx = self.inner.database.begin().await?;
        // The first statement takes the lock that puts changes in a row.
        let epoch: i64 = sqlx::query_scalar("UPDATE epoch SET version = version + 1 WHERE id = 1 RETURNING version")
            .fetch_one(&mut *tx)
            .await?;
        tell(&mut tx, self.dialect()).await?;
        let newest: Option<i64> = sqlx::query_scalar("SELECT MAX(version) FROM secrets WHERE kind = $1 AND id = $2")
            .bind(&secret.kind)
            .bind(&secret.id)
            .fetch_one(&mut *tx)
            .await?;
        let found = newest.unwrap_or(0);
        let conflict = || StoreError::Conflict {
            what: format!("{} `{}`", secret.kind, secret.id),
            expected: secret.version - 1,
            found,
        };
        if found != secret.version - 1 {
            return Err(conflict());
        }
        sqlx::query(
            "INSERT INTO secrets (kind, id, version, sealed, created_at, principal) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&secret.kind)
        .bind(&secret.id)
        .bind(secret.version)
        .bind(&secret.sealed)
        .bind(time_text(&now()))
        .bind(&secret.principal)
        .execute(&mut *tx)
        .await
        .map_err(|error| {
            if is_unique_violation(&error) {
                conflict()
            } else {
                error.into()
            }
        })?;
        chain.append(&mut tx, &[audit]).await?;
        let (changing, at) = (self.inner.epochs.changing(), Instant::now());
        tx.commit().await?;
        changing.settle(epoch, at);
        chain.settle();
        Ok(epoch)
    }

    /// Stores other envelopes of known versions: all of them or none. The epoch grows, and the event is stored with it.
    ///
    /// # Errors
    /// `Conflict` if one of them is not stored as it is given any more; `Unavailable`, `Failed`.
    pub async fn reseal_secrets(&self, changes: &[(Secret, String)], audit: AuditEvent) -> Result<i64> {
        let mut chain = self.inner.chain().await;
        let mut tx = self.inner.database.begin().await?;
        // The first statement takes the lock that puts changes in a row.
        let epoch: i64 = sqlx::query_scalar("UPDATE epoch SET version = version + 1 WHERE id = 1 RETURNING version")
            .fetch_one(&mut *tx)
            .await?;
        tell(&mut tx, self.dialect()).await?;
        for (secret, sealed) in changes {
            let changed = sqlx::query(
                "UPDATE secrets SET sealed = $1 WHERE kind = $2 AND id = $3 AND version = $4 AND sealed = $5",
            )
            .bind(sealed)
            .bind(&secret.kind)
            .bind(&secret.id)
            .bind(secret.version)
            .bind(&secret.sealed)
            .execute(&mut *tx)
            .await?;
            if changed.rows_affected() != 1 {
                return Err(StoreError::Conflict {
                    what: format!("{} `{}`", secret.kind, secret.id),
                    expected: secret.version,
                    found: secret.version,
                });
            }
        }
        chain.append(&mut tx, &[audit]).await?;
        let (changing, at) = (self.inner.epochs.changing(), Instant::now());
        tx.commit().await?;
        changing.settle(epoch, at);
        chain.settle();
        Ok(epoch)
    }

    /// All versions of the secrets of a kind, oldest first.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn secrets(&self, kind: &str) -> Result<Vec<Secret>> {
        let rows = sqlx::query(
            "SELECT id, principal, version, kind, sealed, created_at FROM secrets WHERE kind = $1 ORDER BY id, version",
        )
        .bind(kind)
        .fetch_all(&self.inner.database.reader)
        .await?;
        let read = |row: &AnyRow| {
            Ok(Secret {
                id: row.try_get(0)?,
                principal: row.try_get(1)?,
                version: row.try_get(2)?,
                kind: row.try_get(3)?,
                sealed: row.try_get(4)?,
                created_at: parse_time(&row.try_get::<String, _>(5)?)?,
            })
        };
        rows.iter().map(read).collect()
    }
}

/// Adds a row of [`MASK_KEYS`]: of the versions the newest one stays.
pub(super) fn add(snapshot: &mut Snapshot, row: &AnyRow) -> Result<()> {
    let version: i64 = row.try_get(4)?;
    if snapshot.mask_key.as_ref().is_some_and(|newer| newer.version > version) {
        return Ok(());
    }
    snapshot.mask_key = Some(Arc::new(Secret {
        kind: MASK_KEY.to_owned(),
        id: row.try_get(1)?,
        version,
        sealed: row.try_get(6)?,
        created_at: parse_time(&row.try_get::<String, _>(7)?)?,
        principal: row.try_get(3)?,
    }));
    Ok(())
}
