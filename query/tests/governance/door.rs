//! How do the tests ask? As the query service does: authorize, govern, plan, check the invariant, run.

use std::{path::Path, sync::Arc};

use datafusion::{
    arrow::{array::RecordBatch, util::pretty::pretty_format_batches},
    catalog::TableProvider,
    execution::{SessionStateBuilder, context::SessionContext, object_store::ObjectStoreUrl},
    physical_plan::{ExecutionPlan, collect, displayable},
    prelude::SessionConfig,
};
use lakegate_connectors::{
    connection::Connection,
    files::{self, AbsentPolicyColumns, FileTable, Format, FormatOptions, Listings, MetadataCache, PartitionSource},
};
use lakegate_query::{
    authorize::{Attempt, authorize},
    context::QueryContext,
    engine_error::{Phase, translate},
    error::{QueryError, Result},
    govern::{GovernedTable, TableSource, invariant},
};

use crate::fixture::{HIDDEN, Lake, VISIBLE, batch, orders, schema};

/// Where the rows of `orders` are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rows<'a> {
    Memory,
    Files(&'a Path),
}

pub fn memory_source() -> TableSource {
    TableSource::Memory {
        schema: schema(),
        batches: vec![batch(VISIBLE), batch(HIDDEN)],
    }
}

pub fn connection(directory: &Path) -> Arc<Connection> {
    let root = directory.to_string_lossy().into_owned();
    Arc::new(Connection {
        id: "k-files".to_owned(),
        version: 1,
        kind: "files".to_owned(),
        options: [("root".to_owned(), serde_json::Value::from(root))].into(),
        local_roots: vec![directory.to_path_buf()],
        ..Connection::default()
    })
}

pub fn file_table(lake: &Lake, directory: &Path) -> FileTable {
    let connection = connection(directory);
    let location = files::resolve_location(&connection, None, "").unwrap();
    let format = match lake.format {
        lakegate_catalog::relation::TableFormat::Avro => Format::Avro,
        lakegate_catalog::relation::TableFormat::Orc => Format::Orc,
        lakegate_catalog::relation::TableFormat::Parquet => Format::Parquet,
        lakegate_catalog::relation::TableFormat::Csv => Format::Csv,
        lakegate_catalog::relation::TableFormat::Ndjson => Format::Ndjson,
    };
    let partition: Vec<&str> = lake
        .columns
        .iter()
        .filter(|column| column.partition)
        .map(|column| column.name.as_str())
        .collect();
    let (partition_columns, file): (Vec<_>, Vec<_>) = lake
        .columns
        .iter()
        .map(|column| {
            let data_type = lakegate_query::type_name::parse_type(&column.data_type).unwrap();
            let data_type = files::carried(format, data_type);
            Arc::new(arrow::datatypes::Field::new(&column.name, data_type, true))
        })
        .partition(|field| partition.contains(&field.name().as_str()));
    FileTable {
        connection,
        location,
        format,
        options: FormatOptions::default(),
        file_schema: Arc::new(arrow::datatypes::Schema::new(file)),
        partitions: if partition_columns.is_empty() {
            PartitionSource::None
        } else {
            PartitionSource::Hive
        },
        partition_columns,
        absent: match lake.absent {
            lakegate_catalog::relation::AbsentPolicyColumns::Deny => AbsentPolicyColumns::Deny,
            lakegate_catalog::relation::AbsentPolicyColumns::Null => AbsentPolicyColumns::Null,
        },
    }
}

pub async fn file_source(lake: &Lake, directory: &Path) -> TableSource {
    let table = file_table(lake, directory);
    let store = files::open_store(&table.connection).unwrap();
    TableSource::Files {
        table: Arc::new(table),
        listings: Arc::new(Listings::new(store)),
        cache: Arc::new(MetadataCache::default()),
    }
}

pub fn attempt(cx: &QueryContext) -> Attempt {
    let path = cx.snapshot.find_table(&orders()).unwrap();
    authorize(cx, &[path]).pop().unwrap()
}

pub fn governed(cx: &Arc<QueryContext>, source: TableSource) -> Result<GovernedTable> {
    GovernedTable::new(Arc::clone(cx), attempt(cx).grant?, source)
}

/// A session like the service's.
pub fn session(builder: SessionStateBuilder, store: Option<&Path>) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(2)
        .with_collect_statistics(true);
    session_with(builder, config, store)
}

pub fn session_with(builder: SessionStateBuilder, config: SessionConfig, store: Option<&Path>) -> SessionContext {
    let state = builder.with_config(config).build();
    let context = SessionContext::new_with_state(state);
    if let Some(directory) = store {
        let connection = connection(directory);
        let url: ObjectStoreUrl = files::store_url(&connection).unwrap();
        context.register_object_store(url.as_ref(), files::open_store(&connection).unwrap());
    }
    context
}

/// A session in which `orders` is what `user` may see.
pub async fn open(lake: &Lake, user: &str, rows: Rows<'_>) -> Result<(Arc<QueryContext>, SessionContext)> {
    open_in(SessionStateBuilder::new().with_default_features(), lake, user, rows).await
}

pub async fn open_in(
    builder: SessionStateBuilder,
    lake: &Lake,
    user: &str,
    rows: Rows<'_>,
) -> Result<(Arc<QueryContext>, SessionContext)> {
    let cx = lake.context(user);
    let (source, store) = match rows {
        Rows::Memory => (memory_source(), None),
        Rows::Files(directory) => (file_source(lake, directory).await, Some(directory)),
    };
    let table: Arc<dyn TableProvider> = Arc::new(governed(&cx, source)?);
    let context = session(builder, store);
    context.register_table("orders", table).unwrap();
    Ok((cx, context))
}

pub async fn plan(cx: &QueryContext, context: &SessionContext, sql: &str) -> Result<Arc<dyn ExecutionPlan>> {
    let failed = |error| translate(error, Phase::Plan);
    let frame = context.sql(sql).await.map_err(failed)?;
    let plan = frame.create_physical_plan().await.map_err(failed)?;
    invariant::check(&plan, cx)?;
    Ok(plan)
}

/// The rows of a statement, or what the caller is told.
pub async fn rows(cx: &QueryContext, context: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    let plan = plan(cx, context, sql).await?;
    collect(plan, context.task_ctx())
        .await
        .map_err(|error| translate(error, Phase::Execute))
}

/// Rows as sorted lines `a|b|c`, NULL as `-`.
pub fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let text = pretty_format_batches(batches).unwrap().to_string();
    let mut lines: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            cells
                .iter()
                .map(|cell| if cell.is_empty() { "-" } else { cell })
                .collect::<Vec<_>>()
                .join("|")
        })
        .collect();
    lines.sort();
    lines
}

/// What `user` sees: sorted lines, or the code of the error. No canary may show in either.
pub async fn ask(lake: &Lake, user: &str, rows_of: Rows<'_>, sql: &str) -> Result<Vec<String>, QueryError> {
    let outcome = match open(lake, user, rows_of).await {
        Ok((cx, context)) => rows(&cx, &context, sql).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(batches) => Ok(lines(&batches)),
        Err(error) => {
            assert_no_canary(&error.to_string());
            Err(error)
        }
    }
}

pub fn assert_no_canary(text: &str) {
    for canary in ["CANARY", "31337", "90000"] {
        assert!(!text.contains(canary), "a canary shows: {text}");
    }
}

/// The plan as EXPLAIN shows it.
pub fn shown(plan: &Arc<dyn ExecutionPlan>) -> String {
    displayable(plan.as_ref()).indent(true).to_string()
}
