//! How is the body of a view planned? On its own: its text over its own governed bases, under the rights that it is read with.
//!
//! Nothing of the statement around it enters: no condition, no name, no limit but the columns that are wanted.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef},
    catalog::{Session, TableProvider},
    common::{Column, DataFusionError, Result as EngineResult},
    datasource::TableType,
    execution::SessionState,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown},
    physical_expr::expressions,
    physical_plan::{
        ExecutionPlan,
        projection::{ProjectionExec, ProjectionExpr},
    },
};
use lakegate_catalog::{
    name::TableName,
    object::Stored,
    relation::{View, ViewBase},
};

use super::{
    exec::{self, ViewExec},
    rights::bound_at,
};
use crate::{
    authorize::RelationGrant,
    context::QueryContext,
    engine_error::{Phase, translate},
    error::{QueryError, Result},
    govern::{GovernedTable, TableSource},
    names,
    output::plain_type,
    parse,
    plan::{self, Planner},
    resolve::Defaults,
    session::{QueryStores, catalogs::GovernedCatalogs},
    source,
    type_name::parse_type,
};

/// The body of a view for one statement, planned up to what the statement wants of it.
pub struct ViewBody {
    view: TableName,
    inside: Arc<QueryContext>,
    session: SessionState,
    logical: LogicalPlan,
    /// The columns of the view, before its own policies.
    pub(crate) schema: SchemaRef,
}

impl fmt::Debug for ViewBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewBody")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

/// Opens what a granted view reads, and plans its body.
///
/// # Errors
/// `TABLE_NOT_FOUND`, in the words for a missing table, for whatever no longer fits; and those of the sources.
pub(crate) async fn open(
    planner: &Planner<'_>,
    cx: &Arc<QueryContext>,
    grant: &RelationGrant,
    stores: &mut QueryStores,
) -> Result<TableSource> {
    let name = grant.name();
    let missing = || QueryError::table_not_found(&name);
    let view = grant.path.view.as_ref().ok_or_else(missing)?;
    let inside = cx
        .inside(view)
        .map_err(|broken| missing().because(broken.to_string()))?;
    let mut relations: Vec<(TableName, Arc<dyn TableProvider>)> = Vec::new();
    for (bound, base) in view.body.bases.iter().zip(&grant.bases) {
        let base = base.grant.clone().ok_or_else(missing)?;
        let opened = Box::pin(source::open(planner, &inside, &base, stores)).await;
        let opened = opened.map_err(|error| exec::opaque(&name, error))?;
        let provider = BoundBase::new(&inside, bound, base, opened).map_err(|error| exec::opaque(&name, error))?;
        relations.push((bound.name.clone(), Arc::new(provider)));
    }
    let (catalog, database) = view.body.within.clone();
    let session = planner
        .sessions
        .open(
            &inside,
            stores.clone(),
            GovernedCatalogs::new(relations),
            &Defaults { catalog, database },
        )
        .map_err(QueryError::internal)?;
    let logical = logical(&session, view)
        .await
        .map_err(|error| missing().because(error))?;
    let schema = schema(view, &logical).ok_or_else(missing)?;
    Ok(TableSource::View(Arc::new(ViewBody {
        view: name.clone(),
        inside,
        session,
        logical,
        schema,
    })))
}

async fn logical(session: &SessionState, view: &Stored<View>) -> Result<LogicalPlan> {
    let parsed = parse::parse(&view.body.sql)?;
    let parse::StatementKind::Query(mut query) = parsed.kind else {
        return Err(QueryError::internal("a view is no query"));
    };
    names::distinguish(&mut query, &parsed.spelled);
    plan::logical(session, *query).await
}

/// The columns as they were when the view was made, if the body still gives columns of these names. Text that comes as views
/// stays so.
fn schema(view: &Stored<View>, logical: &LogicalPlan) -> Option<SchemaRef> {
    let given = logical.schema().fields();
    if given.len() != view.body.columns.len() {
        return None;
    }
    let fields = view.body.columns.iter().zip(given.iter()).map(|(column, given)| {
        let data_type = carried(parse_type(&column.data_type).ok()?, given.data_type());
        (*given.name() == column.name).then(|| Arc::new(Field::new(&column.name, data_type, true)))
    });
    let fields = fields.collect::<Option<Vec<FieldRef>>>()?;
    Some(Arc::new(Schema::new(fields)))
}

/// A declared type in the form in which its values come.
fn carried(declared: DataType, found: &DataType) -> DataType {
    match (&declared, found) {
        (DataType::Utf8, DataType::Utf8View) => DataType::Utf8View,
        _ => declared,
    }
}

impl ViewBody {
    /// The plan of the body for some of its columns, proved to be governed.
    ///
    /// # Errors
    /// One text for whatever the body cannot do; `PLAN_INVARIANT`.
    pub(crate) async fn plan(&self, columns: &[usize]) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted: Vec<(Expr, FieldRef)> = columns
            .iter()
            .filter_map(|at| {
                let (qualifier, field) = self.logical.schema().iter().nth(*at)?;
                let column = Expr::Column(Column::from((qualifier, field)));
                Some((column, Arc::clone(self.schema.fields().get(*at)?)))
            })
            .collect();
        let schema: SchemaRef = Arc::new(Schema::new(
            wanted.iter().map(|(_, field)| Arc::clone(field)).collect::<Vec<_>>(),
        ));
        let named = wanted.iter().map(|(column, field)| column.clone().alias(field.name()));
        let logical = LogicalPlanBuilder::from(self.logical.clone())
            .project(named)
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| exec::opaque(&self.view, translate(error, Phase::Plan)))?;
        let plan = plan::proved(&self.session, &logical, &self.inside)
            .await
            .map_err(|error| exec::opaque(&self.view, error))?;
        let types = |schema: &Schema| {
            let fields = schema.fields().iter();
            fields.map(|field| plain_type(field.data_type())).collect::<Vec<_>>()
        };
        if types(&schema) != types(&plan.schema()) {
            let error = QueryError::internal("the body of a view gives other types than it did");
            return Err(exec::opaque(&self.view, error));
        }
        let context = self.session.task_ctx();
        Ok(Arc::new(ViewExec::new(self.view.clone(), schema, plan, context)))
    }
}

/// A base under the name and with the columns that it had when the view was made. Columns that the reader may not see are
/// there by name, so that `*` means what it meant, and cannot be read.
struct BoundBase {
    governed: GovernedTable,
    schema: SchemaRef,
    /// Position among the visible columns of today; `None`: not to be read.
    places: Vec<Option<usize>>,
    /// No column was renamed.
    plain: bool,
}

impl BoundBase {
    fn new(inside: &Arc<QueryContext>, bound: &ViewBase, grant: RelationGrant, opened: TableSource) -> Result<Self> {
        let path = grant.path.clone();
        let governed = GovernedTable::new(Arc::clone(inside), grant, opened)?;
        let visible = governed.visible_schema();
        let (mut fields, mut places, mut plain) = (Vec::new(), Vec::new(), true);
        for column in &bound.columns {
            let data_type = parse_type(&column.data_type).map_err(QueryError::internal)?;
            let now = bound_at(&path, column).and_then(|at| path.table.body.columns.get(at));
            let place = now.and_then(|now| visible.index_of(&now.name).ok());
            let place = place.filter(|at| plain_type(visible.field(*at).data_type()) == data_type);
            let data_type = place.map_or(data_type, |at| visible.field(at).data_type().clone());
            let nullable = place.is_none_or(|at| visible.field(at).is_nullable());
            plain &= place.is_none_or(|at| *visible.field(at).name() == column.name);
            fields.push(Arc::new(Field::new(&column.name, data_type, nullable)));
            places.push(place);
        }
        Ok(Self {
            governed,
            schema: Arc::new(Schema::new(fields)),
            places,
            plain,
        })
    }

    /// The scan under the names of the view's time.
    fn renamed(&self, scan: Arc<dyn ExecutionPlan>, wanted: &[usize]) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let fields = wanted.iter().filter_map(|at| self.schema.fields().get(*at));
        let columns = fields.enumerate().map(|(at, field)| {
            let found = scan.schema().field(at).name().clone();
            ProjectionExpr {
                expr: Arc::new(expressions::Column::new(&found, at)),
                alias: field.name().clone(),
            }
        });
        let columns: Vec<ProjectionExpr> = columns.collect();
        Ok(Arc::new(ProjectionExec::try_new(columns, scan)?))
    }
}

impl fmt::Debug for BoundBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundBase")
            .field("governed", &self.governed)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for BoundBase {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> EngineResult<Vec<TableProviderFilterPushDown>> {
        if self.plain {
            return self.governed.supports_filters_pushdown(filters);
        }
        Ok(vec![TableProviderFilterPushDown::Unsupported; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.places.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let places = wanted.iter().map(|at| self.places.get(*at).copied().flatten());
        // INVARIANT: what the view needs and its reader may not see is no NULL: there is no such view.
        let places = places
            .collect::<Option<Vec<usize>>>()
            .ok_or_else(|| DataFusionError::Plan("a view reads a column that its reader may not see".to_owned()))?;
        let scan = self.governed.scan(state, Some(&places), filters, limit).await?;
        if self.plain {
            Ok(scan)
        } else {
            self.renamed(scan, wanted)
        }
    }
}
