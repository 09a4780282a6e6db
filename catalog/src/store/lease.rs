//! Which nodes are alive? Those whose lease has not lapsed, by the clock of the database.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::{
    error::Result,
    store::{
        Store,
        connect::{Dialect, Tx},
    },
};

/// How long a node counts as alive after it renewed its lease last.
pub const LEASE: Duration = Duration::from_secs(15);

/// What a node finds when it renews its lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Renewal {
    /// The lease is new, or had lapsed: this node was away, and knows nothing of the others.
    Taken,
    /// The lease was still good.
    Kept,
}

impl Store {
    /// Says that this node is alive, for `lease` from now on.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn renew_lease(&self, lease: Duration) -> Result<Renewal> {
        let now = self.clock();
        let mut tx = self.inner.database.begin().await?;
        let good = format!("SELECT COUNT(*) FROM node_leases WHERE node = $1 AND expires_ms > {now}");
        let good: i64 = sqlx::query_scalar(AssertSqlSafe(good))
            .bind(self.boot_id())
            .fetch_one(&mut *tx)
            .await?;
        let renew = format!(
            "INSERT INTO node_leases (node, expires_ms) VALUES ($1, {now} + $2) \
             ON CONFLICT (node) DO UPDATE SET expires_ms = excluded.expires_ms"
        );
        sqlx::query(AssertSqlSafe(renew))
            .bind(self.boot_id())
            .bind(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(if good > 0 { Renewal::Kept } else { Renewal::Taken })
    }

    /// Gives the lease back: what this node has not ended, nobody will.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn release_lease(&self) -> Result<()> {
        let mut tx = self.inner.database.begin().await?;
        sqlx::query("DELETE FROM node_leases WHERE node = $1")
            .bind(self.boot_id())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// The condition on `queries` that its node is lost. An embedded store has one node, which is the one that asks.
    pub(super) fn node_is_lost(&self) -> String {
        match self.dialect() {
            Dialect::Sqlite => "1 = 1".to_owned(),
            Dialect::Postgres => format!(
                "NOT EXISTS (SELECT 1 FROM node_leases WHERE node_leases.node = queries.node AND expires_ms > {})",
                self.clock()
            ),
        }
    }

    /// Forgets the leases that lapsed.
    pub(super) async fn forget_lapsed(&self, tx: &mut Tx) -> Result<()> {
        let forget = format!("DELETE FROM node_leases WHERE expires_ms <= {}", self.clock());
        sqlx::query(AssertSqlSafe(forget)).execute(&mut **tx).await?;
        Ok(())
    }

    /// The database's time in milliseconds since 1970-01-01 UTC.
    pub(super) fn clock(&self) -> &'static str {
        match self.dialect() {
            Dialect::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Dialect::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }
}
