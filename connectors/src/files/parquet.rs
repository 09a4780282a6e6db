//! How are Parquet files scanned? By DataFusion's source with our reader, our column matching and our error boundary.
//!
//! Nothing here filters rows: predicates prune row groups and pages only, and never by float columns, whose statistics
//! leave NaN out.

mod adapter;
mod boundary;
mod bytes_as_text;
mod calendars;
mod expansion;
mod opened;
mod page_index;
mod pages;
mod reader;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex},
};

use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::{
    common::{Result, config::ConfigOptions, config::TableParquetOptions, tree_node::TreeNodeRecursion},
    datasource::{
        physical_plan::{FileOpener, FileScanConfig, FileSource, ParquetSource},
        table_schema::TableSchema,
    },
    physical_expr::{
        PhysicalExpr, conjunction, projection::ProjectionExprs, split_conjunction, utils::collect_columns,
    },
    physical_plan::{
        DisplayFormatType,
        filter_pushdown::{FilterPushdownPropagation, PushedDown},
        metrics::ExecutionPlanMetricsSet,
    },
};
use datafusion_datasource::morsel::Morselizer;
use object_store::{ObjectStore, path::Path};

pub(crate) use adapter::{AdapterFactory, ambiguous, find_columns, refusal};
use boundary::BoundedMorselizer;
use bytes_as_text::Doubt;
pub(super) use calendars::calendars;
use opened::OpenFiles;
use reader::{ReaderFactory, Wanted};

use super::{julian::Marked, metadata_cache::MetadataCache, meter::ScanMeter};

/// What every reader of one scan shares.
#[derive(Clone, Debug)]
pub(crate) struct ScanState {
    pub(crate) cache: Arc<MetadataCache>,
    pub(crate) store_id: Arc<str>,
    pub(crate) meter: Arc<dyn ScanMeter>,
    /// Files whose footer is counted already.
    pub(crate) opened: Arc<Mutex<HashSet<Path>>>,
    /// Files of which nothing says that their texts are text.
    pub(super) doubtful: Arc<Mutex<HashMap<Path, Doubt>>>,
    /// Files with wanted columns that count by the Julian calendar.
    pub(super) julian: Arc<Mutex<HashMap<Path, Arc<Marked>>>>,
    /// A policy hides rows or cells from the caller.
    pub(crate) restricted: bool,
}

impl ScanState {
    /// The same, counted as one split.
    pub(crate) fn split(&self) -> Self {
        Self {
            meter: self.meter.split().unwrap_or_else(|| Arc::clone(&self.meter)),
            ..self.clone()
        }
    }
}

/// `ParquetSource` behind our reader and error boundary.
#[derive(Clone)]
pub(crate) struct LakeParquetSource {
    inner: Arc<dyn FileSource>,
    state: ScanState,
}

impl LakeParquetSource {
    /// `prune` is over the table schema; conjuncts that cannot be used are left out.
    pub(crate) fn new(schema: TableSchema, prune: Option<&Arc<dyn PhysicalExpr>>, state: ScanState) -> Self {
        let mut options = TableParquetOptions::default();
        options.global.coerce_int96 = Some("us".to_owned());
        options.global.pushdown_filters = false;
        let predicate = prune.and_then(|prune| prunable(prune, schema.table_schema()));
        let mut source = ParquetSource::new(schema).with_table_parquet_options(options);
        if let Some(predicate) = predicate {
            source = source.with_predicate(predicate);
        }
        Self {
            inner: Arc::new(source),
            state,
        }
    }

    fn with_inner(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self {
            inner,
            state: self.state.clone(),
        })
    }
}

/// The conjuncts that may prune: those without float columns.
pub(super) fn prunable(predicate: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<Arc<dyn PhysicalExpr>> {
    let usable = |conjunct: &Arc<dyn PhysicalExpr>| {
        collect_columns(conjunct).iter().all(|column| {
            schema
                .fields()
                .get(column.index())
                .is_some_and(|field| !field.data_type().is_floating())
        })
    };
    let left: Vec<_> = split_conjunction(predicate)
        .into_iter()
        .filter(|conjunct| usable(conjunct))
        .cloned()
        .collect();
    if left.is_empty() { None } else { Some(conjunction(left)) }
}

/// The columns that are read.
fn read<'a>(schema: &'a Schema, projected: Option<&[usize]>) -> Vec<&'a FieldRef> {
    let fields = schema.fields().iter().enumerate();
    fields
        .filter(|(at, _)| projected.is_none_or(|projected| projected.contains(at)))
        .map(|(_, field)| field)
        .collect()
}

/// Does a column have lists or maps in it? Of their pages nobody can say how many rows they have, so that pages are not left out
/// where such a column is read: an index that is wrong would put its values into other rows.
fn has_lists(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(members) => members.iter().any(|member| has_lists(member.data_type())),
        DataType::Dictionary(..) => false,
        other => other.is_nested(),
    }
}

impl FileSource for LakeParquetSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.inner.create_file_opener(object_store, base_config, partition)
    }

    fn create_morselizer(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let state = self.state.split();
        let projected = self.projection().map(ProjectionExprs::column_indices);
        let schema = self.table_schema().table_schema();
        let columns = read(schema, projected.as_deref());
        let by_pages = !columns.iter().any(|field| has_lists(field.data_type()));
        let factory = Arc::new(ReaderFactory {
            store: Arc::clone(&object_store),
            state: state.clone(),
            wanted: Arc::new(Wanted {
                columns: columns.iter().map(|field| field.name().to_lowercase()).collect(),
                texts: bytes_as_text::texts(schema, projected),
            }),
            files: OpenFiles::default(),
        });
        let inner = match self.inner.downcast_ref::<ParquetSource>() {
            Some(source) => source
                .clone()
                .with_enable_page_index(by_pages)
                .with_parquet_file_reader_factory(factory)
                .create_morselizer(object_store, base_config, partition)?,
            None => return datafusion::common::internal_err!("the Parquet source was replaced"),
        };
        Ok(Box::new(BoundedMorselizer { inner, state }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.with_inner(self.inner.with_batch_size(batch_size))
    }

    /// None: the predicate is not applied, so that nothing may be derived from it.
    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        None
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        "parquet"
    }

    /// Nothing: predicates are policy text.
    fn fmt_extra(&self, _t: DisplayFormatType, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    /// Keeps what can prune and applies nothing: every filter stays above.
    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let answer = FilterPushdownPropagation::with_parent_pushdown_result(vec![PushedDown::No; filters.len()]);
        let Some(more) = prunable(&conjunction(filters), self.table_schema().table_schema()) else {
            return Ok(answer);
        };
        let Some(source) = self.inner.downcast_ref::<ParquetSource>() else {
            return Ok(answer);
        };
        let predicate = match source.filter() {
            Some(predicate) => conjunction([predicate, more]),
            None => more,
        };
        Ok(answer.with_updated_node(self.with_inner(Arc::new(source.with_predicate(predicate)))))
    }

    /// Takes plain columns only: no expression runs on rows that the policy may hide.
    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        if !super::scan::is_plain(projection) {
            return Ok(None);
        }
        Ok(self
            .inner
            .try_pushdown_projection(projection)?
            .map(|inner| self.with_inner(inner)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use datafusion::{
        logical_expr::Operator,
        physical_expr::expressions::{binary, col, lit},
    };

    use super::*;

    /// Statistics leave NaN out, so that a row group of which they say "at most 1" may hold a row with `f > 1`.
    #[test]
    fn float_columns_never_prune() {
        let schema = Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("f", DataType::Float64, true),
            Field::new("s", DataType::Float32, true),
        ]);
        let above = |name: &str, value| {
            let column = col(name, &schema).expect("a column");
            binary(column, Operator::Gt, value, &schema).expect("a comparison")
        };
        let (id, f, s) = (
            above("id", lit(1_i64)),
            above("f", lit(1.0_f64)),
            above("s", lit(1.0_f32)),
        );
        let both = conjunction([Arc::clone(&f), Arc::clone(&id), Arc::clone(&s)]);
        assert_eq!(
            prunable(&both, &schema).map(|kept| kept.to_string()),
            Some(id.to_string())
        );
        let either = binary(Arc::clone(&id), Operator::Or, Arc::clone(&f), &schema).expect("a condition");
        for refused in [f, s, either] {
            assert!(prunable(&refused, &schema).is_none(), "{refused}");
        }
    }
}
