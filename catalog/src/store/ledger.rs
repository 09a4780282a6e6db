//! What did queries use? The ledger: one row per query, written in the transaction of its final state, never twice.

use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use crate::{
    error::{Result, StoreError},
    record::{QueryEnd, UsageFilter, UsageRow, UsageSum},
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
        let sql = format!("SELECT {ROW_COLUMNS} FROM usage_rows WHERE query_id = $1");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(query_id)
            .fetch_optional(&self.inner.database.reader)
            .await?;
        row.as_ref().map(read_row).transpose()
    }

    /// What each query of one principal used, in no order.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn list_usage(&self, principal_id: &str, filter: &UsageFilter) -> Result<Vec<UsageRow>> {
        let sql = format!(
            "SELECT {ROW_COLUMNS} FROM usage_rows WHERE ended_at >= $1 AND ended_at < $2 AND principal_id = $3"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(time_text(&filter.from))
            .bind(time_text(&filter.to))
            .bind(principal_id)
            .fetch_all(&self.inner.database.reader)
            .await?;
        rows.iter().map(read_row).collect()
    }

    /// The ledger by day, workgroup, principal and price, in no order.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn sum_usage(&self, filter: &UsageFilter) -> Result<Vec<UsageSum>> {
        // A time is text, and begins with its day.
        let rows = sqlx::query(
            "SELECT substr(ended_at, 1, 10), workgroup, principal_id, principal, price_per_tb, COUNT(*), \
             CAST(SUM(scanned_bytes) AS BIGINT), CAST(SUM(billed_bytes) AS BIGINT) FROM usage_rows \
             WHERE ended_at >= $1 AND ended_at < $2 AND ($3 = '' OR principal_id = $3) \
             GROUP BY substr(ended_at, 1, 10), workgroup, principal_id, principal, price_per_tb",
        )
        .bind(time_text(&filter.from))
        .bind(time_text(&filter.to))
        .bind(filter.principal_id.as_deref().unwrap_or_default())
        .fetch_all(&self.inner.database.reader)
        .await?;
        let number =
            |row: &AnyRow, at: usize| -> Result<u64> { Ok(u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or(0)) };
        rows.iter()
            .map(|row| {
                Ok(UsageSum {
                    day: row.try_get(0)?,
                    workgroup: row.try_get(1)?,
                    principal_id: row.try_get(2)?,
                    principal: row.try_get(3)?,
                    price_per_tb: row.try_get(4)?,
                    queries: number(row, 5)?,
                    scanned_bytes: number(row, 6)?,
                    billed_bytes: number(row, 7)?,
                })
            })
            .collect()
    }
}

/// Columns of a row in the order that [`read_row`] expects.
const ROW_COLUMNS: &str =
    "query_id, principal_id, principal, workgroup, labels, state, submitted_at, ended_at, price_per_tb, query_usage";

fn read_row(row: &AnyRow) -> Result<UsageRow> {
    let query_id: String = row.try_get(0)?;
    let what = || format!("the usage of query `{query_id}`");
    Ok(UsageRow {
        principal_id: row.try_get(1)?,
        principal: row.try_get(2)?,
        workgroup: row.try_get(3)?,
        labels: parse_json(&row.try_get::<String, _>(4)?, what)?,
        state: parse_state(&row.try_get::<String, _>(5)?)?,
        submitted_at: parse_time(&row.try_get::<String, _>(6)?)?,
        ended_at: parse_time(&row.try_get::<String, _>(7)?)?,
        price_per_tb: row.try_get(8)?,
        usage: parse_json(&row.try_get::<String, _>(9)?, what)?,
        query_id: query_id.clone(),
    })
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
