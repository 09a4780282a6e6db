//! Under which settings, functions, memory and stores does one statement run?

pub(crate) mod arithmetic;
mod binary_text;
mod bounded;
pub mod catalogs;
mod change;
mod checked_sum;
mod extremes;
mod functions;
mod join_size;
pub(crate) mod meaning;
mod membership;
mod memory;
mod moments;
mod rules;
mod stores;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use datafusion::{
    common::Result as EngineResult,
    execution::{
        SessionState, SessionStateBuilder,
        cache::cache_manager::CacheManagerConfig,
        context::ExecutionProps,
        disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode},
        memory_pool::{FairSpillPool, MemoryPool},
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    prelude::SessionConfig,
};

pub use change::EngineChange;
pub use stores::QueryStores;

use crate::{
    context::QueryContext,
    fold::FoldingPlanner,
    resolve::Defaults,
    session::{catalogs::GovernedCatalogs, memory::QueryMemoryPool},
};

/// Rows per batch: small enough that cancellation is quick, see reliability-tests.md §4.
pub const BATCH_ROWS: usize = 8_192;

/// What all statements share: settings, functions, the memory pool, the spill directory.
#[derive(Debug)]
pub struct Sessions {
    base: SessionState,
    runtime: RuntimeEnv,
    memory: Arc<dyn MemoryPool>,
    memory_bytes: usize,
    spill: PathBuf,
    /// Of statements that have not ended, and of some that have.
    disks: Mutex<Vec<Weak<DiskManager>>>,
}

/// What all statements together use now, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct SessionFigures {
    pub reserved: usize,
    pub limit: usize,
    pub spilled: u64,
}

impl Sessions {
    /// `threads` partitions, `memory_bytes` for all statements together, spill files below `spill`.
    ///
    /// # Errors
    /// When the engine's runtime cannot be built.
    pub fn new(threads: usize, memory_bytes: usize, spill: PathBuf) -> EngineResult<Self> {
        Self::changed(threads, memory_bytes, spill, &EngineChange::default())
    }

    /// As [`Sessions::new`], with an engine that a test has changed.
    ///
    /// # Errors
    /// When the engine's runtime cannot be built.
    pub fn changed(threads: usize, memory_bytes: usize, spill: PathBuf, change: &EngineChange) -> EngineResult<Self> {
        let memory: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(memory_bytes));
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::clone(&memory))
            .with_object_store_registry(Arc::new(QueryStores::default()))
            .with_cache_manager(CacheManagerConfig::default())
            .with_object_list_cache_limit(0)
            .with_file_statistics_cache_limit(0)
            .with_metadata_cache_limit(0)
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build()?;
        let base = rules::register(functions::register(SessionStateBuilder::new()))
            .with_config(config(threads))
            .with_statistics_registry(join_size::registry())
            .with_query_planner(Arc::new(FoldingPlanner))
            .with_runtime_env(Arc::new(runtime.clone()))
            .with_catalog_list(Arc::new(GovernedCatalogs::default()));
        let base = change.apply(base).build();
        Ok(Self {
            base,
            runtime,
            memory,
            memory_bytes,
            spill,
            disks: Mutex::default(),
        })
    }

    /// What is used now.
    #[must_use]
    pub fn figures(&self) -> SessionFigures {
        let disks = self.disks.lock().unwrap_or_else(PoisonError::into_inner);
        SessionFigures {
            reserved: self.memory.reserved(),
            limit: self.memory_bytes,
            spilled: disks
                .iter()
                .filter_map(Weak::upgrade)
                .map(|disk| disk.used_disk_space())
                .sum(),
        }
    }

    fn keep(&self, disk: &Arc<DiskManager>) {
        let mut disks = self.disks.lock().unwrap_or_else(PoisonError::into_inner);
        disks.retain(|disk| disk.strong_count() > 0);
        disks.push(Arc::downgrade(disk));
    }

    /// The session of one statement: its relations, stores, memory, spill files and clock.
    ///
    /// # Errors
    /// When the spill directory cannot be made.
    pub fn open(
        &self,
        cx: &Arc<QueryContext>,
        stores: QueryStores,
        relations: GovernedCatalogs,
        defaults: &Defaults,
    ) -> EngineResult<SessionState> {
        let mut runtime = self.runtime.clone();
        runtime.object_store_registry = Arc::new(stores);
        let memory = match cx.through.views.as_slice() {
            [] => cx.limits.memory_bytes,
            _ => cx.limits.body_memory_bytes,
        };
        runtime.memory_pool = Arc::new(QueryMemoryPool::new(&self.memory, memory, &cx.meter));
        runtime.disk_manager = Arc::new(
            DiskManagerBuilder::default()
                .with_mode(DiskManagerMode::Directories(vec![self.spill.clone()]))
                .with_max_temp_directory_size(cx.limits.spill_bytes)
                .build()?,
        );
        self.keep(&runtime.disk_manager);
        let config = self
            .base
            .config()
            .clone()
            .with_default_catalog_and_schema(&defaults.catalog, &defaults.database)
            .with_extension(Arc::clone(cx));
        let clock = ExecutionProps::new().with_query_execution_start_time(cx.now);
        Ok(SessionStateBuilder::new_from_existing(self.base.clone())
            .with_session_id(cx.query.clone())
            .with_config(config)
            .with_runtime_env(Arc::new(runtime))
            .with_catalog_list(Arc::new(relations))
            .with_execution_props(clock)
            .build())
    }
}

/// A session that plans what is declared and runs nothing: for the texts of views.
pub(crate) fn declaring(relations: GovernedCatalogs, defaults: &Defaults) -> SessionState {
    let config = config(1).with_default_catalog_and_schema(&defaults.catalog, &defaults.database);
    rules::register(functions::register(SessionStateBuilder::new()))
        .with_config(config)
        .with_catalog_list(Arc::new(relations))
        .build()
}

fn config(threads: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(threads.max(1))
        .with_batch_size(BATCH_ROWS)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false)
        .with_collect_statistics(false)
        .with_default_catalog_and_schema("", "");
    let options = config.options_mut();
    options.execution.time_zone = Some("+00:00".to_owned());
    options.execution.parquet.pushdown_filters = false;
    options.execution.listing_table_ignore_subdirectory = false;
    // It tells a NaN from itself and panics (DataFusion 55).
    options.optimizer.enable_topk_aggregation = false;
    options.optimizer.use_statistics_registry = true;
    options.optimizer.hash_join_single_partition_threshold = 64 * 1024 * 1024;
    options.optimizer.hash_join_single_partition_threshold_rows = 2_000_000;
    // Keys that joins tell to sources, see `federate/late_keys`; beyond that, bounds.
    options.optimizer.hash_join_inlist_pushdown_max_distinct_values = 100_000;
    options.optimizer.hash_join_inlist_pushdown_max_size = 16 * 1024 * 1024;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.collect_spans = true;
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.enable_ident_normalization = true;
    options.explain.show_statistics = false;
    options.explain.show_sizes = false;
    options.catalog.create_default_catalog_and_schema = false;
    config
}
