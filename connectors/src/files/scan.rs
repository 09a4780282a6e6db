//! How are the listed files of a table scanned? One `DataSourceExec` over file groups, without statistics, order or limit.

use std::sync::Arc;

use datafusion::{
    datasource::{
        listing::PartitionedFile,
        physical_plan::{FileGroup, FileGroupPartitioner, FileScanConfigBuilder, FileSource},
        source::DataSourceExec,
        table_schema::TableSchema,
    },
    error::DataFusionError,
    execution::object_store::ObjectStoreUrl,
    physical_expr::{PhysicalExpr, expressions::Column, projection::ProjectionExprs},
    physical_plan::ExecutionPlan,
};

use super::{
    metadata_cache::MetadataCache,
    meter::ScanMeter,
    parquet::{AdapterFactory, LakeParquetSource, ScanState, prunable},
    table::{FileList, FileTable, Format, partition_fields, raw_file_schema, raw_schema},
    text::{TextSource, TextTable},
};
use crate::error::{ConnectorError, ConnectorErrorKind, Result};

/// Parquet files below this size are read by one partition.
const SPLIT_BYTES: usize = 4 << 20;

/// One scan of a table.
#[derive(Debug)]
pub struct FileScan<'a> {
    pub table: &'a FileTable,
    /// From `list_files`, already pruned by partition.
    pub files: &'a FileList,
    /// Into `raw_schema(table)`, in the order wanted.
    pub projection: Vec<usize>,
    /// Over `raw_schema(table)`: policy and leakproof user filters, for skipping row groups, pages and stripes only. Never exact:
    /// the caller filters above.
    pub prune: Option<Arc<dyn PhysicalExpr>>,
    /// Into `raw_schema(table)`: columns that a policy reads. Text formats leave out rows whose value for one of them is
    /// missing (a CSV row too short, a JSON object without the key), which is not the same as NULL (governance §3 rule 6).
    /// Leave it empty where the owner declared `absent_policy_columns: null`.
    pub policy_columns: Vec<usize>,
    /// A policy hides rows or cells of the table from the caller. What could fail at a value of a hidden row, or cannot
    /// even be told apart into columns, is then decided without values: a Parquet column whose type does not hold every
    /// value of the file's is `TYPE_MISMATCH` when the file is opened, and a CSV row with too many fields and an NDJSON
    /// line that is no object are left out.
    pub restricted: bool,
    pub target_partitions: usize,
    pub batch_size: usize,
    pub meter: Arc<dyn ScanMeter>,
    pub cache: Arc<MetadataCache>,
    /// From `store_url(&connection)`; the `RuntimeEnv` of the execution must know its store.
    pub store_url: ObjectStoreUrl,
}

/// Builds the plan of a scan; its schema is the projection of `raw_schema`.
///
/// Errors while it runs are `DataFusionError`s in which `ConnectorError::find` finds ours: `CORRUPT_FILE`,
/// `TYPE_MISMATCH`, `AMBIGUOUS_COLUMN`, `VALUE_MISMATCH` (Parquet, unrestricted) and those of the store, all with the
/// file's name in `file()`.
///
/// # Errors
/// `SOURCE_INVALID_REQUEST` if the projection names columns that are not there.
pub fn scan(scan: FileScan<'_>) -> Result<Arc<dyn ExecutionPlan>> {
    let table = scan.table;
    let file_schema = raw_file_schema(table);
    let schema = TableSchema::builder(file_schema)
        .with_table_partition_cols(partition_fields(table))
        .build();
    let state = ScanState {
        cache: Arc::clone(&scan.cache),
        store_id: scan.store_url.as_str().into(),
        meter: Arc::clone(&scan.meter),
        opened: Arc::default(),
        doubtful: Arc::default(),
        julian: Arc::default(),
        restricted: scan.restricted,
    };
    let source: Arc<dyn FileSource> = match table.format {
        Format::Parquet => Arc::new(LakeParquetSource::new(schema, scan.prune.as_ref(), state)),
        Format::Avro | Format::Csv | Format::Ndjson | Format::Orc => {
            let text = TextTable {
                format: table.format,
                options: table.options.clone(),
                declared: Arc::clone(&table.file_schema),
                restricted: scan.restricted,
                policy_columns: scan.policy_columns.clone(),
                prune: scan
                    .prune
                    .as_ref()
                    .and_then(|prune| prunable(prune, &raw_schema(table))),
                raw: raw_schema(table),
                of_files: raw_file_schema(table),
            };
            Arc::new(TextSource::new(schema, text, state))
        }
    };
    let config = FileScanConfigBuilder::new(scan.store_url.clone(), source)
        .with_file_groups(groups(&scan))
        .with_batch_size(Some(scan.batch_size.max(1)))
        .with_expr_adapter(Some(Arc::new(AdapterFactory {
            restricted: scan.restricted,
        })))
        .with_projection_indices(Some(scan.projection.clone()))
        .map_err(planning)?
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

/// Files by partition: Parquet files may be split by ranges, text files are read as a whole.
fn groups(scan: &FileScan<'_>) -> Vec<FileGroup> {
    let partitions = scan.target_partitions.max(1);
    let mut files: Vec<PartitionedFile> = scan
        .files
        .files
        .iter()
        .map(|file| {
            PartitionedFile::new_from_meta(file.object_meta.clone())
                .with_partition_values(file.partition_values.clone())
        })
        .collect();
    if scan.table.format == Format::Parquet {
        let whole = vec![FileGroup::new(files.clone())];
        let split = FileGroupPartitioner::new()
            .with_target_partitions(partitions)
            .with_repartition_file_min_size(SPLIT_BYTES)
            .repartition_file_groups(&whole);
        if let Some(split) = split {
            return split;
        }
    }
    // Largest first, each to the group with the least so far.
    files.sort_by_key(|file| std::cmp::Reverse(file.object_meta.size));
    let count = partitions.min(files.len()).max(1);
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); count];
    for file in files {
        if let Some((bytes, group)) = groups.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            *bytes += file.object_meta.size.max(1);
            group.push(file);
        }
    }
    groups.into_iter().map(|(_, files)| FileGroup::new(files)).collect()
}

/// Does the projection hold plain columns only?
pub(crate) fn is_plain(projection: &ProjectionExprs) -> bool {
    projection
        .iter()
        .all(|item| item.expr.downcast_ref::<Column>().is_some())
}

fn planning(error: DataFusionError) -> ConnectorError {
    ConnectorError::new(ConnectorErrorKind::InvalidRequest, "the scan cannot be planned").with_source(error)
}
