//! Which files does a table have now? Listed for one statement, never kept longer, no extension filter.

mod declared;
mod hive;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use datafusion::physical_expr::PhysicalExpr;
use futures::TryStreamExt;
use object_store::{ListResult, ObjectMeta, ObjectStore, path::Path};

use super::{
    failure::store_error,
    location::store_path,
    partition::prune_declared,
    table::{FileList, FileTable, ListedFile, PartitionSource},
};
use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// Folders listed at the same time.
const CONCURRENCY: usize = 16;

/// What one statement has listed of a store: asked again in the same statement, the same files are there.
#[derive(Debug)]
pub struct Listings {
    store: Arc<dyn ObjectStore>,
    /// By folder, and how deep it was looked into.
    seen: Mutex<HashMap<(Path, Depth), Arc<ListResult>>>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Depth {
    /// Objects at any depth.
    All,
    /// Objects and folders of one level.
    One,
}

impl Listings {
    /// Nothing is listed yet.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            seen: Mutex::default(),
        }
    }

    async fn list(&self, folder: &Path, depth: Depth) -> Result<Arc<ListResult>> {
        let key = (folder.clone(), depth);
        let known = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let prefix = Some(folder).filter(|folder| !folder.is_root());
        let listed = match depth {
            Depth::All => self.store.list(prefix).try_collect().await.map(|objects| ListResult {
                objects,
                common_prefixes: Vec::new(),
            }),
            Depth::One => self.store.list_with_delimiter(prefix).await,
        };
        let listed = match listed {
            Err(object_store::Error::NotFound { .. }) => ListResult {
                objects: Vec::new(),
                common_prefixes: Vec::new(),
            },
            listed => listed.map_err(|error| store_error(error, folder.as_ref()))?,
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(seen.entry(key).or_insert_with(|| Arc::new(listed))))
    }

    /// Files at any depth below a folder, each with the folders between the two; of a location that names one file, that file.
    async fn files(&self, prefix: &Path) -> Result<Vec<(ObjectMeta, Vec<String>)>> {
        let listed = self.list(prefix, Depth::All).await?;
        let mut files: Vec<(ObjectMeta, Vec<String>)> =
            listed.objects.iter().filter_map(|meta| shown(meta, prefix)).collect();
        if files.is_empty() && !prefix.is_root() {
            files.extend(self.single_file(prefix).await?.map(|meta| (meta, Vec::new())));
        }
        files.sort_by(|(left, _), (right, _)| left.location.cmp(&right.location));
        Ok(files)
    }

    async fn single_file(&self, path: &Path) -> Result<Option<ObjectMeta>> {
        match object_store::ObjectStoreExt::head(&self.store, path).await {
            Ok(meta) => Ok(Some(meta).filter(|meta| meta.size > 0)),
            // A directory is not a file; stores say so in different ways.
            Err(object_store::Error::NotFound { .. } | object_store::Error::Generic { .. }) => Ok(None),
            Err(error) => Err(store_error(error, path.as_ref())),
        }
    }
}

/// Lists the files of a table, recursively and in order of their names. Names that begin with `_` or `.` in any segment
/// below the location, `*_$folder$` and empty objects are left out; a location that is gone has no files. A location that
/// names one file is that file.
///
/// # Errors
/// Of the store; `SOURCE_SCHEMA_CHANGED` with the folder for partition keys that are not the table's.
pub async fn list_files(table: &FileTable, store: &Arc<dyn ObjectStore>) -> Result<FileList> {
    list_left(table, &Listings::new(Arc::clone(store)), None).await
}

/// As [`list_files`], without most of the partitions for which `predicate` (over `raw_schema`) cannot be true: their folders
/// are not listed. Whoever needs them all gone prunes what comes back.
///
/// # Errors
/// As [`list_files`].
pub async fn list_left(
    table: &FileTable,
    listings: &Listings,
    predicate: Option<&Arc<dyn PhysicalExpr>>,
) -> Result<FileList> {
    let files = match &table.partitions {
        PartitionSource::None => {
            let files = listings.files(&store_path(&table.connection, &table.location)?).await?;
            let plain = |(object_meta, _)| ListedFile {
                object_meta,
                partition_values: Vec::new(),
            };
            files.into_iter().map(plain).collect()
        }
        PartitionSource::Hive => hive::files(table, listings, predicate).await?,
        PartitionSource::Declared(partitions) => match predicate {
            Some(predicate) => match &prune_declared(table, predicate)?.partitions {
                PartitionSource::Declared(left) => declared::files(table, listings, left).await?,
                _ => return Err(unprojected()),
            },
            None => declared::files(table, listings, partitions).await?,
        },
        PartitionSource::Projected(_) => return Err(unprojected()),
    };
    Ok(FileList { files })
}

fn unprojected() -> ConnectorError {
    let words = "partitions by projection are listed once they are counted out";
    ConnectorError::new(ConnectorErrorKind::Internal, words)
}

/// A file that counts, and the folders between prefix and file.
fn shown(meta: &ObjectMeta, prefix: &Path) -> Option<(ObjectMeta, Vec<String>)> {
    let folders = folders(&meta.location, prefix)?;
    (meta.size > 0).then(|| (meta.clone(), folders))
}

fn is_hidden(segment: &str) -> bool {
    segment.starts_with(['_', '.']) || segment.ends_with("_$folder$")
}

/// Folders between prefix and file; `None` if the file is hidden.
fn folders(location: &Path, prefix: &Path) -> Option<Vec<String>> {
    let mut segments: Vec<String> = location
        .prefix_match(prefix)?
        .map(|part| part.as_ref().to_owned())
        .collect();
    if segments.iter().any(|segment| is_hidden(segment)) || segments.pop().is_none() {
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
