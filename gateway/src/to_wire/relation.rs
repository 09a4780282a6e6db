//! What is shown of catalogs, databases and tables? Names, comments and tags to whoever may know them; where the data lies,
//! and who owns it, only to those who may describe or change them. Of columns, those that the caller may know.

use lakegate_catalog::{
    id::ObjectId,
    object::{Kind, Stored},
    relation::{Catalog, Column, Database, Partition, PartitionMode, Table},
    snapshot::TablePath,
};
use lakegate_openapi::{catalog, database, table};
use lakegate_query::error::ErrorCode;
use serde_json::{Map, Value, json};

use super::{entry::typed, time};
use crate::{
    error::{ApiError, Result},
    lake::EntryView,
    stored::Desk,
};

/// A catalog.
///
/// # Errors
/// Its shape is not that of the wire: our fault.
pub fn catalog(desk: &Desk, stored: &Stored<Catalog>) -> Result<catalog::Catalog> {
    typed(view(desk, Kind::Catalog, &stored.id, &["connection"], |_| {})?)
}

/// A database.
///
/// # Errors
/// As [`catalog`].
pub fn database(desk: &Desk, stored: &Stored<Database>) -> Result<database::Database> {
    typed(view(
        desk,
        Kind::Database,
        &stored.id,
        &["location", "owner"],
        |body| {
            body.insert("discovered".to_owned(), json!(stored.body.discovered));
        },
    )?)
}

/// A table with its visible columns.
///
/// # Errors
/// As [`catalog`].
pub fn table(desk: &Desk, path: &TablePath) -> Result<table::Table> {
    let Stored { id, body: table, .. } = path.table.as_ref();
    let (partition, data): (Vec<Column>, Vec<Column>) =
        desk.columns(path).into_iter().partition(|column| column.partition);
    let hidden = ["location", "owner", "options", "absent_policy_columns"];
    typed(view(desk, Kind::Table, id, &hidden, |body| {
        // The entry says `infer`, or lists what the caller may not know.
        body.insert(
            "columns".to_owned(),
            json!(data.iter().map(plain_column).collect::<Vec<_>>()),
        );
        body.insert(
            "partitioned_by".to_owned(),
            json!(partition.iter().map(plain_column).collect::<Vec<_>>()),
        );
        // The list of partitions is data: it has a route and a right of its own.
        body.shift_remove("partitions");
        if let Some(word) = partitions_word(table) {
            body.insert("partitions".to_owned(), json!(word));
        }
        body.insert("inferred".to_owned(), json!(table.inferred));
        body.insert("discovered".to_owned(), json!(table.remote.is_some()));
    })?)
}

/// The catalog of an id, for who has just written it.
///
/// # Errors
/// As [`catalog`].
pub fn catalog_of(desk: &Desk, id: &ObjectId) -> Result<catalog::Catalog> {
    let stored = desk.snapshot().catalog(id).ok_or_else(|| gone(Kind::Catalog, id))?;
    catalog(desk, stored)
}

/// The database of an id, for who has just written it.
///
/// # Errors
/// As [`catalog`].
pub fn database_of(desk: &Desk, id: &ObjectId) -> Result<database::Database> {
    let stored = desk.snapshot().database(id).ok_or_else(|| gone(Kind::Database, id))?;
    database(desk, stored)
}

/// The table of an id, for who has just written it.
///
/// # Errors
/// As [`catalog`].
pub fn table_of(desk: &Desk, id: &ObjectId) -> Result<table::Table> {
    let path = desk.snapshot().table_path(id).ok_or_else(|| gone(Kind::Table, id))?;
    table(desk, &path)
}

/// A column of a table.
#[must_use]
pub fn column(column: &Column) -> table::TableColumn {
    table::TableColumn {
        partition: column.partition,
        ..plain_column(column)
    }
}

/// A stored partition.
#[must_use]
pub fn partition(table: &Table, stored: &Stored<Partition>) -> table::Partition {
    let names = table
        .columns
        .iter()
        .filter(|column| column.partition)
        .map(|column| column.name.clone());
    table::Partition {
        id: stored.id.to_string(),
        name: stored.name.clone(),
        values: names.zip(stored.body.values.iter().cloned()).collect(),
        location: stored.body.location.clone(),
        version: stored.version,
        created_at: time(stored.created_at),
        updated_at: time(stored.updated_at),
    }
}

/// Within a list of its own, a partition column needs no mark.
pub(super) fn plain_column(column: &Column) -> table::TableColumn {
    table::TableColumn {
        name: column.name.clone(),
        type_text: column.data_type.clone(),
        nullable: column.nullable,
        comment: column.comment.clone(),
        tags: column.tags.clone(),
        partition: false,
    }
}

fn partitions_word(table: &Table) -> Option<&'static str> {
    match table.partitions {
        PartitionMode::None => None,
        PartitionMode::Hive => Some("hive"),
        PartitionMode::Declared => Some("declared"),
        PartitionMode::Projection => Some("projection"),
    }
}

/// The entry; `hidden` members only for those who may read the entry.
fn view(
    desk: &Desk,
    kind: Kind,
    id: &ObjectId,
    hidden: &[&str],
    change: impl FnOnce(&mut Map<String, Value>),
) -> Result<EntryView> {
    let mut view = desk.view(kind, id).ok_or_else(|| gone(kind, id))?;
    if let Value::Object(body) = &mut view.body {
        change(body);
        if !desk.reads(kind, id) {
            body.retain(|member, _| !hidden.contains(&member.as_str()));
        }
    }
    Ok(view)
}

/// Somebody else was faster.
pub(super) fn gone(kind: Kind, id: &ObjectId) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("{kind} `{id}` does not exist"))
}
