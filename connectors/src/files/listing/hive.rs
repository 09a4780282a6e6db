//! Which files lie in `key=value` folders? Level by level while conditions rule folders out, the rest in one listing each.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::physical_expr::PhysicalExpr;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectMeta, path::Path};

use super::{CONCURRENCY, Depth, Listings, is_hidden, shown};
use crate::{
    error::Result,
    files::{
        location::store_path,
        partition::{conditioned, folder_value, hive_values, keeps},
        table::{FileTable, ListedFile},
    },
};

/// Folders of one level that are looked into one by one; of more, everything is listed at once.
const FOLDERS: usize = 64;

/// A folder, and the partition columns below it about which something is asked.
type Open = (Path, BTreeSet<usize>);

pub(super) async fn files(
    table: &FileTable,
    listings: &Listings,
    predicate: Option<&Arc<dyn PhysicalExpr>>,
) -> Result<Vec<ListedFile>> {
    let root = store_path(&table.connection, &table.location)?;
    let asked = predicate
        .map(|predicate| conditioned(table, predicate))
        .unwrap_or_default();
    let found = match predicate.filter(|_| !asked.is_empty()) {
        None => listings.files(&root).await?,
        Some(predicate) => {
            let objects = walk(table, listings, predicate, (root.clone(), asked)).await?;
            objects.iter().filter_map(|meta| shown(meta, &root)).collect()
        }
    };
    let mut files = Vec::with_capacity(found.len());
    for (object_meta, folders) in found {
        let partition_values = hive_values(&table.partition_columns, &folders)?;
        files.push(ListedFile {
            object_meta,
            partition_values,
        });
    }
    files.sort_by(|left, right| left.object_meta.location.cmp(&right.object_meta.location));
    Ok(files)
}

async fn walk(
    table: &FileTable,
    listings: &Listings,
    predicate: &Arc<dyn PhysicalExpr>,
    root: Open,
) -> Result<Vec<ObjectMeta>> {
    let (mut open, mut whole, mut objects) = (vec![root], Vec::new(), Vec::new());
    // Folders that repeat a key (links do) end with the columns.
    for _ in 0..table.partition_columns.len() {
        let levels = stream::iter(std::mem::take(&mut open)).map(|(folder, asked)| async move {
            let level = listings.list(&folder, Depth::One).await?;
            Ok::<_, crate::error::ConnectorError>((folder, asked, level))
        });
        let levels: Vec<_> = levels.buffered(CONCURRENCY).try_collect().await?;
        for (folder, asked, level) in levels {
            let left = left(table, predicate, &level.common_prefixes, &asked);
            // No request is saved by looking into so many.
            if left.len() > FOLDERS && left.len() * 2 > level.common_prefixes.len() {
                whole.push(folder);
                continue;
            }
            objects.extend(level.objects.iter().cloned());
            for (below, asked) in left {
                if asked.is_empty() {
                    whole.push(below)
                } else {
                    open.push((below, asked))
                }
            }
        }
        if open.len() > FOLDERS {
            break;
        }
    }
    whole.extend(open.into_iter().map(|(folder, _)| folder));
    let listed = stream::iter(whole).map(|folder| async move { listings.list(&folder, Depth::All).await });
    let listed: Vec<_> = listed.buffered(CONCURRENCY).try_collect().await?;
    objects.extend(listed.iter().flat_map(|listed| listed.objects.iter().cloned()));
    Ok(objects)
}

/// The folders of a level that may hold what is asked. What is no `key=value` of the table stays: its files tell that.
fn left(table: &FileTable, predicate: &Arc<dyn PhysicalExpr>, level: &[Path], asked: &BTreeSet<usize>) -> Vec<Open> {
    let visible = level.iter().filter(|folder| !folder.filename().is_some_and(is_hidden));
    let judged = visible.filter_map(|folder| {
        let Some((place, value)) = folder_value(&table.partition_columns, folder.filename().unwrap_or_default()) else {
            return Some((folder.clone(), BTreeSet::new()));
        };
        let mut below = asked.clone();
        if below.remove(&place) && !keeps(table, place, &value, predicate) {
            return None;
        }
        Some((folder.clone(), below))
    });
    judged.collect()
}
