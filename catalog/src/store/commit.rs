//! How does the catalog change? One transaction and one epoch per change set: all of it or nothing.

use std::{collections::HashSet, time::Instant};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Row};

use crate::{
    change::{ChangeSet, Committed, CommittedPut, Delete, Expected, Put},
    error::{Result, StoreError, is_unique_violation},
    id::ObjectId,
    object::Kind,
    store::{
        Store,
        cell::{json_text, now, parent_text, parse_time, time_text},
        connect::Tx,
        history::{Left, record},
        idempotency::keep_answer,
        integrity::Integrity,
        listen::tell,
        object::{COLUMNS, ObjectRow, name_key},
    },
};

/// A change under way.
pub(super) struct Writing {
    pub(super) tx: Tx,
    pub(super) epoch: i64,
    pub(super) now: DateTime<Utc>,
    pub(super) principal: String,
}

impl Store {
    /// Applies a change set: all of it or nothing. The epoch grows by one if the set holds a put or a delete. Audit events
    /// and the idempotent answer are stored in the same transaction. Changes happen one after the other, also those of
    /// other processes.
    ///
    /// # Errors
    /// `Conflict`, `AlreadyExists`, `NotFound`, `HasChildren`, `KeyUsed`, `Invalid`, `Unavailable`, `Failed`.
    pub async fn commit(&self, change: ChangeSet) -> Result<Committed> {
        name_each_object_once(&change)?;
        let mut chain = self.inner.chain().await;
        let mut tx = self.inner.database.begin().await?;
        let epoch = advance(&mut tx, &change).await?;
        if change.moves() {
            tell(&mut tx, self.dialect()).await?;
        }
        if let Some(answer) = &change.idempotency {
            keep_answer(&mut tx, answer).await?;
        }
        let mut writing = Writing {
            tx,
            epoch,
            now: now(),
            principal: change.principal,
        };
        let mut integrity = Integrity::default();
        for delete in &change.deletes {
            writing.delete(delete, &mut integrity).await?;
        }
        let puts = writing.put_all(&change.puts, &mut integrity).await?;
        let cascaded = integrity.restore(&mut writing, &change.puts).await?;
        chain.append(&mut writing.tx, &change.audit).await?;
        let (changing, at) = (self.inner.epochs.changing(), Instant::now());
        writing.tx.commit().await?;
        changing.settle(epoch, at);
        chain.settle();
        Ok(Committed {
            version: epoch,
            puts,
            cascaded,
        })
    }
}

fn name_each_object_once(change: &ChangeSet) -> Result<()> {
    let mut seen = HashSet::new();
    let puts = change.puts.iter().map(|put| (put.kind, &put.id));
    for (kind, id) in puts.chain(change.deletes.iter().map(|delete| (delete.kind, &delete.id))) {
        if !seen.insert((kind, id)) {
            return Err(StoreError::Invalid {
                what: format!("{kind} `{id}` is named twice"),
            });
        }
    }
    Ok(())
}

/// Takes the lock that puts changes in a row, and the next epoch.
async fn advance(tx: &mut Tx, change: &ChangeSet) -> Result<i64> {
    let step = i64::from(change.moves());
    let epoch: i64 = sqlx::query_scalar("UPDATE epoch SET version = version + $1 WHERE id = 1 RETURNING version")
        .bind(step)
        .fetch_one(&mut **tx)
        .await?;
    let found = epoch - step;
    match change.expected_version {
        Some(expected) if expected != found => Err(StoreError::Conflict {
            what: "the catalog".to_owned(),
            expected,
            found,
        }),
        _ => Ok(epoch),
    }
}

impl Writing {
    async fn delete(&mut self, delete: &Delete, integrity: &mut Integrity) -> Result<()> {
        let gone = self.remove(delete.kind, &delete.id).await?;
        expect(delete.kind, &gone.name, delete.expected, gone.version)?;
        integrity.deleted(delete.kind, gone)
    }

    /// Removes one row and records its end. (Also for what goes in cascade.)
    pub(super) async fn remove(&mut self, kind: Kind, id: &ObjectId) -> Result<ObjectRow> {
        let sql = format!("DELETE FROM {} WHERE id = $1 RETURNING {COLUMNS}", kind.store_table());
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id.as_str())
            .fetch_optional(&mut *self.tx)
            .await?;
        let gone = ObjectRow::read(&row.ok_or_else(|| missing(kind, id))?, 0)?;
        record(self, kind, &gone, Left::Deleted).await?;
        Ok(gone)
    }

    /// Updates first, so that a name that one gives up is free for a creation.
    async fn put_all(&mut self, puts: &[Put], integrity: &mut Integrity) -> Result<Vec<CommittedPut>> {
        let mut order: Vec<(usize, &Put)> = puts.iter().enumerate().collect();
        order.sort_by_key(|(_, put)| match put.expected {
            Expected::Version(_) => 0,
            Expected::Any => 1,
            Expected::Absent => 2,
        });
        let mut done = Vec::with_capacity(puts.len());
        for (at, put) in order {
            done.push((at, self.put(put, integrity).await?));
        }
        done.sort_by_key(|(at, _)| *at);
        Ok(done.into_iter().map(|(_, put)| put).collect())
    }

    async fn put(&mut self, put: &Put, integrity: &mut Integrity) -> Result<CommittedPut> {
        let body = json_text(&put.body)?;
        let before = if put.expected == Expected::Absent {
            None
        } else {
            self.find(put.kind, &put.id).await?
        };
        let (version, created_at) = match (&before, put.expected) {
            (None, Expected::Version(_)) => return Err(missing(put.kind, &put.id)),
            (None, _) => (self.insert(put, &body).await?, self.now),
            (Some(before), expected) => {
                expect(put.kind, &before.name, expected, before.version)?;
                integrity.replaced(put, before)?;
                self.update(put, &body, before).await?
            }
        };
        let after = ObjectRow::written(put, version, body);
        record(self, put.kind, &after, Left::Stored).await?;
        Ok(CommittedPut {
            kind: put.kind,
            id: after.id,
            version,
            created_at,
            updated_at: self.now,
        })
    }

    pub(super) async fn find(&mut self, kind: Kind, id: &ObjectId) -> Result<Option<ObjectRow>> {
        let sql = format!("SELECT {COLUMNS} FROM {} WHERE id = $1", kind.store_table());
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id.as_str())
            .fetch_optional(&mut *self.tx)
            .await?;
        row.map(|row| ObjectRow::read(&row, 0)).transpose()
    }

    // INVARIANT: an id and a version mean one body for ever. What comes back under its id (a rollback) goes on counting, so
    // that no digest, result or ETag of before fits it.
    async fn insert(&mut self, put: &Put, body: &str) -> Result<i64> {
        let last: i64 = sqlx::query_scalar(
            "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM object_history WHERE kind = $1 AND id = $2",
        )
        .bind(put.kind.word())
        .bind(put.id.as_str())
        .fetch_one(&mut *self.tx)
        .await?;
        let version = last + 1;
        let sql = format!(
            "INSERT INTO {} (id, parent, name, name_key, version, lake, body, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, {version}, $5, $6, $7, $7)",
            put.kind.store_table()
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(put.id.as_str())
            .bind(parent_text(put.parent.as_ref()))
            .bind(&put.name)
            .bind(name_key(put.kind, &put.id, &put.name, &put.body))
            .bind(&put.lake)
            .bind(body)
            .bind(time_text(&self.now));
        query.execute(&mut *self.tx).await.map_err(|error| taken(put, error))?;
        Ok(version)
    }

    async fn update(&mut self, put: &Put, body: &str, before: &ObjectRow) -> Result<(i64, DateTime<Utc>)> {
        let sql = format!(
            "UPDATE {} SET parent = $2, name = $3, name_key = $4, version = version + 1, lake = $5, body = $6, \
             updated_at = $7 WHERE id = $1 RETURNING version, created_at",
            put.kind.store_table()
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(before.id.as_str())
            .bind(parent_text(put.parent.as_ref()))
            .bind(&put.name)
            .bind(name_key(put.kind, &put.id, &put.name, &put.body))
            .bind(&put.lake)
            .bind(body)
            .bind(time_text(&self.now));
        let row = query
            .fetch_one(&mut *self.tx)
            .await
            .map_err(|error| taken(put, error))?;
        Ok((row.try_get(0)?, parse_time(&row.try_get::<String, _>(1)?)?))
    }
}

fn expect(kind: Kind, name: &str, expected: Expected, found: i64) -> Result<()> {
    let conflict = |expected| StoreError::Conflict {
        what: format!("{kind} `{name}`"),
        expected,
        found,
    };
    match expected {
        Expected::Any => Ok(()),
        Expected::Absent => Err(conflict(0)),
        Expected::Version(expected) if expected == found => Ok(()),
        Expected::Version(expected) => Err(conflict(expected)),
    }
}

pub(super) fn missing(kind: Kind, id: &ObjectId) -> StoreError {
    StoreError::NotFound {
        kind,
        id: id.to_string(),
    }
}

fn taken(put: &Put, error: sqlx::Error) -> StoreError {
    if is_unique_violation(&error) {
        StoreError::AlreadyExists {
            kind: put.kind,
            name: put.name.clone(),
        }
    } else {
        error.into()
    }
}
