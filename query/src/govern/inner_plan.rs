//! What runs behind the barrier? Source, policy filter, cells and limit; built here and by no rule of the engine.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::SchemaRef,
    catalog::Session,
    common::DFSchema,
    error::{DataFusionError, Result},
    logical_expr::{
        Expr, Operator, execution_props::ExecutionProps, physical_planning_context::PhysicalPlanningContext,
    },
    physical_expr::{PhysicalExpr, create_physical_expr},
    physical_optimizer::{PhysicalOptimizerRule, ensure_coop::EnsureCooperative},
    physical_plan::{
        ExecutionPlan,
        limit::LocalLimitExec,
        projection::{ProjectionExec, ProjectionExpr},
    },
};
use lakegate_connectors::predicate::Predicate;

use super::{
    policy_filter::{Mark, PolicyFilterExec},
    quick::quick,
    row_filter::binary,
    scope::{Scope, VisibleColumn},
    source_predicate::expression,
};

/// One scan, before its source is known.
pub(super) struct InnerPlan<'a> {
    pub(super) scope: &'a Scope,
    pub(super) mark: Mark,
    pub(super) raw: &'a SchemaRef,
    /// Wanted visible columns.
    pub(super) columns: Vec<&'a VisibleColumn>,
    /// Leakproof conditions of the user, by raw names.
    pub(super) filters: &'a [Predicate],
    pub(super) limit: Option<usize>,
}

impl InnerPlan<'_> {
    /// The raw columns that the policy, the user's conditions and the cells read, in the order of the source.
    pub(super) fn needed(&self) -> Vec<usize> {
        let mut names: Vec<&str> = self
            .filters
            .iter()
            .flat_map(Predicate::columns)
            .map(|column| column.column.as_str())
            .collect();
        let cells = self.columns.iter().map(|column| &column.cell);
        for expr in self.scope.predicate.iter().chain(cells) {
            names.extend(expr.column_refs().into_iter().map(|column| column.name.as_str()));
        }
        let fields = self.raw.fields().iter().enumerate();
        fields
            .filter(|(_, field)| names.contains(&field.name().as_str()))
            .map(|(at, _)| at)
            .collect()
    }

    /// `source` yields the needed raw columns under their names.
    pub(super) fn over(&self, source: Arc<dyn ExecutionPlan>, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let input = source.schema();
        let policy = self
            .scope
            .predicate
            .as_ref()
            .map(|predicate| quick(physical(predicate, &input)?, &input))
            .transpose()?;
        let user = self
            .user(&input)?
            .map(|condition| quick(physical(&condition, &input)?, &input))
            .transpose()?;
        let batch_size = session.config().batch_size();
        let filter = Arc::new(PolicyFilterExec::new(
            self.mark.clone(),
            (policy, user),
            source,
            self.shown(&input),
            batch_size,
        )?);
        let input = filter.schema();
        let cells = self
            .columns
            .iter()
            .map(|column| {
                Ok(ProjectionExpr {
                    expr: physical(&column.cell, &input)?,
                    alias: column.field.name().clone(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let mut plan: Arc<dyn ExecutionPlan> = Arc::new(ProjectionExec::try_new(cells, filter)?);
        if let Some(limit) = self.limit {
            plan = Arc::new(LocalLimitExec::new(plan, limit));
        }
        EnsureCooperative::new().optimize(plan, session.config_options())
    }

    /// The columns of the source that cells read.
    fn shown(&self, input: &SchemaRef) -> Vec<usize> {
        let cells = || self.columns.iter().flat_map(|column| column.cell.column_refs());
        let fields = input.fields().iter().enumerate();
        let read = |name: &str| cells().any(|column| column.name == name);
        fields
            .filter(|(_, field)| read(field.name()))
            .map(|(at, _)| at)
            .collect()
    }

    /// What was promised as exact is applied, or nothing runs.
    fn user(&self, input: &SchemaRef) -> Result<Option<Expr>> {
        let lost = || DataFusionError::Internal("a leakproof condition has no expression".to_owned());
        let conditions: Vec<Expr> = self
            .filters
            .iter()
            .map(|filter| expression(filter, input).ok_or_else(lost))
            .collect::<Result<_>>()?;
        Ok(conditions
            .into_iter()
            .reduce(|left, right| binary(left, Operator::And, right)))
    }
}

/// Without simplification or coercion: the expression was built in its final types.
pub(super) fn physical(expr: &Expr, schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>> {
    let named = DFSchema::try_from(Arc::clone(schema))?;
    let mut props = ExecutionProps::new();
    props.mark_start_execution(Arc::new(datafusion::config::ConfigOptions::default()));
    create_physical_expr(expr, &named, &props, &PhysicalPlanningContext::default())
}
