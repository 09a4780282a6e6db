//! How does a table look to the statement that may see part of it? As a table that has only that part.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{Field, Schema, SchemaRef},
    },
    catalog::{Session, TableProvider},
    datasource::TableType,
    error::{DataFusionError, Result as EngineResult},
    logical_expr::{Expr, TableProviderFilterPushDown},
    physical_plan::ExecutionPlan,
};
use lakegate_catalog::relation::ViewSecurity;
use lakegate_connectors::{
    connection::Connection,
    connector::Connector,
    files::{FileTable, Listings, MetadataCache, raw_schema},
    predicate::Predicate,
    scan::ColumnRef,
    table_spec::TableSpec,
};

use super::{
    inner_plan::InnerPlan,
    leakproof::{self, ClearColumns},
    open_source::SourceRequest,
    policy_filter::Mark,
    scan_exec::{GovernedScanExec, Seen},
    scope::{Compiler, Scope, SourceColumns},
};
use crate::{
    authorize::RelationGrant,
    context::QueryContext,
    error::{ErrorCode, QueryError, Result},
    federate::late_keys::KeyColumn,
    views::ViewBody,
};

/// Where the rows of a governed table come from.
#[derive(Clone, Debug)]
pub enum TableSource {
    /// Files, listed for the statement when they are scanned; the session's runtime knows their store under
    /// `store_url(&table.connection)`.
    Files {
        table: Arc<FileTable>,
        listings: Arc<Listings>,
        cache: Arc<MetadataCache>,
    },
    /// A table of a source that answers scans itself.
    Connector {
        connector: Arc<dyn Connector>,
        connection: Arc<Connection>,
        spec: Arc<TableSpec>,
    },
    /// The body of a view, over governed relations of its own.
    View(Arc<ViewBody>),
    /// Rows in memory: the governed information schema, and tests.
    Memory {
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
    },
}

impl TableSource {
    fn columns(&self) -> SourceColumns {
        match self {
            Self::Files { table, .. } => {
                let raw = raw_schema(table);
                let declared = table.file_schema.fields().iter().chain(&table.partition_columns);
                // In the order of the raw columns: a file column of a partition column's name is not among them.
                let declared: Vec<Arc<Field>> = raw
                    .fields()
                    .iter()
                    .filter_map(|field| declared.clone().rfind(|known| known.name() == field.name()).cloned())
                    .collect();
                SourceColumns {
                    declared: Arc::new(Schema::new(declared)),
                    raw,
                }
            }
            Self::Connector { spec, .. } => SourceColumns {
                declared: Arc::clone(&spec.schema),
                raw: Arc::clone(&spec.schema),
            },
            Self::View(body) => SourceColumns {
                declared: Arc::clone(&body.schema),
                raw: Arc::clone(&body.schema),
            },
            Self::Memory { schema, .. } => SourceColumns {
                declared: Arc::clone(schema),
                raw: Arc::clone(schema),
            },
        }
    }
}

/// A relation of one statement, as its principal may see it.
pub struct GovernedTable {
    pub(super) cx: Arc<QueryContext>,
    pub(super) grant: RelationGrant,
    pub(super) source: TableSource,
    pub(super) scope: Scope,
    pub(super) raw: SchemaRef,
}

impl GovernedTable {
    /// Compiles the decision for a source.
    ///
    /// # Errors
    /// `TABLE_NOT_FOUND` if nothing of it may be read, `PLAN_INVARIANT` if the decision is of another epoch, and
    /// `SCHEMA_CHANGED`, in one text for all causes, if policies or visible columns do not fit the source.
    pub fn new(cx: Arc<QueryContext>, grant: RelationGrant, source: TableSource) -> Result<Self> {
        if !grant.is_readable() {
            return Err(QueryError::table_not_found(&grant.name()));
        }
        if grant.epoch != cx.snapshot.version {
            return Err(QueryError::new(
                ErrorCode::PlanInvariant,
                "a decision belongs to another policy version",
            ));
        }
        let columns = source.columns();
        let scope = Compiler::new(&cx, &grant, &columns).compile()?;
        Ok(Self {
            cx,
            grant,
            source,
            scope,
            raw: columns.raw,
        })
    }

    /// The visible columns.
    #[must_use]
    pub fn visible_schema(&self) -> SchemaRef {
        Arc::clone(&self.scope.schema)
    }

    /// The caller may not know figures of what lies behind the barrier: rows, cells or columns are hidden there, or may be by the
    /// body of a view.
    pub(super) fn hides(&self) -> bool {
        let view = self.grant.path.view.as_ref();
        let lends = view.is_some_and(|view| view.body.security != ViewSecurity::Invoker);
        (self.scope.restricted || self.scope.narrowed || lends || self.cx.is_lent()) && !self.grant.read_stats
    }

    pub(super) fn leakproof(&self, filter: &Expr) -> Option<Predicate> {
        leakproof::translate(filter, &self.scope)
    }

    /// What the source calls a visible column whose values it holds as they are seen.
    fn key(&self, field: &Field) -> Option<KeyColumn> {
        let (name, data_type) = self.scope.clear(field.name())?;
        (data_type == field.data_type()).then(|| KeyColumn {
            column: ColumnRef::of(name),
            data_type: data_type.clone(),
        })
    }

    /// What the invariant looks for.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            digest: self.grant.digest,
            epoch: self.grant.epoch,
            query: self.cx.query.clone(),
        }
    }

    async fn governed(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.cx.check()?;
        let columns = &self.scope.columns;
        let chosen: Vec<_> = match projection {
            Some(wanted) => wanted.iter().filter_map(|at| columns.get(*at)).collect(),
            None => columns.iter().collect(),
        };
        let accepted = filters
            .iter()
            .map(|filter| self.leakproof(filter))
            .collect::<Option<Vec<_>>>();
        let accepted = accepted.ok_or_else(|| QueryError::internal("a condition was pushed that is not leakproof"))?;
        let schema: SchemaRef = Arc::new(Schema::new(
            chosen
                .iter()
                .map(|column| Arc::clone(&column.field))
                .collect::<Vec<_>>(),
        ));
        let keys = match &self.source {
            TableSource::Connector { .. } if limit.is_none() => {
                schema.fields().iter().map(|field| self.key(field)).collect()
            }
            // Fewer rows below a limit are other rows above it, and what is not asked by conditions has no use for keys.
            _ => Vec::new(),
        };
        let mark = self.mark();
        let plan = InnerPlan {
            scope: &self.scope,
            mark: mark.clone(),
            raw: &self.raw,
            columns: chosen,
            filters: &accepted,
            limit,
        };
        let partitions = session.config().target_partitions();
        let request = SourceRequest {
            needed: plan.needed(),
            filters: accepted.clone(),
            limit,
            target_partitions: partitions,
            batch_size: session.config().batch_size(),
            runtime: Arc::clone(session.runtime_env()),
        };
        let source = self.open(request).await?;
        let inner = plan.over(source.plan, session).map_err(QueryError::internal)?;
        let shown = filters.iter().map(|filter| unqualified(filter).to_string()).collect();
        let seen = Seen {
            cx: Arc::clone(&self.cx),
            relation: self.grant.name(),
            filters: shown,
            fold: String::new(),
            way: source.way,
            partitions: if self.hides() { partitions } else { 1 },
            restricted: self.scope.restricted,
            figure: source.figure.asked(!accepted.is_empty(), limit),
            keys,
        };
        Ok(Arc::new(GovernedScanExec::new(seen, vec![mark], schema, inner)))
    }
}

pub(super) fn unqualified(filter: &Expr) -> Expr {
    use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
    let bare = filter.clone().transform(|expr| {
        Ok(match expr {
            Expr::Column(column) => Transformed::yes(super::row_filter::raw_column(&column.name)),
            other => Transformed::no(other),
        })
    });
    bare.data().unwrap_or_else(|_| filter.clone())
}

impl fmt::Debug for GovernedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GovernedTable")
            .field("relation", &self.grant.name())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for GovernedTable {
    fn schema(&self) -> SchemaRef {
        self.visible_schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> EngineResult<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| match self.leakproof(filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.governed(state, projection, filters, limit)
            .await
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }
}
