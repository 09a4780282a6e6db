//! What is and was asked? Query records, from submission to the final state; one transaction per step.

use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use crate::{
    audit::AuditEvent,
    error::{Result, StoreError},
    idempotency::IdempotentAnswer,
    record::{QueryEnd, QueryFilter, QueryRecord, QueryStart, Usage},
    store::{
        Store,
        cell::{json_text, optional_time, parse_json, parse_state, parse_time, time_text},
        connect::Tx,
        idempotency::keep_answer,
        ledger::{Ending, enter},
    },
};

/// Columns of a record in the order that [`read`] expects.
pub(super) const COLUMNS: &str = "record, state, submitted_at, started_at, ended_at, statement, snapshot_version, \
     policy_version, failure, query_usage, result, node";

impl Store {
    /// Stores a record as it was submitted, durable when this returns.
    ///
    /// # Errors
    /// `Invalid` if the id is taken; `Unavailable`, also when PostgreSQL gives no connection within a second; `Failed`.
    pub async fn begin_query(&self, record: &QueryRecord) -> Result<()> {
        let mut tx = self.inner.database.begin_soon().await?;
        insert(&mut tx, record).await?;
        Ok(tx.commit().await?)
    }

    /// [`Store::begin_query`] with the answer to replay in the same transaction.
    ///
    /// # Errors
    /// `KeyUsed`: nothing is stored; and those of `begin_query`.
    pub async fn begin_query_once(&self, record: &QueryRecord, answer: &IdempotentAnswer) -> Result<()> {
        let mut tx = self.inner.database.begin().await?;
        keep_answer(&mut tx, answer).await?;
        insert(&mut tx, record).await?;
        Ok(tx.commit().await?)
    }

    /// QUEUED → RUNNING, with the audit events of the attempt: durable before the first row leaves.
    ///
    /// # Errors
    /// `QueryNotQueued`, also if there is no such query; `Unavailable`, `Failed`. Then nothing is stored.
    pub async fn start_query(&self, start: &QueryStart, attempts: &[AuditEvent]) -> Result<()> {
        let mut chain = self.inner.chain().await;
        let mut tx = self.inner.database.begin().await?;
        let started = sqlx::query(
            "UPDATE queries SET state = 'RUNNING', statement = $2, started_at = $3, snapshot_version = $4, \
             policy_version = $5 WHERE id = $1 AND state = 'QUEUED'",
        )
        .bind(&start.id)
        .bind(&start.statement)
        .bind(time_text(&start.started_at))
        .bind(start.snapshot_version)
        .bind(start.policy_version)
        .execute(&mut *tx)
        .await?;
        if started.rows_affected() == 0 {
            return Err(StoreError::QueryNotQueued { id: start.id.clone() });
        }
        chain.append(&mut tx, attempts).await?;
        tx.commit().await?;
        chain.settle();
        Ok(())
    }

    /// Keeps the figures so far, for the case that the process dies. Does nothing to a query that has ended.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn checkpoint_query(&self, id: &str, usage: &Usage) -> Result<()> {
        let mut tx = self.inner.database.begin().await?;
        sqlx::query("UPDATE queries SET query_usage = $2 WHERE id = $1 AND state IN ('QUEUED', 'RUNNING')")
            .bind(id)
            .bind(json_text(usage)?)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// The final state, the usage row and the audit events of the outcome, in one transaction. `false`: it had ended
    /// already, nothing was changed and no event stored.
    ///
    /// # Errors
    /// `QueryNotFound`; `Invalid` if the state is not final; `Unavailable`, `Failed`.
    pub async fn end_query(&self, end: &QueryEnd, outcome: &[AuditEvent]) -> Result<bool> {
        let mut chain = self.inner.chain().await;
        let mut tx = self.inner.database.begin().await?;
        let ended = enter(&mut tx, &Ending::of(end)?).await?;
        if ended {
            chain.append(&mut tx, outcome).await?;
            tx.commit().await?;
        } else if !exists(&mut tx, &end.id).await? {
            return Err(StoreError::QueryNotFound { id: end.id.clone() });
        }
        chain.settle();
        Ok(ended)
    }

    /// One record.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn find_query(&self, id: &str) -> Result<Option<QueryRecord>> {
        let sql = format!("SELECT {COLUMNS} FROM queries WHERE id = $1");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(&self.inner.database.reader)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Records that fit the filter, newest first by (submitted, id).
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn list_queries(&self, filter: &QueryFilter) -> Result<Vec<QueryRecord>> {
        let (sql, values) = list_statement(filter);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in values {
            query = query.bind(value);
        }
        query
            .fetch_all(&self.inner.database.reader)
            .await?
            .iter()
            .map(read)
            .collect()
    }
}

async fn insert(tx: &mut Tx, record: &QueryRecord) -> Result<()> {
    let inserted = sqlx::query(
        "INSERT INTO queries (id, principal_id, workgroup, node, state, submitted_at, started_at, ended_at, statement, \
         snapshot_version, policy_version, failure, query_usage, result, record) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&record.id)
    .bind(&record.principal_id)
    .bind(&record.workgroup)
    .bind(&record.node)
    .bind(record.state.word())
    .bind(time_text(&record.submitted_at))
    .bind(record.started_at.as_ref().map(time_text))
    .bind(record.ended_at.as_ref().map(time_text))
    .bind(record.statement.as_deref())
    .bind(record.snapshot_version)
    .bind(record.policy_version)
    .bind(record.failure.as_ref().map(json_text).transpose()?)
    .bind(json_text(&record.usage)?)
    .bind(record.result.as_ref().map(json_text).transpose()?)
    .bind(json_text(record)?)
    .execute(&mut **tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(StoreError::Invalid {
            what: format!("query `{}` exists already", record.id),
        });
    }
    Ok(())
}

async fn exists(tx: &mut Tx, id: &str) -> Result<bool> {
    let found: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM queries WHERE id = $1")
        .bind(id)
        .fetch_one(&mut **tx)
        .await?;
    Ok(found > 0)
}

/// Statement and its values.
fn list_statement(filter: &QueryFilter) -> (String, Vec<String>) {
    let mut sql = format!("SELECT {COLUMNS} FROM queries WHERE 1 = 1");
    let mut values = Vec::new();
    let texts = [
        ("principal_id", filter.principal_id.clone()),
        ("state", filter.state.map(|state| state.word().to_owned())),
        ("workgroup", filter.workgroup.clone()),
    ];
    for (column, value) in texts {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {column} = ${}", values.len()));
        }
    }
    if let Some((submitted_at, id)) = &filter.before {
        values.push(time_text(submitted_at));
        values.push(id.clone());
        sql.push_str(&format!(
            " AND (submitted_at, id) < (${}, ${})",
            values.len() - 1,
            values.len()
        ));
    }
    sql.push_str(&format!(" ORDER BY submitted_at DESC, id DESC LIMIT {}", filter.limit));
    (sql, values)
}

/// Reads [`COLUMNS`]: the record as submitted, with what has changed since.
pub(super) fn read(row: &AnyRow) -> Result<QueryRecord> {
    let mut record: QueryRecord = parse_json(&row.try_get::<String, _>(0)?, || "a query record".to_owned())?;
    let what = || format!("query `{}`", record.id);
    let state = parse_state(&row.try_get::<String, _>(1)?)?;
    let failure = row
        .try_get::<Option<String>, _>(8)?
        .map(|text| parse_json(&text, what))
        .transpose()?;
    let usage = parse_json(&row.try_get::<String, _>(9)?, what)?;
    let result = row
        .try_get::<Option<String>, _>(10)?
        .map(|text| parse_json(&text, what))
        .transpose()?;
    record.state = state;
    record.submitted_at = parse_time(&row.try_get::<String, _>(2)?)?;
    record.started_at = optional_time(row, 3)?;
    record.ended_at = optional_time(row, 4)?;
    record.statement = row.try_get(5)?;
    record.snapshot_version = row.try_get(6)?;
    record.policy_version = row.try_get(7)?;
    record.failure = failure;
    record.usage = usage;
    record.result = result;
    record.node = row.try_get(11)?;
    Ok(record)
}
