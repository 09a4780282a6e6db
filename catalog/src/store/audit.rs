//! How do audit events reach the store? One chain per process, one writer at a time, in the transaction of what they tell.

use std::sync::PoisonError;

use sqlx::{AssertSqlSafe, Row, any::AnyRow};
use tokio::sync::{MutexGuard, oneshot};

use crate::{
    audit::{
        AuditEvent, AuditFilter, AuditOrder, AuditRecord,
        chain::{canonical_json, genesis, link},
    },
    error::{Result, StoreError},
    store::{
        Inner, Store,
        cell::{parse_json, time_text},
        connect::Tx,
    },
};

/// The last record of a chain.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) seq: i64,
    pub(super) hash: String,
}

/// Events of one `append_audit` call, and who waits for them.
#[derive(Debug)]
pub(super) struct Waiting {
    events: Vec<AuditEvent>,
    done: oneshot::Sender<()>,
}

/// The right to write events. Dropped without [`ChainWriter::settle`], the head counts as unknown and is read again:
/// whether the transaction happened need not be known here.
pub(super) struct ChainWriter<'a> {
    store: &'a Inner,
    slot: MutexGuard<'a, Option<Head>>,
    head: Option<Head>,
    /// Kinds of the events that were appended.
    appended: Vec<String>,
}

impl Inner {
    /// Waits for the chain. Take it before a transaction begins.
    pub(super) async fn chain(&self) -> ChainWriter<'_> {
        let mut slot = self.chain.lock().await;
        ChainWriter {
            store: self,
            head: slot.take(),
            slot,
            appended: Vec::new(),
        }
    }
}

impl ChainWriter<'_> {
    /// Chains the events and writes them in this transaction.
    pub(super) async fn append(&mut self, tx: &mut Tx, events: &[AuditEvent]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let stream = &self.store.boot_id;
        let mut head = match self.head.take() {
            Some(head) => head,
            None => read_head(tx, stream).await?,
        };
        for event in events {
            head = insert(tx, stream, &head, event).await?;
        }
        sqlx::query(
            "INSERT INTO audit_streams (stream, seq, hash) VALUES ($1, $2, $3) \
             ON CONFLICT (stream) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
        )
        .bind(stream)
        .bind(head.seq)
        .bind(&head.hash)
        .execute(&mut **tx)
        .await?;
        self.head = Some(head);
        self.appended.extend(events.iter().map(|event| event.kind.clone()));
        Ok(())
    }

    /// The transaction is committed: what was appended is the head.
    pub(super) fn settle(mut self) {
        if let Some(head) = self.head.as_ref().filter(|_| !self.appended.is_empty()) {
            let last = u64::try_from(head.seq).unwrap_or_default();
            self.store.counts.stored(std::mem::take(&mut self.appended), last);
        }
        *self.slot = self.head.take();
    }
}

async fn read_head(tx: &mut Tx, stream: &str) -> Result<Head> {
    let row = sqlx::query("SELECT seq, hash FROM audit_streams WHERE stream = $1")
        .bind(stream)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(match row {
        Some(row) => Head {
            seq: row.try_get(0)?,
            hash: row.try_get(1)?,
        },
        None => Head {
            seq: 0,
            hash: genesis(stream),
        },
    })
}

async fn insert(tx: &mut Tx, stream: &str, head: &Head, event: &AuditEvent) -> Result<Head> {
    let malformed = |error| StoreError::Invalid {
        what: format!("an audit event: {error}"),
    };
    let body = canonical_json(event).map_err(malformed)?;
    let hash = link(&head.hash, &body)
        .ok_or_else(|| StoreError::corrupt(format!("the head of audit chain `{stream}` is not a hash")))?;
    let next = Head {
        seq: head.seq + 1,
        hash,
    };
    sqlx::query(
        "INSERT INTO audit_events (stream, seq, event_time, principal, principal_id, action, resource, decision, \
         query_id, body, prev, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(stream)
    .bind(next.seq)
    .bind(time_text(&event.time))
    .bind(&event.principal)
    .bind(&event.principal_id)
    .bind(&event.action)
    .bind(&event.resource)
    .bind(&event.decision)
    .bind(event.query_id.as_deref())
    .bind(body)
    .bind(&head.hash)
    .bind(&next.hash)
    .execute(&mut **tx)
    .await?;
    Ok(next)
}

impl Store {
    /// Stores events, durable when this returns. Calls that arrive while others are being stored share one transaction.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`: then nothing of it is stored.
    pub async fn append_audit(&self, events: &[AuditEvent]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let (done, mut stored) = oneshot::channel();
        lock(&self.inner.waiting).push(Waiting {
            events: events.to_vec(),
            done,
        });
        let mut chain = self.inner.chain().await;
        if stored.try_recv().is_ok() {
            chain.settle();
            return Ok(());
        }
        // Ours is in the batch, unless a writer took it and failed: then it stands alone.
        let batch = std::mem::take(&mut *lock(&self.inner.waiting));
        let ours_is_lost = stored.try_recv() == Err(oneshot::error::TryRecvError::Closed);
        let mut tx = self.inner.database.begin().await?;
        for waiting in &batch {
            chain.append(&mut tx, &waiting.events).await?;
        }
        if ours_is_lost {
            chain.append(&mut tx, events).await?;
        }
        tx.commit().await?;
        for waiting in batch {
            // Nobody listens any more: stored all the same.
            let _ = waiting.done.send(());
        }
        chain.settle();
        Ok(())
    }

    /// Events that fit the filter, in its order.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRecord>> {
        let (sql, values) = list_statement(filter);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in values {
            query = query.bind(value);
        }
        query
            .fetch_all(&self.inner.database.reader)
            .await?
            .iter()
            .map(read_record)
            .collect()
    }
}

/// Columns of a record in the order that [`read_record`] expects.
pub(super) const RECORD_COLUMNS: &str = "position, stream, seq, body, prev, hash";

/// Statement and its values; numbers stand in the text.
fn list_statement(filter: &AuditFilter) -> (String, Vec<String>) {
    let mut sql = format!("SELECT {RECORD_COLUMNS} FROM audit_events WHERE 1 = 1");
    let mut values = Vec::new();
    let texts = [
        ("query_id =", filter.query_id.clone()),
        ("action =", filter.action.clone()),
        ("resource =", filter.resource.clone()),
        ("decision =", filter.decision.clone()),
        ("event_time >=", filter.from.as_ref().map(time_text)),
        ("event_time <", filter.to.as_ref().map(time_text)),
    ];
    for (condition, value) in texts {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {condition} ${}", values.len()));
        }
    }
    if let Some(principal) = &filter.principal {
        values.push(principal.clone());
        sql.push_str(&format!(" AND (principal = ${0} OR principal_id = ${0})", values.len()));
    }
    if let Some(before) = filter.before {
        sql.push_str(&format!(" AND position < {before}"));
    }
    if let Some(after) = filter.after {
        sql.push_str(&format!(" AND position > {after}"));
    }
    let order = match filter.order {
        AuditOrder::Newest => "DESC",
        AuditOrder::Oldest => "ASC",
    };
    sql.push_str(&format!(" ORDER BY position {order} LIMIT {}", filter.limit));
    (sql, values)
}

/// Reads [`RECORD_COLUMNS`].
fn read_record(row: &AnyRow) -> Result<AuditRecord> {
    let (position, body): (i64, String) = (row.try_get(0)?, row.try_get(3)?);
    Ok(AuditRecord {
        position,
        stream: row.try_get(1)?,
        seq: row.try_get(2)?,
        event: parse_json(&body, || format!("audit record at position {position}"))?,
        prev: row.try_get(4)?,
        hash: row.try_get(5)?,
    })
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
