//! What does a test need? A directory as a lake, tables over it, scans through a real `TaskContext`.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use arrow::{
    array::{ArrayRef, AsArray, RecordBatch, StringArray},
    datatypes::{DataType, Field, FieldRef, Schema},
    util::pretty::pretty_format_batches,
};
use datafusion::{
    error::DataFusionError,
    execution::SendableRecordBatchStream,
    physical_expr::PhysicalExpr,
    physical_plan::{ExecutionPlan, collect},
    prelude::SessionContext,
};
use lakegate_connectors::{
    connection::Connection,
    error::{ConnectorError, Result},
    files::{
        AbsentPolicyColumns, FileList, FileScan, FileTable, FileTableDraft, Format, FormatOptions, MetadataCache,
        PartitionSource, ScanMeter, infer, list_files, open_store, raw_schema, resolve_location, scan, store_url,
    },
};
use object_store::ObjectStore;
use parquet::{arrow::ArrowWriter, file::properties::WriterProperties};

#[derive(Debug, Default)]
pub struct Meter {
    pub bytes: AtomicU64,
    pub files: AtomicU64,
}

impl ScanMeter for Meter {
    fn scanned(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    fn opened_file(&self) {
        self.files.fetch_add(1, Relaxed);
    }
}

pub struct Lake {
    pub directory: tempfile::TempDir,
    pub connection: Arc<Connection>,
    pub store: Arc<dyn ObjectStore>,
    pub cache: Arc<MetadataCache>,
    pub meter: Arc<Meter>,
    pub partitions: usize,
    pub restricted: bool,
}

impl Lake {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let root = directory.path().to_str().expect("path").to_owned();
        let connection = Connection {
            id: "local".into(),
            version: 1,
            kind: "files".into(),
            options: BTreeMap::from([("root".to_owned(), root.into())]),
            local_roots: vec![directory.path().to_owned()],
            ..Connection::default()
        };
        Self::over(directory, connection)
    }

    pub fn over(directory: tempfile::TempDir, connection: Connection) -> Self {
        let store = open_store(&connection).expect("store");
        let (cache, meter) = (Arc::new(MetadataCache::default()), Arc::new(Meter::default()));
        Self {
            directory,
            connection: Arc::new(connection),
            store,
            cache,
            meter,
            partitions: 1,
            restricted: false,
        }
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(path, bytes).expect("file");
    }

    pub fn parquet(&self, name: &str, batches: &[RecordBatch], rows_per_group: usize) {
        self.write(name, parquet_bytes(batches, rows_per_group));
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    pub fn table(&self, location: &str, format: Format, columns: &[(&str, DataType)]) -> FileTable {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, data_type)| Field::new(*name, data_type.clone(), true))
            .collect();
        FileTable {
            connection: Arc::clone(&self.connection),
            location: resolve_location(&self.connection, None, location).expect("location"),
            format,
            options: FormatOptions::default(),
            file_schema: Arc::new(Schema::new(fields)),
            partition_columns: vec![],
            partitions: PartitionSource::None,
            absent: AbsentPolicyColumns::Deny,
        }
    }

    pub async fn infer(&self, location: &str, format: Format) -> Result<Vec<(String, DataType)>> {
        let table = self.table(location, format, &[]);
        let draft = FileTableDraft {
            connection: table.connection,
            location: table.location,
            format,
            options: table.options,
            partition_columns: vec![],
            partitions: PartitionSource::None,
        };
        infer(&draft, &self.store, &self.cache).await
    }

    pub async fn list(&self, table: &FileTable) -> FileList {
        list_files(table, &self.store).await.expect("list")
    }

    pub async fn read(&self, table: &FileTable) -> Result<String, DataFusionError> {
        let all = (0..raw_schema(table).fields().len()).collect();
        let files = list_files(table, &self.store).await.map_err(DataFusionError::from)?;
        self.scan(table, &files, all, None, vec![]).await
    }

    pub async fn scan(
        &self,
        table: &FileTable,
        files: &FileList,
        projection: Vec<usize>,
        prune: Option<Arc<dyn PhysicalExpr>>,
        policy_columns: Vec<usize>,
    ) -> Result<String, DataFusionError> {
        let batches = self.batches(table, files, projection, prune, policy_columns).await?;
        Ok(text(&batches))
    }

    pub async fn batches(
        &self,
        table: &FileTable,
        files: &FileList,
        projection: Vec<usize>,
        prune: Option<Arc<dyn PhysicalExpr>>,
        policy_columns: Vec<usize>,
    ) -> Result<Vec<RecordBatch>, DataFusionError> {
        let (plan, session) = self.planned(table, files, projection, prune, policy_columns);
        collect(plan, session.task_ctx()).await
    }

    /// The first partition, batch by batch.
    pub fn stream(&self, table: &FileTable, files: &FileList, projection: Vec<usize>) -> SendableRecordBatchStream {
        let (plan, session) = self.planned(table, files, projection, None, vec![]);
        plan.execute(0, session.task_ctx()).expect("a stream")
    }

    fn planned(
        &self,
        table: &FileTable,
        files: &FileList,
        projection: Vec<usize>,
        prune: Option<Arc<dyn PhysicalExpr>>,
        policy_columns: Vec<usize>,
    ) -> (Arc<dyn ExecutionPlan>, SessionContext) {
        let url = store_url(&self.connection).expect("url");
        let session = SessionContext::new();
        session
            .runtime_env()
            .register_object_store(url.as_ref(), Arc::clone(&self.store));
        let plan = scan(FileScan {
            table,
            files,
            projection,
            prune,
            policy_columns,
            restricted: self.restricted,
            target_partitions: self.partitions,
            batch_size: 1_000,
            meter: Arc::clone(&self.meter) as _,
            cache: Arc::clone(&self.cache),
            store_url: url,
        })
        .expect("plan");
        (plan, session)
    }

    pub fn scanned(&self) -> u64 {
        self.meter.bytes.swap(0, Relaxed)
    }
}

/// Names, and rows in order of their text.
fn text(batches: &[RecordBatch]) -> String {
    let batches: Vec<RecordBatch> = batches.iter().map(readable).collect();
    let text = pretty_format_batches(&batches).expect("text").to_string();
    let mut lines: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    if !lines.is_empty() {
        lines[1..].sort_unstable();
    }
    let clean = |line: &&str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        cells.join(",")
    };
    lines.iter().map(clean).collect::<Vec<_>>().join("\n")
}

/// Bytes as text; what is no text is `no text`.
fn readable(batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let shown = match column.as_binary_opt::<i32>() {
            None => Arc::clone(column),
            Some(bytes) => {
                let text = |value| str::from_utf8(value).unwrap_or("no text");
                Arc::new(bytes.iter().map(|value| value.map(text)).collect::<StringArray>()) as ArrayRef
            }
        };
        (field.name().clone(), shown)
    });
    let fields: Vec<(String, ArrayRef)> = columns.collect();
    if fields.is_empty() {
        return batch.clone();
    }
    RecordBatch::try_from_iter(fields).expect("batch")
}

pub fn hive(columns: &[(&str, DataType)]) -> Vec<FieldRef> {
    columns
        .iter()
        .map(|(name, data_type)| Arc::new(Field::new(*name, data_type.clone(), true)))
        .collect()
}

pub fn parquet_bytes(batches: &[RecordBatch], rows_per_group: usize) -> Vec<u8> {
    use parquet::file::properties::EnabledStatistics;
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(rows_per_group))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batches[0].schema(), Some(properties)).expect("writer");
    for batch in batches {
        writer.write(batch).expect("write");
    }
    writer.close().expect("close");
    bytes
}

pub fn ours(error: &DataFusionError) -> &ConnectorError {
    ConnectorError::find(error).unwrap_or_else(|| panic!("no connector error in {error}"))
}

#[must_use]
pub fn file_len(path: &Path) -> u64 {
    std::fs::metadata(path).expect("metadata").len()
}
