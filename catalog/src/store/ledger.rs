//! What did queries use? The ledger: one row per query, written in the transaction of its final state, never twice.

use sqlx::{AssertSqlSafe, Row};

use crate::{
    error::{Result, StoreError},
    record::{QueryEnd, UsageRow},
    store::{
        Store,
        cell::{count, json_text, parse_json, parse_state, parse_time, time_text},
        connect::Tx,
        queries::{COLUMNS, read},
    },
};

/// A final state, checked to be one.
pub(super) struct Ending<'a>(&'a QueryEnd);

impl<'a> Ending<'a> {
    pub(super) fn of(end: &'a QueryEnd) -> Result<Self> {
        if end.state.is_final() {
            Ok(Self(end))
        } else {
            Err(StoreError::Invalid {
                what: format!("{} is not a final state", end.state.word()),
            })
        }
    }
}

impl Store {
    /// What one query used; `None` before its end.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn find_usage(&self, query_id: &str) -> Result<Option<UsageRow>> {
        let row = sqlx::query(
            "SELECT principal_id, principal, workgroup, labels, state, submitted_at, ended_at, price_per_tb, query_usage \
             FROM usage_rows WHERE query_id = $1",
        )
        .bind(query_id)
        .fetch_optional(&self.inner.database.reader)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let what = || format!("the usage of query `{query_id}`");
        Ok(Some(UsageRow {
            query_id: query_id.to_owned(),
            principal_id: row.try_get(0)?,
            principal: row.try_get(1)?,
            workgroup: row.try_get(2)?,
            labels: parse_json(&row.try_get::<String, _>(3)?, what)?,
            state: parse_state(&row.try_get::<String, _>(4)?)?,
            submitted_at: parse_time(&row.try_get::<String, _>(5)?)?,
            ended_at: parse_time(&row.try_get::<String, _>(6)?)?,
            price_per_tb: row.try_get(7)?,
            usage: parse_json(&row.try_get::<String, _>(8)?, what)?,
        }))
    }
}

/// Ends a query that is open and writes its usage row; `false`, and nothing done, if none is open under this id.
pub(super) async fn enter(tx: &mut Tx, Ending(end): &Ending<'_>) -> Result<bool> {
    let sql = format!(
        "UPDATE queries SET state = $2, ended_at = $3, failure = $4, query_usage = $5, result = $6 \
         WHERE id = $1 AND state IN ('QUEUED', 'RUNNING') RETURNING {COLUMNS}"
    );
    let usage = json_text(&end.usage)?;
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(&end.id)
        .bind(end.state.word())
        .bind(time_text(&end.ended_at))
        .bind(end.failure.as_ref().map(json_text).transpose()?)
        .bind(&usage)
        .bind(end.result.as_ref().map(json_text).transpose()?)
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(false) };
    let record = read(&row)?;
    sqlx::query(
        "INSERT INTO usage_rows (query_id, principal_id, principal, workgroup, labels, state, submitted_at, ended_at, \
         price_per_tb, scanned_bytes, billed_bytes, query_usage) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(&record.id)
    .bind(&record.principal_id)
    .bind(&record.principal)
    .bind(&record.workgroup)
    .bind(json_text(&record.labels)?)
    .bind(end.state.word())
    .bind(time_text(&record.submitted_at))
    .bind(time_text(&end.ended_at))
    .bind(&record.price_per_tb)
    .bind(count(end.usage.scanned_bytes))
    .bind(count(end.usage.billed_bytes))
    .bind(&usage)
    .execute(&mut **tx)
    .await?;
    Ok(true)
}
