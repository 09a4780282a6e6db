//! What did the catalog hold at an earlier epoch, and which epochs were there?

use std::{collections::BTreeMap, sync::Arc};

use sqlx::Row;

use crate::{
    change::{EpochChange, EpochSummary, ObjectVersion},
    error::{Result, StoreError},
    object::{Kind, Noun, Stored},
    snapshot::Snapshot,
    store::{Store, cell::parse_time},
};

impl Store {
    /// The catalog when `epoch` had just been committed, without partitions and API keys; `None`: there is no such epoch.
    ///
    /// `created_at` and `updated_at` are those of the version that held then.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn snapshot_at(&self, epoch: i64) -> Result<Option<Arc<Snapshot>>> {
        if epoch < 1 || epoch > self.version().await? {
            return Ok(None);
        }
        let snapshot = Snapshot {
            version: epoch,
            connections: self.objects_then(epoch).await?,
            catalogs: self.objects_then(epoch).await?,
            databases: self.objects_then(epoch).await?,
            tables: self.objects_then(epoch).await?,
            views: self.objects_then(epoch).await?,
            tags: self.objects_then(epoch).await?,
            data_filters: self.objects_then(epoch).await?,
            column_masks: self.objects_then(epoch).await?,
            policies: self.objects_then(epoch).await?,
            roles: self.objects_then(epoch).await?,
            users: self.objects_then(epoch).await?,
            grants: self.objects_then(epoch).await?,
            workgroups: self.objects_then(epoch).await?,
            ..Snapshot::default()
        };
        Ok(Some(Arc::new(snapshot.indexed())))
    }

    async fn objects_then<B: Noun>(&self, epoch: i64) -> Result<Vec<Arc<Stored<B>>>> {
        let versions = self.objects_at(B::KIND, epoch).await?;
        versions.into_iter().map(stored).collect()
    }

    /// What changed in the epochs `from` to `to`, both included, newest first. Partitions have no history.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn epoch_history(&self, from: i64, to: i64) -> Result<Vec<EpochSummary>> {
        let mut found: BTreeMap<i64, EpochSummary> = BTreeMap::new();
        for kind in Kind::ALL {
            let rows = sqlx::query(
                "SELECT epoch, deleted, COUNT(*), MIN(name), MIN(changed_at), MIN(principal) FROM object_history \
                 WHERE kind = $1 AND epoch >= $2 AND epoch <= $3 GROUP BY epoch, deleted ORDER BY epoch, deleted",
            )
            .bind(kind.word())
            .bind(from)
            .bind(to)
            .fetch_all(&self.inner.database.reader)
            .await?;
            for row in &rows {
                let epoch: i64 = row.try_get(0)?;
                let change = EpochChange {
                    kind,
                    deleted: row.try_get::<i64, _>(1)? != 0,
                    objects: row.try_get(2)?,
                    name: row.try_get(3)?,
                };
                let changed_at = parse_time(&row.try_get::<String, _>(4)?)?;
                let principal: String = row.try_get(5)?;
                let summary = found.entry(epoch).or_insert_with(|| EpochSummary {
                    epoch,
                    changed_at,
                    principal,
                    changes: Vec::new(),
                });
                summary.changes.push(change);
            }
        }
        Ok(found.into_values().rev().collect())
    }
}

fn stored<B: Noun>(version: ObjectVersion) -> Result<Arc<Stored<B>>> {
    let what = || format!("the history of {} `{}`", version.kind, version.id);
    let body = serde_json::from_value(version.body.clone()).map_err(|_| StoreError::corrupt(what()))?;
    Ok(Arc::new(Stored {
        id: version.id,
        parent: version.parent,
        name: version.name,
        version: version.version,
        lake: version.lake,
        created_at: version.changed_at,
        updated_at: version.changed_at,
        body,
    }))
}
