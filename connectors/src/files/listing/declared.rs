//! Which files lie in partitions whose locations are known? Each is listed for itself, very many of one table at once.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectMeta, path::Path};

use super::{CONCURRENCY, Depth, Listings, shown};
use crate::{
    error::{ConnectorError, Result},
    files::{
        location::store_path,
        partition::declared_values,
        table::{FileTable, ListedFile},
    },
};

/// Partitions that are listed one by one.
const ONE_BY_ONE: usize = 256;

/// Values (`None`: NULL) and absolute location of a partition.
type Declared = (Vec<Option<String>>, String);

pub(super) async fn files(table: &FileTable, listings: &Listings, partitions: &[Declared]) -> Result<Vec<ListedFile>> {
    let places = partitions
        .iter()
        .map(|(_, location)| store_path(&table.connection, location));
    let places = places.collect::<Result<Vec<Path>>>()?;
    let home = store_path(&table.connection, &table.location)?;
    let at_home = places.iter().all(|place| place.prefix_matches(&home));
    let found = if places.len() > ONE_BY_ONE && at_home {
        together(listings, &places).await?
    } else {
        let each = stream::iter(places).map(|place| async move {
            let files = listings.files(&place).await?;
            Ok::<_, ConnectorError>(files.into_iter().map(|(meta, _)| meta).collect())
        });
        each.buffered(CONCURRENCY).try_collect().await?
    };
    let mut files = Vec::new();
    for ((values, _), found) in partitions.iter().zip(found) {
        let partition_values = declared_values(&table.partition_columns, values)?;
        files.extend(found.into_iter().map(|object_meta| ListedFile {
            object_meta,
            partition_values: partition_values.clone(),
        }));
    }
    Ok(files)
}

/// Files of each place, from one listing of what they have in common.
async fn together(listings: &Listings, places: &[Path]) -> Result<Vec<Vec<ObjectMeta>>> {
    let mut at: HashMap<&str, Vec<usize>> = HashMap::new();
    for (number, place) in places.iter().enumerate() {
        at.entry(place.as_ref()).or_default().push(number);
    }
    let listed = listings.list(&common(places), Depth::All).await?;
    let mut objects: Vec<&ObjectMeta> = listed.objects.iter().collect();
    objects.sort_by(|left, right| left.location.cmp(&right.location));
    let mut found = vec![Vec::new(); places.len()];
    let mut single = vec![None; places.len()];
    for meta in objects {
        let path = meta.location.as_ref();
        let folders = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
        for number in folders.filter_map(|folder| at.get(folder)).flatten() {
            if let (Some(place), Some(found)) = (places.get(*number), found.get_mut(*number)) {
                found.extend(shown(meta, place).map(|(meta, _)| meta));
            }
        }
        // A location may name one file.
        for number in at.get(path).into_iter().flatten() {
            if let Some(single) = single.get_mut(*number) {
                *single = Some(meta.clone()).filter(|meta| meta.size > 0);
            }
        }
    }
    for (found, single) in found.iter_mut().zip(single) {
        if found.is_empty() {
            found.extend(single);
        }
    }
    Ok(found)
}

/// The deepest folder above all places.
fn common(places: &[Path]) -> Path {
    let mut segments: Option<Vec<String>> = None;
    for place in places {
        let parts: Vec<String> = place.parts().map(|part| part.as_ref().to_owned()).collect();
        segments = Some(match segments {
            // A place of its own could be a file.
            None => parts.iter().take(parts.len().saturating_sub(1)).cloned().collect(),
            Some(known) => {
                let same = known
                    .iter()
                    .zip(&parts)
                    .take_while(|(left, right)| left == right)
                    .count();
                known.into_iter().take(same).collect()
            }
        });
    }
    let joined = segments.unwrap_or_default().join("/");
    Path::parse(&joined).unwrap_or_default()
}
