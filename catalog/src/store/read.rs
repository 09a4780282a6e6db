//! What does the catalog hold now? One batched read, kept until the epoch moves.

use std::{sync::Arc, time::Instant};

use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Row};

use crate::{
    error::{Result, StoreError},
    id::ObjectId,
    object::Kind,
    snapshot::{Partitions, Snapshot},
    store::{
        Confirmation, Store,
        object::{COLUMNS, ObjectRow},
        secrets::{self, MASK_KEY_ROW, MASK_KEYS},
    },
};

impl Store {
    /// The epoch: incremented in the transaction of every change.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`.
    pub async fn version(&self) -> Result<i64> {
        let at = Instant::now();
        let version = self.read_version().await?;
        self.inner.epochs.read(Confirmation { version, at });
        Ok(version)
    }

    /// As [`Store::version`], and nobody is told.
    pub(super) async fn read_version(&self) -> Result<i64> {
        let version = sqlx::query_scalar("SELECT version FROM epoch WHERE id = 1")
            .fetch_one(&self.inner.database.reader)
            .await?;
        self.inner.counts.confirmed();
        Ok(version)
    }

    /// Everything that is stored now. One tiny read if nothing has changed; otherwise one statement that reads it all,
    /// made once for all callers that wait.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>> {
        let version = self.version().await?;
        if let Some(snapshot) = self.cached(version) {
            self.inner.counts.snapshot_kept();
            return Ok(snapshot);
        }
        let _reading = self.inner.reading.lock().await;
        let version = self.version().await?;
        if let Some(snapshot) = self.cached(version) {
            self.inner.counts.snapshot_kept();
            return Ok(snapshot);
        }
        self.inner.counts.snapshot_read();
        let snapshot = Arc::new(self.read_snapshot().await?);
        *self
            .inner
            .snapshot
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// [`Store::snapshot`] under the version that a new statement may begin under ([`Store::confirmed_version`]): for what
    /// must not begin under an old one.
    ///
    /// # Errors
    /// As [`Store::snapshot`]; `Unavailable` when the database does not say in time which version is current.
    pub async fn confirmed_snapshot(&self) -> Result<Arc<Snapshot>> {
        let seen = self.confirmed_version().await?;
        match self.cached(seen.version) {
            Some(snapshot) => {
                self.inner.counts.snapshot_kept();
                Ok(snapshot)
            }
            None => self.snapshot().await,
        }
    }

    /// Partitions of a table, sorted by name; none if there is no such table.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn partitions(&self, table: &ObjectId) -> Result<Partitions> {
        let sql = format!("SELECT {COLUMNS} FROM partitions WHERE parent = $1");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(table.as_str())
            .fetch_all(&self.inner.database.reader)
            .await?;
        let mut partitions = rows
            .iter()
            .map(|row| ObjectRow::read(row, 0)?.stored(None))
            .collect::<Result<Partitions>>()?;
        partitions.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(partitions)
    }

    fn last(&self) -> Option<Arc<Snapshot>> {
        self.inner
            .snapshot
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    fn cached(&self, version: i64) -> Option<Arc<Snapshot>> {
        self.last().filter(|snapshot| snapshot.version == version)
    }

    async fn read_snapshot(&self) -> Result<Snapshot> {
        let known = self.last();
        let mut snapshot = Snapshot::default();
        // One statement sees one state of the database, in both dialects.
        let mut rows = sqlx::query(AssertSqlSafe(batch())).fetch(&self.inner.database.reader);
        while let Some(row) = rows.try_next().await? {
            match row.try_get::<i64, _>(0)? {
                EPOCH => snapshot.version = row.try_get(4)?,
                MASK_KEY_ROW => secrets::add(&mut snapshot, &row)?,
                kind => add(&mut snapshot, known.as_deref(), kind, ObjectRow::read(&row, 1)?)?,
            }
        }
        Ok(snapshot.indexed())
    }
}

/// Marks the row that holds the epoch.
const EPOCH: i64 = -1;

/// All tables but the partitions in one statement: number of the kind in [`Kind::ALL`], then [`COLUMNS`].
fn batch() -> String {
    let mut sql = format!("SELECT CAST({EPOCH} AS BIGINT), '', '', '', version, '', '', '', '' FROM epoch");
    sql.push_str(&format!(" UNION ALL {MASK_KEYS}"));
    for (number, kind) in Kind::ALL
        .iter()
        .enumerate()
        .filter(|(_, kind)| **kind != Kind::Partition)
    {
        sql.push_str(&format!(
            " UNION ALL SELECT {number}, {COLUMNS} FROM {}",
            kind.store_table()
        ));
    }
    sql
}

fn add(snapshot: &mut Snapshot, known: Option<&Snapshot>, number: i64, row: ObjectRow) -> Result<()> {
    let kind = usize::try_from(number).ok().and_then(|number| Kind::ALL.get(number));
    let kind = kind.ok_or_else(|| StoreError::corrupt(format!("there is no kind {number}")))?;
    let id = row.id.clone();
    match kind {
        Kind::Connection => snapshot
            .connections
            .push(row.stored(known.and_then(|known| known.connection(&id)))?),
        Kind::Catalog => snapshot
            .catalogs
            .push(row.stored(known.and_then(|known| known.catalog(&id)))?),
        Kind::Database => snapshot
            .databases
            .push(row.stored(known.and_then(|known| known.database(&id)))?),
        Kind::Table => snapshot
            .tables
            .push(row.stored(known.and_then(|known| known.table(&id)))?),
        Kind::View => snapshot
            .views
            .push(row.stored(known.and_then(|known| known.view(&id)))?),
        Kind::Partition => {}
        Kind::Tag => snapshot.tags.push(row.stored(known.and_then(|known| known.tag(&id)))?),
        Kind::DataFilter => snapshot
            .data_filters
            .push(row.stored(known.and_then(|known| known.data_filter(&id)))?),
        Kind::ColumnMask => snapshot
            .column_masks
            .push(row.stored(known.and_then(|known| known.column_mask(&id)))?),
        Kind::Policy => snapshot
            .policies
            .push(row.stored(known.and_then(|known| known.policy(&id)))?),
        Kind::Role => snapshot
            .roles
            .push(row.stored(known.and_then(|known| known.role(&id)))?),
        Kind::User => snapshot
            .users
            .push(row.stored(known.and_then(|known| known.user(&id)))?),
        Kind::Grant => snapshot
            .grants
            .push(row.stored(known.and_then(|known| known.grant(&id)))?),
        Kind::Workgroup => snapshot
            .workgroups
            .push(row.stored(known.and_then(|known| known.workgroup(&id)))?),
        Kind::Key => snapshot.keys.push(row.stored(known.and_then(|known| known.key(&id)))?),
    }
    Ok(())
}
