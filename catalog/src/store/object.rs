//! How is one object stored? The columns that the tables of all kinds share.

use std::sync::Arc;

use serde_json::Value;
use sqlx::{Row, any::AnyRow};

use crate::{
    change::Put,
    error::Result,
    id::ObjectId,
    object::{Kind, Noun, Stored},
    store::cell::{parse_json, parse_parent, parse_time},
};

/// Columns of an object in the order that [`ObjectRow::read`] expects.
pub(super) const COLUMNS: &str = "id, parent, name, version, lake, body, created_at, updated_at";

/// A row before its body is parsed.
#[derive(Debug)]
pub(super) struct ObjectRow {
    pub(super) id: ObjectId,
    pub(super) parent: Option<ObjectId>,
    pub(super) name: String,
    pub(super) version: i64,
    pub(super) lake: String,
    pub(super) body: String,
    created_at: String,
    updated_at: String,
}

impl ObjectRow {
    /// Reads [`COLUMNS`], which start at column `first` of the row.
    pub(super) fn read(row: &AnyRow, first: usize) -> Result<Self> {
        Ok(Self {
            id: ObjectId::from_stored(row.try_get::<String, _>(first)?),
            parent: parse_parent(row.try_get(first + 1)?),
            name: row.try_get(first + 2)?,
            version: row.try_get(first + 3)?,
            lake: row.try_get(first + 4)?,
            body: row.try_get(first + 5)?,
            created_at: row.try_get(first + 6)?,
            updated_at: row.try_get(first + 7)?,
        })
    }

    /// A row as a put has just written it; for the history, which has a time of its own.
    pub(super) fn written(put: &Put, version: i64, body: String) -> Self {
        Self {
            id: put.id.clone(),
            parent: put.parent.clone(),
            name: put.name.clone(),
            version,
            lake: put.lake.clone(),
            body,
            created_at: String::new(),
            updated_at: String::new(),
        }
    }

    /// The body as its type.
    pub(super) fn parse<B: Noun>(&self) -> Result<B> {
        parse_json(&self.body, || format!("{} `{}`", B::KIND, self.id))
    }

    /// The whole object; `known`, what is in memory already, if it is the same version.
    pub(super) fn stored<B: Noun>(self, known: Option<&Arc<Stored<B>>>) -> Result<Arc<Stored<B>>> {
        let updated_at = parse_time(&self.updated_at)?;
        // Ids of built-ins may be deleted and made again, hence the time.
        if let Some(known) = known.filter(|known| known.version == self.version && known.updated_at == updated_at) {
            return Ok(Arc::clone(known));
        }
        Ok(Arc::new(Stored {
            body: self.parse()?,
            id: self.id,
            parent: self.parent,
            name: self.name,
            version: self.version,
            lake: self.lake,
            created_at: parse_time(&self.created_at)?,
            updated_at,
        }))
    }
}

/// What has to be unique below a parent: the name in lower case. A retired table does not block its name.
pub(super) fn name_key(kind: Kind, id: &ObjectId, name: &str, body: &Value) -> String {
    let name = name.to_lowercase();
    let retired = kind == Kind::Table
        && body
            .pointer("/remote/retired")
            .and_then(Value::as_bool)
            .unwrap_or(false);
    if retired { format!("{name}#{id}") } else { name }
}
