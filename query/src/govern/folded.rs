//! May a source group or order the rows of a governed relation? Only rows, and only columns, of which nothing is hidden.
//!
//! governance.md §6: what runs at the source is the policy first, and then what the user asked for. Where a decision hides rows or
//! cells, grouping stays above the barrier: here the source sees the same table as the caller, or it is not asked.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{FieldRef, SchemaRef},
    catalog::Session,
    logical_expr::Expr,
    physical_optimizer::{PhysicalOptimizerRule, ensure_coop::EnsureCooperative},
    physical_plan::ExecutionPlan,
};
use lakegate_connectors::{
    capability::Pushdown,
    predicate::Predicate,
    scan::{Aggregate, ColumnRef, Operand, OutputColumn, OutputValue, SortKey},
};

use super::{
    figure::Figure,
    leakproof::ClearColumns,
    policy_filter::PolicyFilterExec,
    scan_exec::{GovernedScanExec, Seen},
    table::{GovernedTable, TableSource, unqualified},
};
use crate::{
    error::{QueryError, Result},
    federate::{
        fold::Fold,
        scan_exec::{ConnectorScan, plan_scan},
    },
};

/// What is wanted, by visible names.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'a> {
    /// The conditions of the scan.
    pub filters: &'a [Expr],
    pub shape: Shape,
    /// What comes back: of groups, the keys and then the aggregates; of an order, the columns.
    pub schema: SchemaRef,
    /// How plans show it.
    pub shown: String,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Groups {
        keys: Vec<String>,
        /// Arguments name visible columns.
        aggregates: Vec<Aggregate>,
    },
    First {
        order: Vec<SortKey>,
        rows: u64,
    },
}

impl GovernedTable {
    /// The scan of what the source makes of the rows; `None` where it does not, or may not: nothing is lost, the engine does it.
    ///
    /// # Errors
    /// Those of the source, in our words.
    pub(crate) async fn folded(
        &self,
        session: &dyn Session,
        wanted: Wanted<'_>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        self.cx.check()?;
        let Some(scan) = self.folded_scan(session, &wanted) else {
            return Ok(None);
        };
        if !scan.is_taken().await {
            return Ok(None);
        }
        if self.hides() {
            self.cx.meter.set_restricted();
        }
        let figure = Figure::of(scan.spec.statistics.rows);
        let source = plan_scan(scan).await?;
        let seen = self.folded_seen(session, &wanted, figure);
        let columns = (0..source.schema().fields().len()).collect();
        let filter = PolicyFilterExec::new(
            self.mark(),
            (None, None),
            source,
            columns,
            session.config().batch_size(),
        )
        .map_err(QueryError::internal)?;
        let inner = EnsureCooperative::new()
            .optimize(Arc::new(filter), session.config_options())
            .map_err(QueryError::internal)?;
        Ok(Some(Arc::new(GovernedScanExec::new(
            seen,
            self.mark(),
            wanted.schema,
            inner,
        ))))
    }

    fn folded_seen(&self, session: &dyn Session, wanted: &Wanted<'_>, figure: Figure) -> Seen {
        let limit = match &wanted.shape {
            Shape::Groups { keys, .. } => keys.is_empty().then_some(1),
            Shape::First { rows, .. } => usize::try_from(*rows).ok(),
        };
        let filters = wanted.filters.iter().map(|filter| unqualified(filter).to_string());
        let partitions = session.config().target_partitions();
        Seen {
            cx: Arc::clone(&self.cx),
            relation: self.grant.name(),
            filters: filters.collect(),
            fold: wanted.shown.clone(),
            partitions: if self.hides() { partitions } else { 1 },
            restricted: self.scope.restricted,
            figure: figure.asked(!wanted.filters.is_empty(), limit),
            // What a join leaves out would be missing in the groups.
            keys: Vec::new(),
        }
    }

    /// INVARIANT: no row and no cell that it reads is hidden, and every condition is one that the source may be told.
    fn folded_scan(&self, session: &dyn Session, wanted: &Wanted<'_>) -> Option<ConnectorScan> {
        let TableSource::Connector {
            connector,
            connection,
            spec,
        } = &self.source
        else {
            return None;
        };
        if self.scope.predicate.is_some() || !matches!(self.scope.guard, Predicate::True) {
            return None;
        }
        let can = &spec.capabilities;
        let filters = wanted.filters.iter().map(|filter| self.leakproof(filter));
        let fold = match &wanted.shape {
            Shape::Groups { keys, aggregates } if !can.aggregate.0.is_empty() => {
                self.groups(keys, aggregates, &wanted.schema)?
            }
            Shape::First { order, rows } if can.top_n == Pushdown::Exact => self.first(order, *rows, &wanted.schema)?,
            _ => return None,
        };
        Some(ConnectorScan {
            cx: Arc::clone(&self.cx),
            place: self.place(),
            connector: Arc::clone(connector),
            connection: Arc::clone(connection),
            spec: Arc::clone(spec),
            columns: Vec::new(),
            guard: Predicate::True,
            filters: filters.collect::<Option<_>>()?,
            takes_keys: false,
            limit: None,
            target_partitions: 1,
            batch_size: session.config().batch_size(),
            fold: Some(Arc::new(fold)),
        })
    }

    fn groups(&self, keys: &[String], aggregates: &[Aggregate], schema: &SchemaRef) -> Option<Fold> {
        let keys = keys
            .iter()
            .map(|key| self.raw_reference(key))
            .collect::<Option<Vec<_>>>()?;
        let aggregates = aggregates
            .iter()
            .map(|aggregate| {
                let argument = match &aggregate.argument {
                    Some(argument) => Some(self.raw_operand(argument)?),
                    None => None,
                };
                let function = aggregate.function;
                Some(Aggregate { function, argument })
            })
            .collect::<Option<Vec<_>>>()?;
        let columns = keys.iter().cloned().map(OutputValue::Column);
        let values = columns.chain((0..aggregates.len()).map(OutputValue::Aggregate));
        Some(Fold {
            output: outputs(values.collect(), schema)?,
            group_by: keys,
            aggregates,
            ..Fold::default()
        })
    }

    fn first(&self, order: &[SortKey], rows: u64, schema: &SchemaRef) -> Option<Fold> {
        let names = schema.fields().iter().map(|field| field.name());
        let columns = names.map(|name| self.raw_reference(name).map(OutputValue::Column));
        let keys = order.iter().map(|key| {
            Some(SortKey {
                column: self.raw_reference(key.column.column.as_str())?,
                ..*key
            })
        });
        Some(Fold {
            order: keys.collect::<Option<_>>()?,
            limit: Some(rows),
            output: outputs(columns.collect::<Option<_>>()?, schema)?,
            ..Fold::default()
        })
    }

    /// A column that is clear on every row, as the source spells it.
    fn raw_reference(&self, visible: &str) -> Option<ColumnRef> {
        self.scope.clear(visible).map(|(raw, _)| ColumnRef::of(raw))
    }

    fn raw_operand(&self, operand: &Operand) -> Option<Operand> {
        Some(match operand {
            Operand::Column(column) => Operand::Column(self.raw_reference(column.column.as_str())?),
            Operand::Value(value) => Operand::Value(value.clone()),
            Operand::Arithmetic { operator, left, right } => Operand::Arithmetic {
                operator: *operator,
                left: Box::new(self.raw_operand(left)?),
                right: Box::new(self.raw_operand(right)?),
            },
        })
    }
}

/// The columns that come back, in types and nullability of the engine.
fn outputs(values: Vec<OutputValue>, schema: &SchemaRef) -> Option<Vec<OutputColumn>> {
    if values.len() != schema.fields().len() || values.is_empty() {
        return None;
    }
    let columns = values.into_iter().zip(schema.fields()).enumerate();
    let column = |(at, (value, field)): (usize, (OutputValue, &FieldRef))| OutputColumn {
        // Two visible columns may have one name where their qualifiers differ.
        name: format!("v{at}"),
        value,
        data_type: field.data_type().clone(),
        nullable: field.is_nullable(),
    };
    Some(columns.map(column).collect())
}
