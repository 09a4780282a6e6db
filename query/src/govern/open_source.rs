//! How is the source of a governed scan opened? Pruned by the policy first, then by the user's leakproof conditions.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::SchemaRef,
    datasource::memory::MemorySourceConfig,
    execution::runtime_env::RuntimeEnv,
    logical_expr::{Expr, Operator},
    physical_expr::PhysicalExpr,
    physical_plan::ExecutionPlan,
};
use lakegate_connectors::{
    error::ConnectorError,
    files::{
        self, AbsentPolicyColumns, FileList, FileScan, FileTable, Listings, MetadataCache, PolicyRead,
        projection::INJECTED,
    },
    predicate::Predicate,
    scan::ColumnRef,
};

use super::{
    chosen::named_values,
    figure::Figure,
    inner_plan::physical,
    row_filter::{all, binary, relaxed},
    scan_meter::QueryScanMeter,
    source_predicate::conjuncts,
    table::{GovernedTable, TableSource},
};
use crate::{
    engine_error::connector_error,
    error::{ErrorCode, QueryError, Result},
    federate::{
        client_span::Place,
        scan_exec::{ConnectorScan, plan_scan},
    },
};

/// What is wanted of a source.
pub(super) struct SourceRequest {
    /// Into the raw columns, ascending.
    pub(super) needed: Vec<usize>,
    /// Leakproof conditions of the user, by raw names.
    pub(super) filters: Vec<Predicate>,
    pub(super) limit: Option<usize>,
    pub(super) target_partitions: usize,
    pub(super) batch_size: usize,
    pub(super) runtime: Arc<RuntimeEnv>,
}

/// The scan of a source.
pub(super) struct Opened {
    pub(super) plan: Arc<dyn ExecutionPlan>,
    /// Of the whole relation.
    pub(super) figure: Figure,
    /// How the source reads it, for callers who may know figures.
    pub(super) way: Option<String>,
}

impl Opened {
    /// `rows` of the whole relation, roughly, if anything is known.
    fn new(plan: Arc<dyn ExecutionPlan>, rows: Option<u64>) -> Self {
        let figure = Figure::of(rows);
        let way = None;
        Self { plan, figure, way }
    }
}

/// The files of a table that are left before the conditions of the statement, as listed for it.
struct Files<'a> {
    table: &'a FileTable,
    visible: &'a FileList,
    cache: &'a Arc<MetadataCache>,
}

impl GovernedTable {
    /// The scan of the needed raw columns.
    pub(super) async fn open(&self, request: SourceRequest) -> Result<Opened> {
        let meter = &self.cx.meter;
        if self.hides() {
            meter.set_restricted();
        }
        match &self.source {
            // Of a body not even the sizes of what it reads are told.
            TableSource::View(body) => Ok(Opened::new(body.plan(&request.needed).await?, None)),
            TableSource::Memory { schema, batches } => {
                let parts = std::slice::from_ref(batches);
                let scan = MemorySourceConfig::try_new_exec(parts, Arc::clone(schema), Some(request.needed))
                    .map_err(QueryError::internal)?;
                Ok(Opened::new(scan, None))
            }
            TableSource::Files { table, listings, cache } => {
                let policy = pruning(&self.scope.guard, table, &self.raw)?;
                let (table, visible) = self.listed((table, listings), &request, policy.as_ref()).await?;
                let files = Files {
                    table: &table,
                    visible: &visible,
                    cache,
                };
                self.files(&files, request, policy).await
            }
            TableSource::Connector {
                connector,
                connection,
                spec,
            } => {
                // INVARIANT: a source that cannot be told of all of the policy is not told of the caller's conditions either. It sends
                // hidden rows; a value of theirs that cannot be decoded fails the scan, and conditions would aim at it.
                let untold = self.scope.predicate.is_some() && !self.scope.guard_is_policy;
                // A limit is a hint for the source only where nothing is left to filter here.
                let limit = request
                    .limit
                    .filter(|_| self.scope.predicate.is_none() && request.filters.is_empty());
                let request = ConnectorScan {
                    cx: Arc::clone(&self.cx),
                    place: self.place(),
                    connector: Arc::clone(connector),
                    connection: Arc::clone(connection),
                    spec: Arc::clone(spec),
                    columns: request.needed,
                    guard: self.scope.guard.clone(),
                    filters: if untold { Vec::new() } else { request.filters },
                    takes_keys: !untold,
                    limit,
                    target_partitions: request.target_partitions,
                    batch_size: request.batch_size,
                    decided: vec![self.grant.digest],
                    fold: None,
                };
                let scan = plan_scan(request).await?;
                let way = scan.way().filter(|_| !self.hides()).map(ToOwned::to_owned);
                Ok(Opened {
                    way,
                    ..Opened::new(scan, spec.statistics.rows)
                })
            }
        }
    }

    async fn files(
        &self,
        files: &Files<'_>,
        request: SourceRequest,
        policy: Option<Arc<dyn PhysicalExpr>>,
    ) -> Result<Opened> {
        let (table, visible) = (files.table, files.visible);
        let store_url = files::store_url(&table.connection).map_err(source)?;
        let store = request.runtime.object_store(&store_url).map_err(QueryError::internal)?;
        if !self.scope.policy_columns.is_empty() && table.absent == AbsentPolicyColumns::Deny {
            let names: Vec<String> = self.names(&self.scope.policy_columns);
            let absent = files::check_policy_columns(table, visible, &names, &store, files.cache)
                .await
                .map_err(source)?;
            if let Some((column, file)) = absent.first() {
                return Err(self.absent(column, file));
            }
        }
        let skipped = if table.absent == AbsentPolicyColumns::Deny {
            self.scope.policy_columns.clone()
        } else {
            Vec::new()
        };
        self.cx
            .meter
            .add_governed(self.governed_bytes(&request, files, policy.as_ref()).await?);
        let rows = files::estimated_rows(table, visible, &store, files.cache).await;
        let user = pruning(&all(request.filters), table, &self.raw)?;
        let left = pruned(table, visible, user.as_ref());
        let both: Vec<_> = policy.into_iter().chain(user).collect();
        let scan = FileScan {
            table,
            files: &left,
            projection: request.needed,
            prune: datafusion::physical_expr::conjunction_opt(both),
            policy_columns: skipped,
            restricted: self.scope.restricted,
            target_partitions: request.target_partitions,
            batch_size: request.batch_size,
            meter: Arc::new(QueryScanMeter {
                cx: Arc::clone(&self.cx),
                place: self.place(),
                relation: self.grant.name(),
            }),
            cache: Arc::clone(files.cache),
            store_url,
        };
        Ok(Opened::new(files::scan(scan).map_err(source)?, rows))
    }

    /// The files of the partitions that the policy leaves, listed now. The statement's conditions keep folders from being listed
    /// only where the caller may know figures of all of them: what others are shown, and what fails them, must not follow from what
    /// they ask. Values that only the statement can name are another matter.
    async fn listed(
        &self,
        (table, listings): (&FileTable, &Listings),
        request: &SourceRequest,
        policy: Option<&Arc<dyn PhysicalExpr>>,
    ) -> Result<(FileTable, FileList)> {
        let user = if self.hides() {
            None
        } else {
            pruning(&all(request.filters.clone()), table, &self.raw)?
        };
        let both = datafusion::physical_expr::conjunction_opt(policy.cloned().into_iter().chain(user));
        let asked = |column: &str| named_values(&request.filters, &self.scope.guard, column);
        let table = files::project(table, both.as_ref(), &asked).map_err(|error| self.unprojected(error))?;
        let files = files::list_left(&table, listings, both.as_ref())
            .await
            .map_err(source)?;
        // INVARIANT: the policy prunes alone first; what it leaves is what rule 6 and the shown figures are about.
        let visible = pruned(&table, &files, policy);
        Ok((table, visible))
    }

    /// What only the statement can name is named in the error, if the caller sees it.
    fn unprojected(&self, error: ConnectorError) -> QueryError {
        if error.code() != INJECTED {
            return source(error);
        }
        let shown = error
            .detail()
            .filter(|name| self.scope.columns.iter().any(|column| column.field.name() == name));
        let column = shown.map_or_else(|| "a partition column".to_owned(), |name| format!("column `{name}`"));
        let text = format!(
            "{column} of table `{}` needs `=` or IN in the WHERE clause",
            self.grant.name()
        );
        QueryError::new(ErrorCode::InvalidRequest, text)
    }

    /// What projection and the policy's pruning leave. Exact where the figure is what the caller will be shown for this table;
    /// else the sizes of the files, which cost no footer.
    async fn governed_bytes(
        &self,
        request: &SourceRequest,
        files: &Files<'_>,
        policy: Option<&Arc<dyn PhysicalExpr>>,
    ) -> Result<u64> {
        if !self.hides() {
            return Ok(files.visible.files.iter().map(|file| file.object_meta.size).sum());
        }
        // Of partitions that the statement names, not even the size is told: the caller chose them.
        if matches!(&self.source, TableSource::Files { table, .. } if files::is_chosen_by_statements(table)) {
            return Ok(0);
        }
        let store_url = files::store_url(&files.table.connection).map_err(source)?;
        let store = request.runtime.object_store(&store_url).map_err(QueryError::internal)?;
        let read = PolicyRead {
            table: files.table,
            files: files.visible,
            columns: &request.needed,
            policy,
        };
        files::policy_bytes(&read, &store, files.cache).await.map_err(source)
    }

    pub(super) fn place(&self) -> Place {
        Place {
            catalog: self.grant.path.catalog.name.clone(),
            connection: self.grant.path.connection.name.clone(),
        }
    }

    fn names(&self, columns: &[usize]) -> Vec<String> {
        columns
            .iter()
            .filter_map(|at| self.raw.fields().get(*at))
            .map(|field| field.name().clone())
            .collect()
    }

    /// Rule 6; the file is told to the log only.
    fn absent(&self, column: &str, file: &str) -> QueryError {
        let name = self.grant.name();
        QueryError::new(
            ErrorCode::MissingColumn,
            format!("table `{name}` cannot be read until its declaration fits its source"),
        )
        .because(format!("policy column `{column}` is absent from `{file}`"))
    }
}

/// The part of a condition that may skip data: over columns that come in their declared type and are no floats.
fn pruning(condition: &Predicate, table: &FileTable, raw: &SchemaRef) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let text = table.format.is_text();
    let usable = |column: &ColumnRef| {
        let name = column.column.as_str();
        let partition = table.partition_columns.iter().any(|field| field.name() == name);
        let float = raw
            .field_with_name(name)
            .map_or(true, |field| field.data_type().is_floating());
        (partition || !text) && !float
    };
    let condition = relaxed(condition, &usable);
    let expr: Option<Expr> = conjuncts(&condition, raw)
        .into_iter()
        .reduce(|left, right| binary(left, Operator::And, right));
    expr.map(|expr| physical(&expr, raw))
        .transpose()
        .map_err(QueryError::internal)
}

fn pruned(table: &FileTable, files: &FileList, predicate: Option<&Arc<dyn PhysicalExpr>>) -> FileList {
    predicate.map_or_else(
        || files.clone(),
        |predicate| files::prune_partitions(table, files, predicate),
    )
}

fn source(error: ConnectorError) -> QueryError {
    let (code, message) = connector_error(&error);
    QueryError::new(code, message).because(error)
}
