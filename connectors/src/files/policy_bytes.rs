//! How many stored bytes does a scan ask for under the policy's pruning alone? The figure for callers who may not know more
//! (governance §6.4): the user's conditions never lower it.

use std::{collections::BTreeSet, sync::Arc};

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::{
    datasource::physical_plan::parquet::{
        ParquetAccessPlan, ParquetFileMetrics, RowGroupAccessPlanFilter, apply_file_schema_type_coercions,
    },
    physical_expr::{PhysicalExpr, utils::collect_columns},
    physical_optimizer::pruning::PruningPredicateBuilder,
    physical_plan::metrics::ExecutionPlanMetricsSet,
};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use parquet::{arrow::parquet_to_arrow_schema, file::metadata::ParquetMetaData};

use super::{
    footer::Footer,
    location::store_url,
    metadata_cache::MetadataCache,
    orc::Figures,
    parquet::prunable,
    table::{FileList, FileTable, Format, ListedFile, raw_schema},
};
use crate::error::Result;

/// Files looked at at the same time.
const CONCURRENCY: usize = 16;
/// Length of the footer's length and the magic number behind it.
const TAIL: u64 = 8;

/// What is read of a table under the policy alone.
#[derive(Debug)]
pub struct PolicyRead<'a> {
    pub table: &'a FileTable,
    /// What the policy's partition pruning leaves, and nothing else.
    pub files: &'a FileList,
    /// Positions in `raw_schema`: the columns of the user and of the policy.
    pub columns: &'a [usize],
    /// The policy's predicate over `raw_schema`.
    pub policy: Option<&'a Arc<dyn PhysicalExpr>>,
}

/// Stored bytes: of Parquet and ORC those of the columns in the row groups or stripes that the policy leaves, and footers; of text and
/// Avro whole files.
///
/// # Errors
/// `CORRUPT_FILE` for a file that cannot be opened, and those of the store.
pub async fn policy_bytes(
    read: &PolicyRead<'_>,
    store: &Arc<dyn ObjectStore>,
    cache: &Arc<MetadataCache>,
) -> Result<u64> {
    if !matches!(read.table.format, Format::Orc | Format::Parquet) {
        return Ok(read.files.files.iter().map(|file| file.object_meta.size).sum());
    }
    let raw = raw_schema(read.table);
    let names: BTreeSet<String> = read
        .columns
        .iter()
        .filter_map(|at| raw.fields().get(*at))
        .map(|field| field.name().to_lowercase())
        .collect();
    let predicate = read.policy.and_then(|policy| prunable(policy, &raw));
    let store_id = store_url(&read.table.connection)?;
    let sizes: Vec<u64> = stream::iter(read.files.files.clone())
        .map(|file: ListedFile| {
            let (names, predicate, store_id, raw) = (&names, &predicate, &store_id, &raw);
            async move {
                if read.table.format == Format::Orc {
                    let figures = Figures {
                        cache,
                        store_id: store_id.as_str(),
                        store,
                        table: read.table,
                        raw,
                        names,
                        policy: predicate.as_ref(),
                    };
                    return figures.bytes(&file.object_meta).await;
                }
                let footer = cache.footer(store_id.as_str(), store, &file.object_meta).await?;
                Ok::<u64, crate::error::ConnectorError>(bytes_of(&footer, names, predicate.as_ref(), raw))
            }
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    Ok(sizes.into_iter().sum())
}

fn bytes_of(
    footer: &Footer,
    names: &BTreeSet<String>,
    predicate: Option<&Arc<dyn PhysicalExpr>>,
    raw: &SchemaRef,
) -> u64 {
    let metadata = &footer.metadata;
    let kept = predicate.and_then(|predicate| kept_row_groups(metadata, predicate, raw));
    let chunks: u64 = metadata
        .row_groups()
        .iter()
        .enumerate()
        .filter(|(index, _)| kept.as_ref().is_none_or(|kept| kept.contains(index)))
        .flat_map(|(_, group)| group.columns())
        .filter(|chunk| {
            chunk
                .column_path()
                .parts()
                .first()
                .is_some_and(|root| names.contains(&root.to_lowercase()))
        })
        .map(|chunk| u64::try_from(chunk.compressed_size()).unwrap_or_default())
        .sum();
    chunks + footer.length + TAIL
}

/// Row groups that the predicate leaves; `None`: it cannot prune this file (another type or spelling of a column).
fn kept_row_groups(
    metadata: &ParquetMetaData,
    predicate: &Arc<dyn PhysicalExpr>,
    raw: &SchemaRef,
) -> Option<BTreeSet<usize>> {
    let descriptor = metadata.file_metadata().schema_descr();
    let file: Schema = parquet_to_arrow_schema(descriptor, None).ok()?;
    // As the scan reads it.
    let file = apply_file_schema_type_coercions(raw, &file).unwrap_or(file);
    let same = collect_columns(predicate).iter().all(|column| {
        let declared = raw.field_with_name(column.name());
        let found = file.field_with_name(column.name());
        matches!((declared, found), (Ok(declared), Ok(found)) if declared.data_type() == found.data_type())
    });
    if !same {
        return None;
    }
    let pruning = PruningPredicateBuilder::new()
        .with_file_schema(Arc::clone(raw))
        .try_build(Arc::clone(predicate))
        .ok()?;
    let metrics = ParquetFileMetrics::new(0, "", &ExecutionPlanMetricsSet::new());
    let groups = metadata.row_groups();
    let mut filter = RowGroupAccessPlanFilter::new(ParquetAccessPlan::new_all(groups.len()));
    filter.prune_by_statistics(&file, descriptor, groups, &pruning, &metrics);
    Some(filter.row_group_indexes().collect())
}
