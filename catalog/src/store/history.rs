//! How did an object come to be what it is? Every version of it, with the epoch and the person.

use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use crate::{
    change::ObjectVersion,
    error::Result,
    id::ObjectId,
    object::Kind,
    store::{
        Store,
        cell::{parent_text, parse_json, parse_parent, parse_time, time_text},
        commit::Writing,
        object::ObjectRow,
    },
};

const COLUMNS: &str = "id, epoch, version, parent, name, lake, body, deleted, changed_at, principal";

impl Store {
    /// All versions of an object, oldest first; none if it never was, or is a partition.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn history(&self, kind: Kind, id: &ObjectId) -> Result<Vec<ObjectVersion>> {
        let sql = format!("SELECT {COLUMNS} FROM object_history WHERE kind = $1 AND id = $2 ORDER BY epoch");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(kind.word()).bind(id.as_str());
        query
            .fetch_all(&self.inner.database.reader)
            .await?
            .iter()
            .map(|row| read(kind, row))
            .collect()
    }

    /// What was there of one kind when `epoch` had just been committed, by id: the ground for a rollback.
    ///
    /// # Errors
    /// `Unavailable`, `Failed`, `Corrupt`.
    pub async fn objects_at(&self, kind: Kind, epoch: i64) -> Result<Vec<ObjectVersion>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM object_history h WHERE kind = $1 AND epoch <= $2 AND deleted = 0 AND NOT EXISTS \
             (SELECT 1 FROM object_history l WHERE l.kind = h.kind AND l.id = h.id AND l.epoch > h.epoch \
             AND l.epoch <= $2) ORDER BY id"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(kind.word()).bind(epoch);
        query
            .fetch_all(&self.inner.database.reader)
            .await?
            .iter()
            .map(|row| read(kind, row))
            .collect()
    }
}

/// Whether a history row tells of a change or of the end.
#[derive(Clone, Copy)]
pub(super) enum Left {
    Stored,
    Deleted,
}

/// Writes what an object is after a change (or was before it was deleted). Partitions are many and have no history.
pub(super) async fn record(writing: &mut Writing, kind: Kind, object: &ObjectRow, left: Left) -> Result<()> {
    if kind == Kind::Partition {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO object_history (kind, id, epoch, version, parent, name, lake, body, deleted, changed_at, principal) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(kind.word())
    .bind(object.id.as_str())
    .bind(writing.epoch)
    .bind(object.version)
    .bind(parent_text(object.parent.as_ref()))
    .bind(&object.name)
    .bind(&object.lake)
    .bind(&object.body)
    .bind(i64::from(matches!(left, Left::Deleted)))
    .bind(time_text(&writing.now))
    .bind(&writing.principal)
    .execute(&mut *writing.tx)
    .await?;
    Ok(())
}

fn read(kind: Kind, row: &AnyRow) -> Result<ObjectVersion> {
    let id = ObjectId::from_stored(row.try_get::<String, _>(0)?);
    Ok(ObjectVersion {
        kind,
        epoch: row.try_get(1)?,
        version: row.try_get(2)?,
        parent: parse_parent(row.try_get(3)?),
        name: row.try_get(4)?,
        lake: row.try_get(5)?,
        body: parse_json(&row.try_get::<String, _>(6)?, || {
            format!("the history of {kind} `{id}`")
        })?,
        deleted: row.try_get::<i64, _>(7)? != 0,
        changed_at: parse_time(&row.try_get::<String, _>(8)?)?,
        principal: row.try_get(9)?,
        id,
    })
}
