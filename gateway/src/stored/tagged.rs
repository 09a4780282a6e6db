//! Which tags does an object have, and how are they replaced? As a patch of the entry that holds them.

use std::collections::BTreeMap;

use lakegate_catalog::{
    id::ObjectId,
    name::{TableName, quoted},
    object::Kind,
    snapshot::TablePath,
};
use lakegate_openapi::tag::ObjectTags;
use lakegate_policy::Action;
use lakegate_query::{entities::ObjectRef, error::ErrorCode};
use serde_json::{Map, Value, json};

use super::{ColumnName, DatabaseName, Desk, IfMatch};
use crate::{
    error::{ApiError, Result},
    lake::{entry::Picture, resource::entry_of},
};

/// An object that can be tagged, with its tags.
#[derive(Clone, Debug)]
pub struct Tagged {
    /// Of the object; of a column that of its table.
    pub version: i64,
    pub tags: ObjectTags,
    place: TagPlace,
}

#[derive(Clone, Debug)]
enum TagPlace {
    Object {
        kind: Kind,
        id: ObjectId,
        name: String,
    },
    Column {
        path: TablePath,
        column: ObjectId,
        name: ColumnName,
    },
}

impl Tagged {
    /// The tags of a catalog.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub fn catalog(desk: &Desk, name: &str) -> Result<Self> {
        let found = desk.catalog(name)?;
        let tags = ObjectTags {
            own: found.body.tags.clone(),
            effective: desk.snapshot().effective_tags_of_catalog(&found.id),
        };
        let place = TagPlace::Object {
            kind: Kind::Catalog,
            id: found.id.clone(),
            name: quoted(&found.name),
        };
        Ok(Self {
            version: found.version,
            tags,
            place,
        })
    }

    /// The tags of a database.
    ///
    /// # Errors
    /// `SCHEMA_NOT_FOUND`.
    pub fn database(desk: &Desk, name: DatabaseName) -> Result<Self> {
        let found = desk.database(&name)?;
        let tags = ObjectTags {
            own: found.body.tags.clone(),
            effective: desk.snapshot().effective_tags_of_database(&found.id),
        };
        let place = TagPlace::Object {
            kind: Kind::Database,
            id: found.id.clone(),
            name: name.to_string(),
        };
        Ok(Self {
            version: found.version,
            tags,
            place,
        })
    }

    /// The tags of a table or view.
    ///
    /// # Errors
    /// `TABLE_NOT_FOUND`.
    pub fn table(desk: &Desk, name: &TableName) -> Result<Self> {
        let path = desk.relation(name)?;
        let table = &path.table;
        let tags = ObjectTags {
            own: table.body.tags.clone(),
            effective: desk.snapshot().effective_tags_of_table(&table.id),
        };
        let place = TagPlace::Object {
            kind: kind(&path),
            id: table.id.clone(),
            name: name.to_string(),
        };
        Ok(Self {
            version: table.version,
            tags,
            place,
        })
    }

    /// The tags of a column.
    ///
    /// # Errors
    /// `TABLE_NOT_FOUND`, `NOT_FOUND`.
    pub fn column(desk: &Desk, name: ColumnName) -> Result<Self> {
        let (path, column) = desk.column(&name)?;
        let tags = ObjectTags {
            own: column.tags.clone(),
            effective: desk.snapshot().effective_tags_of_column(&column.id),
        };
        Ok(Self {
            version: path.table.version,
            tags,
            place: TagPlace::Column {
                path,
                column: column.id.clone(),
                name,
            },
        })
    }

    /// Replaces the object's own tags; answers what holds then.
    ///
    /// # Errors
    /// `STALE_VERSION`, `ACCESS_DENIED`, or a key or value that does not exist.
    pub async fn set(self, desk: &Desk, own: BTreeMap<String, String>, if_match: &IfMatch) -> Result<Self> {
        let (kind, id, name, patch) = match &self.place {
            TagPlace::Object { kind, id, name } => {
                let removed = self
                    .tags
                    .own
                    .keys()
                    .filter(|key| !own.contains_key(*key))
                    .map(|key| (key.clone(), Value::Null));
                let set = own
                    .iter()
                    .map(|(key, value)| (key.clone(), Value::String(value.clone())));
                (
                    *kind,
                    id,
                    name.clone(),
                    json!({"tags": removed.chain(set).collect::<Map<_, _>>()}),
                )
            }
            TagPlace::Column { path, name, .. } => (
                kind(path),
                &path.table.id,
                name.table.to_string(),
                column_patch(desk, path, name, &own)?,
            ),
        };
        match &self.place {
            TagPlace::Object { .. } => desk.require_change(kind, id, &patch).await?,
            TagPlace::Column { column, name, .. } => {
                let object = ObjectRef::new("Column", column.as_str());
                desk.require(Action::AssociateTag, &object, &format!("column:{name}"))
                    .await?;
            }
        }
        desk.update(kind, &name, &patch, if_match).await?;
        let desk = desk.reopened().await?;
        match self.place {
            TagPlace::Object {
                kind: Kind::Catalog,
                id,
                ..
            } => {
                let name = desk
                    .snapshot()
                    .catalog(&id)
                    .map(|catalog| catalog.name.clone())
                    .unwrap_or_default();
                Self::catalog(&desk, &name)
            }
            TagPlace::Object {
                kind: Kind::Database,
                id,
                ..
            } => Self::database(&desk, database_name(&desk, &id)),
            TagPlace::Object { id, name, .. } => match desk.snapshot().relation_path(&id) {
                Some(path) => Self::table(
                    &desk,
                    &TableName::new(&path.catalog.name, &path.database.name, &path.table.name),
                ),
                None => Err(ApiError::new(
                    ErrorCode::TableNotFound,
                    format!("table `{name}` does not exist"),
                )),
            },
            TagPlace::Column { name, .. } => Self::column(&desk, name),
        }
    }
}

fn database_name(desk: &Desk, id: &ObjectId) -> DatabaseName {
    let database = desk.snapshot().database(id);
    let catalog = database.and_then(|database| desk.snapshot().catalog(database.parent.as_ref()?));
    DatabaseName {
        catalog: catalog.map(|catalog| catalog.name.clone()).unwrap_or_default(),
        database: database.map(|database| database.name.clone()).unwrap_or_default(),
    }
}

/// What a relation is stored as.
fn kind(path: &TablePath) -> Kind {
    if path.view.is_some() { Kind::View } else { Kind::Table }
}

/// The columns as they stand, with other tags on one of them.
fn column_patch(desk: &Desk, path: &TablePath, name: &ColumnName, own: &BTreeMap<String, String>) -> Result<Value> {
    if path.table.body.inferred {
        let message = format!("columns of `{}` are inferred: declare them to tag one", name.table);
        return Err(ApiError::new(ErrorCode::NotSupported, message));
    }
    let partitions = BTreeMap::new();
    let picture = Picture {
        snapshot: desk.snapshot(),
        partitions: &partitions,
    };
    let entry = entry_of(picture, kind(path), &path.table.id).unwrap_or_default();
    if path.view.is_some() {
        return Ok(json!({"columns": view_columns(&entry, &name.column.to_lowercase(), own)}));
    }
    for section in ["columns", "partitioned_by"] {
        let Some(Value::Array(mut columns)) = entry.get(section).cloned() else {
            continue;
        };
        let wanted = |column: &&mut Value| {
            column.get("name").and_then(Value::as_str) == Some(name.column.to_lowercase().as_str())
        };
        if let Some(Value::Object(column)) = columns.iter_mut().find(wanted) {
            column.insert("tags".to_owned(), json!(own));
            return Ok(json!({ section: columns }));
        }
    }
    Err(ApiError::new(
        ErrorCode::NotSupported,
        format!("tags are set on columns, and `{}` is a field of one", name.column),
    ))
}

/// What is said about the columns of a view, with other tags on one of them.
fn view_columns(entry: &Value, name: &str, own: &BTreeMap<String, String>) -> Vec<Value> {
    let said = entry
        .get("columns")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let is = |column: &Value| column.get("name").and_then(Value::as_str) == Some(name);
    let (mut this, mut columns): (Vec<Value>, Vec<Value>) = said.into_iter().partition(is);
    let mut column = this.pop().unwrap_or_else(|| json!({"name": name}));
    if let Value::Object(members) = &mut column {
        members.insert("tags".to_owned(), json!(own));
    }
    columns.push(column);
    columns
}
