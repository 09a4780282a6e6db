//! About how many rows has a table of files? From some footers and the sizes of all files; for planners, never for answers.

use std::sync::Arc;

use futures::{StreamExt, stream};
use object_store::ObjectStore;

use super::{
    location::store_url,
    metadata_cache::MetadataCache,
    table::{FileList, FileTable, Format, raw_schema},
};

/// Files whose footers are asked, the first ones of the listing: they stand for the others.
const SAMPLE: usize = 8;
/// Bytes of one value in a text file, roughly.
const TEXT_BYTES: u64 = 8;

/// Rows of these files, roughly; `None` where nothing can be said. A file that cannot be opened is left out: its scan will
/// tell.
pub async fn estimated_rows(
    table: &FileTable,
    files: &FileList,
    store: &Arc<dyn ObjectStore>,
    cache: &Arc<MetadataCache>,
) -> Option<u64> {
    let bytes: u64 = files.files.iter().map(|file| file.object_meta.size).sum();
    if bytes == 0 {
        return Some(0);
    }
    if table.format != Format::Parquet {
        let columns = u64::try_from(raw_schema(table).fields().len()).ok()?;
        return Some(bytes / TEXT_BYTES.checked_mul(columns.max(1))?);
    }
    let store_id = store_url(&table.connection).ok()?;
    let sample: Vec<_> = files.files.iter().take(SAMPLE).cloned().collect();
    let footers: Vec<_> = stream::iter(sample)
        .map(|file| {
            let store_id = &store_id;
            async move {
                let footer = cache.footer(store_id.as_str(), store, &file.object_meta).await.ok()?;
                let rows = u64::try_from(footer.metadata.file_metadata().num_rows()).ok()?;
                Some((rows, file.object_meta.size))
            }
        })
        .buffered(SAMPLE)
        .collect()
        .await;
    let known = footers.into_iter().flatten();
    let (rows, of_bytes) = known.fold((0_u128, 0_u128), |(rows, bytes), (more, size)| {
        (rows + u128::from(more), bytes + u128::from(size))
    });
    let rows = (rows * u128::from(bytes)).checked_div(of_bytes)?;
    Some(u64::try_from(rows).unwrap_or(u64::MAX))
}
