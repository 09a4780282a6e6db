//! Does everything still fit together after a change? Cascades, orphans and dangling references, inside the transaction.

use std::collections::HashSet;

use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::{
    change::Put,
    error::{Result, StoreError},
    governance::ColumnMask,
    id::ObjectId,
    identity::{Grant, Grantee},
    object::Kind,
    relation::Table,
    store::{
        cell::parse_json,
        commit::{Writing, missing},
        object::{COLUMNS, ObjectRow},
        reference::{Reference, references, referrers},
    },
};

/// What a change took away.
#[derive(Default)]
pub(super) struct Integrity {
    deleted: Vec<(Kind, ObjectRow)>,
    /// Columns that died with their relation or were dropped from it.
    columns: HashSet<ObjectId>,
    /// What went because of it.
    cascaded: Vec<(Kind, ObjectId)>,
}

impl Integrity {
    /// Notes that an object is gone.
    pub(super) fn deleted(&mut self, kind: Kind, gone: ObjectRow) -> Result<()> {
        if matches!(kind, Kind::Table | Kind::View) {
            self.columns.extend(columns(&body_of(kind, &gone)?));
        }
        self.deleted.push((kind, gone));
        Ok(())
    }

    /// Notes what a put took away from the object as it was.
    pub(super) fn replaced(&mut self, put: &Put, before: &ObjectRow) -> Result<()> {
        if matches!(put.kind, Kind::Table | Kind::View) {
            let kept: HashSet<ObjectId> = columns(&put.body).collect();
            self.columns
                .extend(columns(&body_of(put.kind, before)?).filter(|column| !kept.contains(column)));
        }
        Ok(())
    }

    /// Deletes what goes with the deleted, then checks that nothing hangs in the air. Answers with what went.
    pub(super) async fn restore(mut self, writing: &mut Writing, puts: &[Put]) -> Result<Vec<(Kind, ObjectId)>> {
        self.drop_retired_tables(writing).await?;
        self.drop_members(writing).await?;
        self.drop_masks(writing).await?;
        self.drop_grants(writing).await?;
        for (kind, gone) in &self.deleted {
            refuse_orphans(writing, *kind, gone).await?;
        }
        check_references(writing, puts).await?;
        check_masked_columns(writing, puts).await?;
        Ok(self.cascaded)
    }

    /// A retired table has no name by which it could be deleted: it goes with its database.
    async fn drop_retired_tables(&mut self, writing: &mut Writing) -> Result<()> {
        for database in self.ids(Kind::Database) {
            for row in writing.list(Kind::Table, "parent = $1", database.as_str()).await? {
                if row.parse::<Table>()?.is_retired() {
                    self.cascade(writing, Kind::Table, &row.id).await?;
                }
            }
        }
        Ok(())
    }

    /// Partitions and data filters of deleted relations.
    async fn drop_members(&mut self, writing: &mut Writing) -> Result<()> {
        for relation in self.ids(Kind::Table).into_iter().chain(self.ids(Kind::View)) {
            sqlx::query("DELETE FROM partitions WHERE parent = $1")
                .bind(relation.as_str())
                .execute(&mut *writing.tx)
                .await?;
            for filter in writing.list(Kind::DataFilter, "parent = $1", relation.as_str()).await? {
                self.cascade(writing, Kind::DataFilter, &filter.id).await?;
            }
        }
        Ok(())
    }

    /// Masks of dead columns and of their struct fields.
    async fn drop_masks(&mut self, writing: &mut Writing) -> Result<()> {
        if self.columns.is_empty() {
            return Ok(());
        }
        for mask in writing.list(Kind::ColumnMask, "id <> $1", "").await? {
            if mask.parent.as_ref().is_some_and(|column| self.is_dead_column(column)) {
                self.cascade(writing, Kind::ColumnMask, &mask.id).await?;
            }
        }
        Ok(())
    }

    /// Grants on what is gone, and to whom is gone.
    async fn drop_grants(&mut self, writing: &mut Writing) -> Result<()> {
        if self.deleted.is_empty() && self.columns.is_empty() {
            return Ok(());
        }
        let dead: HashSet<(&str, ObjectId)> = self
            .deleted
            .iter()
            .filter_map(|(kind, gone)| Some((kind.entity_type()?, gone.id.clone())))
            .collect();
        for row in writing.list(Kind::Grant, "id <> $1", "").await? {
            let grant: Grant = row.parse()?;
            let to = match grant.to {
                Grantee::User(id) => ("User", id),
                Grantee::Role(id) => ("Role", id),
            };
            let on = (grant.object.entity_type.as_str(), grant.object.id);
            if dead.contains(&to) || dead.contains(&on) || (on.0 == "Column" && self.is_dead_column(&on.1)) {
                self.cascade(writing, Kind::Grant, &row.id).await?;
            }
        }
        Ok(())
    }

    async fn cascade(&mut self, writing: &mut Writing, kind: Kind, id: &ObjectId) -> Result<()> {
        let gone = writing.remove(kind, id).await?;
        self.cascaded.push((kind, id.clone()));
        self.deleted(kind, gone)
    }

    fn ids(&self, kind: Kind) -> Vec<ObjectId> {
        self.deleted
            .iter()
            .filter(|(deleted, _)| *deleted == kind)
            .map(|(_, gone)| gone.id.clone())
            .collect()
    }

    fn is_dead_column(&self, id: &ObjectId) -> bool {
        self.columns.contains(id) || id.column().is_some_and(|column| self.columns.contains(&column))
    }
}

impl Writing {
    /// Objects of one kind that fit a condition with one value.
    async fn list(&mut self, kind: Kind, condition: &str, value: &str) -> Result<Vec<ObjectRow>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {} WHERE {condition} ORDER BY name_key",
            kind.store_table()
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(value)
            .fetch_all(&mut *self.tx)
            .await?;
        rows.iter().map(|row| ObjectRow::read(row, 0)).collect()
    }
}

/// Fails if anything still refers to a deleted object.
async fn refuse_orphans(writing: &mut Writing, kind: Kind, gone: &ObjectRow) -> Result<()> {
    let mut children = Vec::new();
    for referrer in referrers(kind) {
        let by_parent = writing.list(*referrer, "parent = $1", gone.id.as_str()).await?;
        // Ids hold no quotes: a body that refers to one holds it as a JSON string.
        let by_body = writing
            .list(*referrer, "body LIKE $1", &format!("%\"{}\"%", gone.id))
            .await?;
        for row in by_parent.into_iter().chain(by_body) {
            let found = references(*referrer, row.parent.as_ref(), &body_of(*referrer, &row)?)?;
            if found
                .iter()
                .any(|reference| reference.id == gone.id && reference.kinds.contains(&kind))
            {
                children.push(format!("{referrer} `{}`", row.name));
            }
        }
    }
    children.dedup();
    if children.is_empty() {
        return Ok(());
    }
    Err(StoreError::HasChildren {
        kind,
        name: gone.name.clone(),
        children,
    })
}

/// Fails if a put refers to what does not exist.
async fn check_references(writing: &mut Writing, puts: &[Put]) -> Result<()> {
    let made: HashSet<(Kind, &ObjectId)> = puts.iter().map(|put| (put.kind, &put.id)).collect();
    let mut checked: HashSet<Reference> = HashSet::new();
    for put in puts {
        for reference in references(put.kind, put.parent.as_ref(), &put.body)? {
            let is_made = reference
                .kinds
                .iter()
                .any(|kind| made.contains(&(*kind, &reference.id)));
            if !is_made && !checked.contains(&reference) {
                find_any(writing, &reference).await?;
                checked.insert(reference);
            }
        }
    }
    Ok(())
}

/// The object that a reference leads to.
async fn find_any(writing: &mut Writing, reference: &Reference) -> Result<(Kind, ObjectRow)> {
    for kind in reference.kinds {
        if let Some(row) = writing.find(*kind, &reference.id).await? {
            return Ok((*kind, row));
        }
    }
    Err(reference.kinds.first().map_or_else(
        || StoreError::Invalid {
            what: format!("`{}` leads nowhere", reference.id),
        },
        |kind| missing(*kind, &reference.id),
    ))
}

/// Fails if a mask lies on a column that its relation does not have.
async fn check_masked_columns(writing: &mut Writing, puts: &[Put]) -> Result<()> {
    for put in puts.iter().filter(|put| put.kind == Kind::ColumnMask) {
        let Some(column) = &put.parent else { continue };
        let mask: ColumnMask = parse_json(&put.body.to_string(), || format!("column-mask `{}`", put.name))?;
        let (kind, row) = find_any(
            writing,
            &Reference {
                kinds: &[Kind::Table, Kind::View],
                id: mask.table.clone(),
            },
        )
        .await?;
        let root = column.column().unwrap_or_else(|| column.clone());
        if !columns(&body_of(kind, &row)?).any(|id| id == root) {
            return Err(StoreError::Invalid {
                what: format!("{kind} `{}` has no column `{column}`", row.name),
            });
        }
    }
    Ok(())
}

fn body_of(kind: Kind, row: &ObjectRow) -> Result<Value> {
    parse_json(&row.body, || format!("{kind} `{}`", row.id))
}

/// Ids of the columns in the body of a table or view.
fn columns(body: &Value) -> impl Iterator<Item = ObjectId> {
    let columns = body.get("columns").and_then(Value::as_array).into_iter().flatten();
    columns
        .filter_map(|column| column.get("id")?.as_str())
        .map(ObjectId::from_stored)
}
