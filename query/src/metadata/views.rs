//! What may a caller know about the text of a view? All of it, or NULL: who may describe the view and everything that it reads.

use std::sync::Arc;

use datafusion::arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
    error::ArrowError,
};
use lakegate_catalog::{name::TableName, snapshot::TablePath};

use super::visible::Viewer;
use crate::error::{QueryError, Result};

/// `information_schema.views` of the listed relations, by database.
pub(super) fn table(
    catalog: &str,
    databases: &[(String, Vec<TablePath>)],
    viewer: &Viewer,
) -> std::result::Result<RecordBatch, ArrowError> {
    let mut rows: Vec<[Option<String>; 4]> = Vec::new();
    for (database, relations) in databases {
        for path in relations {
            if let Some(view) = &path.view {
                let place = [catalog, database, view.name.as_str()].map(|name| Some(name.to_owned()));
                let [catalog, database, name] = place;
                rows.push([catalog, database, name, viewer.definition(view)]);
            }
        }
    }
    let names = ["table_catalog", "table_schema", "table_name", "view_definition"];
    batch(&names, &rows)
}

/// SHOW CREATE VIEW.
///
/// # Errors
/// `TABLE_NOT_FOUND` for what is no view, missing or hidden.
pub(super) fn statement(viewer: &Viewer, name: &TableName) -> Result<RecordBatch> {
    let missing = || QueryError::table_not_found(name);
    let path = viewer.governor().snapshot().find_relation(name).ok_or_else(missing)?;
    let view = path.view.as_ref().ok_or_else(missing)?;
    viewer.columns(&path).ok_or_else(missing)?;
    let security = if view.body.security == lakegate_catalog::relation::ViewSecurity::Invoker {
        "INVOKER"
    } else {
        "DEFINER"
    };
    let text = viewer
        .definition(view)
        .map(|sql| format!("CREATE VIEW {name} SECURITY {security} AS\n{sql}"));
    batch(&["Create View"], &[[text]]).map_err(QueryError::internal)
}

fn batch<const N: usize>(
    names: &[&str; N],
    rows: &[[Option<String>; N]],
) -> std::result::Result<RecordBatch, ArrowError> {
    let fields: Vec<Field> = names
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, true))
        .collect();
    let columns: Vec<ArrayRef> = (0..N)
        .map(|at| {
            let values = rows.iter().map(|row| row.get(at).and_then(Option::as_deref));
            Arc::new(StringArray::from_iter(values)) as ArrayRef
        })
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
