//! What does `information_schema` hold? `schemata`, `tables`, `columns` and `views` of its catalog, as far as the caller may see
//! them.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, Int32Array, RecordBatch, StringArray},
        datatypes::{DataType, Field, Schema},
        error::ArrowError,
    },
    catalog::TableProvider,
};
use lakegate_catalog::{name::TableName, relation::Column, snapshot::TablePath};

use super::{Asked, attempt, table::InformationTable, views};
use crate::{
    audit::Attempts,
    error::{QueryError, Result},
    metadata::visible::Viewer,
};

/// The table of this name, filled.
///
/// # Errors
/// `TABLE_NOT_FOUND` for other names, and for catalogs that the caller may not see.
pub async fn table(asked: &Asked<'_>, name: &TableName, attempts: &Attempts) -> Result<Arc<dyn TableProvider>> {
    let found = filled(asked, name).await;
    attempts.push(attempt(asked, &format!("table:{name}"), found.as_ref().err()));
    found
}

async fn filled(asked: &Asked<'_>, name: &TableName) -> Result<Arc<dyn TableProvider>> {
    let missing = || QueryError::table_not_found(name);
    let governor = asked.listed(&name.catalog, None).await.map_err(|_| missing())?;
    let viewer = asked.viewer(&governor);
    let catalog = viewer.catalog(&name.catalog).ok_or_else(missing)?;
    let mut databases = Vec::new();
    for database in viewer.databases(&catalog) {
        let tables = viewer.tables(&database);
        databases.push((database.name.clone(), tables));
    }
    let batch = match name.table.as_str() {
        "schemata" => schemata(&catalog.name, &databases),
        "tables" => tables(&catalog.name, &databases),
        "columns" => columns(&catalog.name, &databases, &viewer),
        "views" => views::table(&catalog.name, &databases, &viewer),
        _ => return Err(missing()),
    };
    Ok(Arc::new(InformationTable::new(batch.map_err(QueryError::internal)?)))
}

type Databases = [(String, Vec<TablePath>)];
type Built = std::result::Result<RecordBatch, ArrowError>;

fn schemata(catalog: &str, databases: &Databases) -> Built {
    let names: Vec<&str> = databases
        .iter()
        .map(|(name, _)| name.as_str())
        .chain(["information_schema"])
        .collect();
    text_batch(
        &[("catalog_name", vec![catalog; names.len()]), ("schema_name", names)],
        None,
    )
}

fn tables(catalog: &str, databases: &Databases) -> Built {
    let kind = |path: &TablePath| if path.view.is_some() { "VIEW" } else { "BASE TABLE" };
    let rows: Vec<(&str, &str, &str)> = databases
        .iter()
        .flat_map(|(database, tables)| {
            tables
                .iter()
                .map(move |path| (database.as_str(), path.table.name.as_str(), kind(path)))
        })
        .collect();
    text_batch(
        &[
            ("table_catalog", vec![catalog; rows.len()]),
            ("table_schema", rows.iter().map(|row| row.0).collect()),
            ("table_name", rows.iter().map(|row| row.1).collect()),
            ("table_type", rows.iter().map(|row| row.2).collect()),
        ],
        None,
    )
}

fn columns(catalog: &str, databases: &Databases, viewer: &Viewer) -> Built {
    let mut rows: Vec<(&str, &str, Column, i32)> = Vec::new();
    for (database, tables) in databases {
        for path in tables {
            let visible = viewer.columns(path).unwrap_or_default();
            // Ordinals are contiguous: a gap would show that something is hidden.
            rows.extend(
                visible
                    .into_iter()
                    .zip(1..)
                    .map(|(column, ordinal)| (database.as_str(), path.table.name.as_str(), column, ordinal)),
            );
        }
    }
    text_batch(
        &[
            ("table_catalog", vec![catalog; rows.len()]),
            ("table_schema", rows.iter().map(|row| row.0).collect()),
            ("table_name", rows.iter().map(|row| row.1).collect()),
            ("column_name", rows.iter().map(|row| row.2.name.as_str()).collect()),
            (
                "is_nullable",
                rows.iter()
                    .map(|row| if row.2.nullable { "YES" } else { "NO" })
                    .collect(),
            ),
            ("data_type", rows.iter().map(|row| row.2.data_type.as_str()).collect()),
        ],
        Some(("ordinal_position", rows.iter().map(|row| row.3).collect())),
    )
}

fn text_batch(columns: &[(&str, Vec<&str>)], number: Option<(&str, Vec<i32>)>) -> Built {
    let mut fields: Vec<Field> = columns
        .iter()
        .map(|(name, _)| Field::new(*name, DataType::Utf8, false))
        .collect();
    let mut arrays: Vec<ArrayRef> = columns
        .iter()
        .map(|(_, values)| Arc::new(StringArray::from_iter_values(values)) as ArrayRef)
        .collect();
    if let Some((name, values)) = number {
        fields.push(Field::new(name, DataType::Int32, false));
        arrays.push(Arc::new(Int32Array::from(values)));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}
