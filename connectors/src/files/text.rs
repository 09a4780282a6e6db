//! How are CSV and NDJSON files scanned? Whole files, every value as text or bytes, so that conversion can wait until the
//! policy's filter has run: no value of a row that it hides may fail the scan. Avro comes the same way, with its types; ORC has a reader of its own.

mod csv;
mod exponents;
mod input;
mod ndjson;
mod rows;
mod serde;
mod tokenizer;
mod values;

use std::{
    fmt,
    sync::{Arc, PoisonError},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::{
    common::{Result, tree_node::TreeNodeRecursion},
    datasource::{
        listing::PartitionedFile,
        physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource},
        projection::{ProjectionOpener, SplitProjection},
        table_schema::TableSchema,
    },
    error::DataFusionError,
    physical_expr::{PhysicalExpr, projection::ProjectionExprs},
    physical_plan::metrics::ExecutionPlanMetricsSet,
};
use futures::{FutureExt, StreamExt, stream::BoxStream};
use object_store::{GetOptions, ObjectMeta, ObjectStore};

pub(crate) use input::TextInput;
pub(crate) use ndjson::parse_line;
pub(crate) use tokenizer::{Record, Tokenizer, header_names};
pub(crate) use values::Values;

pub(crate) use super::parquet::ambiguous;
use super::{
    avro::AvroDecoder,
    failure::{caught_async, caught_stream, store_error},
    orc,
    parquet::ScanState,
    table::{Format, FormatOptions},
};
use crate::error::ConnectorError;

/// What the decoders know of the table.
#[derive(Clone, Debug)]
pub(crate) struct TextTable {
    pub(crate) format: Format,
    pub(crate) options: FormatOptions,
    /// All declared file columns; without a header, columns go by their position here.
    pub(crate) declared: SchemaRef,
    /// From `FileScan::restricted`.
    pub(crate) restricted: bool,
    /// Into the raw schema.
    pub(crate) policy_columns: Vec<usize>,
    pub(crate) raw: SchemaRef,
    /// Columns of the raw schema that come from files.
    pub(crate) of_files: SchemaRef,
    /// Over the raw schema: rows for which it does not hold need not be read where the format can tell. It stays above.
    pub(crate) prune: Option<Arc<dyn PhysicalExpr>>,
}

/// The columns that one scan wants from each file.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) table: Arc<TextTable>,
    /// Fields wanted, in order.
    pub(super) schema: SchemaRef,
    /// Per field: its declared type is nested, and a JSON string is kept as JSON.
    nested: Vec<bool>,
    /// Names of the file columns that a policy reads.
    policy: Vec<String>,
    pub(super) batch_size: usize,
}

/// Turns the text of one file into batches; the stored bytes of formats that are no text.
pub(super) trait Decoder: Send {
    /// More of the file's text.
    fn push(&mut self, text: &[u8]) -> Result<(), ConnectorError>;
    /// There is no more.
    fn finish(&mut self) -> Result<(), ConnectorError>;
    /// A batch that is ready; asked for until there is none, before there is more to push.
    fn take(&mut self) -> Result<Option<RecordBatch>, ConnectorError>;
}

/// `FileSource` of the text formats.
#[derive(Clone)]
pub(crate) struct TextSource {
    schema: TableSchema,
    projection: SplitProjection,
    table: Arc<TextTable>,
    state: ScanState,
    batch_size: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl TextSource {
    pub(crate) fn new(schema: TableSchema, table: TextTable, state: ScanState) -> Self {
        let projection = SplitProjection::unprojected(&schema);
        let metrics = ExecutionPlanMetricsSet::new();
        Self {
            schema,
            projection,
            table: Arc::new(table),
            state,
            batch_size: 8_192,
            metrics,
        }
    }

    fn wanted(&self) -> Result<Wanted> {
        let file_schema = self.schema.file_schema();
        let name = |position: &usize| file_schema.fields().get(*position).map(|field| field.name().clone());
        let schema = Arc::new(file_schema.project(&self.projection.file_indices)?);
        let declared = |name: &str| self.table.declared.field_with_name(name);
        Ok(Wanted {
            table: Arc::clone(&self.table),
            nested: schema
                .fields()
                .iter()
                .map(|field| declared(field.name()).is_ok_and(|field| field.data_type().is_nested()))
                .collect(),
            schema,
            policy: self.table.policy_columns.iter().filter_map(name).collect(),
            batch_size: self.batch_size,
        })
    }
}

impl FileSource for TextSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        _base_config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let opener = TextOpener {
            store,
            wanted: self.wanted()?,
            state: self.state.split(),
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), self.schema.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self {
            batch_size,
            ..self.clone()
        })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        match self.table.format {
            Format::Avro => "avro",
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Orc => "orc",
            Format::Parquet => "parquet",
        }
    }

    fn fmt_extra(&self, _t: datafusion::physical_plan::DisplayFormatType, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        if !super::scan::is_plain(projection) {
            return Ok(None);
        }
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self {
            projection,
            ..self.clone()
        })))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for item in &self.projection.source {
            if f(&item.expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }
}

struct TextOpener {
    store: Arc<dyn ObjectStore>,
    wanted: Wanted,
    state: ScanState,
}

impl FileOpener for TextOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let (store, wanted, state) = (Arc::clone(&self.store), self.wanted.clone(), self.state.clone());
        let name = file.object_meta.location.to_string();
        Ok(async move {
            let meter = Arc::clone(&state.meter);
            let note = move |error: &DataFusionError| {
                if let Some(failure) = ConnectorError::find(error) {
                    meter.failed(failure);
                }
            };
            let opened = async { Ok(open(store, wanted, state, file.object_meta).await?) };
            let stream = caught_async(&name, opened).await.inspect_err(&note)?;
            let noted = caught_stream(name, stream).inspect(move |item| {
                if let Err(error) = item {
                    note(error);
                }
            });
            Ok(noted.boxed())
        }
        .boxed())
    }
}

async fn open(
    store: Arc<dyn ObjectStore>,
    wanted: Wanted,
    state: ScanState,
    meta: ObjectMeta,
) -> Result<BoxStream<'static, Result<RecordBatch>>, ConnectorError> {
    if wanted.table.format == Format::Orc {
        let batches = orc::open(store, wanted, state, meta).await?;
        return Ok(batches.map(|batch| Ok(batch?)).boxed());
    }
    let file = meta.location.as_ref().to_owned();
    let text = match wanted.table.format {
        Format::Avro => None,
        _ => Some(TextInput::new(&file, &wanted.table.options)?),
    };
    let declared = Arc::clone(&wanted.table.declared);
    let decoder: Box<dyn Decoder> = match wanted.table.format {
        Format::Csv => Box::new(csv::CsvDecoder::new(wanted, file.clone())),
        Format::Avro => Box::new(AvroDecoder::new(wanted, file.clone())),
        Format::Ndjson | Format::Orc | Format::Parquet => Box::new(ndjson::NdjsonDecoder::new(wanted, file.clone())),
    };
    if state
        .opened
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(meta.location.clone())
    {
        state.meter.opened_file();
    }
    let options = GetOptions {
        if_match: meta.e_tag.clone(),
        ..GetOptions::default()
    };
    let input = store
        .get_opts(&meta.location, options)
        .await
        .map_err(|error| store_error(error, &file))?
        .into_stream();
    let reading = Reading {
        input,
        stored: bytes::Bytes::new(),
        text,
        decoder,
        declared,
        state,
        file,
        ended: false,
    };
    Ok(futures::stream::try_unfold(reading, |mut reading| async move {
        let batch = reading.next().await?;
        Ok(batch.map(|batch| (batch, reading)))
    })
    .boxed())
}

/// Stored bytes that are decoded before batches are asked for again: what they expand to is held at once.
const STEP: usize = 16 << 10;

/// A file while it is read.
struct Reading {
    input: BoxStream<'static, object_store::Result<bytes::Bytes>>,
    /// Read, but not decoded yet.
    stored: bytes::Bytes,
    /// `None`: the stored bytes are what is decoded.
    text: Option<TextInput>,
    decoder: Box<dyn Decoder>,
    declared: SchemaRef,
    state: ScanState,
    file: String,
    ended: bool,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>, ConnectorError> {
        loop {
            if let Some(batch) = self.decoder.take()? {
                let text = self.text.is_some();
                return Ok(Some(if text {
                    exponents::plain(batch, &self.declared)?
                } else {
                    batch
                }));
            }
            if self.ended {
                return Ok(None);
            }
            if !self.stored.is_empty() {
                let step = self.stored.split_to(STEP.min(self.stored.len()));
                let Self { text, decoder, .. } = self;
                match text {
                    Some(text) => text.push(&step, &mut |text| decoder.push(text))?,
                    None => decoder.push(&step)?,
                }
                continue;
            }
            match self.input.next().await {
                Some(bytes) => {
                    self.stored = bytes.map_err(|error| store_error(error, &self.file))?;
                    self.state.meter.scanned(self.stored.len() as u64);
                }
                None => {
                    self.ended = true;
                    let Self { text, decoder, .. } = self;
                    if let Some(text) = text {
                        text.finish(&mut |text| decoder.push(text))?;
                    }
                    decoder.finish()?;
                }
            }
        }
    }
}
