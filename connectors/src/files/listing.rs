//! Which files does a table have now? One listing per query, never cached, no extension filter.

use std::sync::Arc;

use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStore, path::Path};

use super::{
    failure::store_error,
    location::store_path,
    partition::{declared_values, hive_values},
    table::{FileList, FileTable, ListedFile, PartitionSource},
};
use crate::error::Result;

/// Lists the files of a table, recursively and in order of their names. Names that begin with `_` or `.` in any segment
/// below the location, `*_$folder$` and empty objects are left out; a location that is gone has no files. A location that
/// names one file is that file.
///
/// # Errors
/// Of the store; `SOURCE_SCHEMA_CHANGED` with the folder for partition keys that are not the table's.
pub async fn list_files(table: &FileTable, store: &Arc<dyn ObjectStore>) -> Result<FileList> {
    let mut files = Vec::new();
    match &table.partitions {
        PartitionSource::None => {
            for (object_meta, _) in list(table, store, &table.location).await? {
                files.push(ListedFile {
                    object_meta,
                    partition_values: Vec::new(),
                });
            }
        }
        PartitionSource::Hive => {
            for (object_meta, folders) in list(table, store, &table.location).await? {
                let partition_values = hive_values(&table.partition_columns, &folders)?;
                files.push(ListedFile {
                    object_meta,
                    partition_values,
                });
            }
        }
        PartitionSource::Declared(partitions) => {
            for (values, location) in partitions {
                let partition_values = declared_values(&table.partition_columns, values)?;
                for (object_meta, _) in list(table, store, location).await? {
                    files.push(ListedFile {
                        object_meta,
                        partition_values: partition_values.clone(),
                    });
                }
            }
        }
    }
    Ok(FileList { files })
}

/// Files below a location, each with the folders between the two.
async fn list(
    table: &FileTable,
    store: &Arc<dyn ObjectStore>,
    location: &str,
) -> Result<Vec<(ObjectMeta, Vec<String>)>> {
    let prefix = store_path(&table.connection, location)?;
    let listed = store.list(Some(&prefix)).try_collect::<Vec<_>>().await;
    let listed = match listed {
        Err(object_store::Error::NotFound { .. }) => Vec::new(),
        listed => listed.map_err(|error| store_error(error, prefix.as_ref()))?,
    };
    let mut files: Vec<(ObjectMeta, Vec<String>)> = listed
        .into_iter()
        .filter(|meta| meta.size > 0)
        .filter_map(|meta| folders(&meta.location, &prefix).map(|folders| (meta, folders)))
        .collect();
    if files.is_empty() && !prefix.is_root() {
        files.extend(single_file(store, &prefix).await?.map(|meta| (meta, Vec::new())));
    }
    files.sort_by(|(left, _), (right, _)| left.location.cmp(&right.location));
    Ok(files)
}

async fn single_file(store: &Arc<dyn ObjectStore>, path: &Path) -> Result<Option<ObjectMeta>> {
    match object_store::ObjectStoreExt::head(store, path).await {
        Ok(meta) => Ok(Some(meta).filter(|meta| meta.size > 0)),
        // A directory is not a file; stores say so in different ways.
        Err(object_store::Error::NotFound { .. } | object_store::Error::Generic { .. }) => Ok(None),
        Err(error) => Err(store_error(error, path.as_ref())),
    }
}

/// Folders between prefix and file; `None` if the file is hidden.
fn folders(location: &Path, prefix: &Path) -> Option<Vec<String>> {
    let mut segments: Vec<String> = location
        .prefix_match(prefix)?
        .map(|part| part.as_ref().to_owned())
        .collect();
    let hidden = segments
        .iter()
        .any(|segment| segment.starts_with(['_', '.']) || segment.ends_with("_$folder$"));
    if hidden || segments.pop().is_none() {
        return None;
    }
    Some(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_names_count_below_the_location_only() {
        let prefix = Path::from("_base/t");
        let shown = |path: &str| folders(&Path::from(path), &prefix);
        assert_eq!(shown("_base/t/a=1/x"), Some(vec!["a=1".to_owned()]));
        assert_eq!(shown("_base/t/x"), Some(vec![]));
        for hidden in [
            "_base/t/_temporary/x",
            "_base/t/.x",
            "_base/t/_SUCCESS",
            "_base/t/a_$folder$",
        ] {
            assert_eq!(shown(hidden), None, "{hidden}");
        }
    }
}
