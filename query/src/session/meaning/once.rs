//! How often is a key of ORDER BY computed that differs at each call, as `random()`? Once for each row: the engine computes keys
//! where it sorts, again where it merges sorted parts, and again where a window or an aggregate compares neighbours.
//!
//! The key becomes a column below, and the column is left out above.

use std::sync::Arc;

use datafusion::{
    common::{
        Column, Result,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr, expr_rewriter::NamePreserver},
    optimizer::AnalyzerRule,
};

/// Beginning of the names of such columns; no statement can write it.
const KEY: &str = "\u{1f}key";

/// Computes keys that change from call to call once for each row.
#[derive(Debug)]
pub(super) struct OneCall;

impl AnalyzerRule for OneCall {
    fn name(&self) -> &'static str {
        "one_call"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(once).map(|plan| plan.data)
    }
}

fn once(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut keys = Keys::default();
    match plan {
        LogicalPlan::Sort(mut sort) if sort.expr.iter().any(|key| key.expr.is_volatile()) => {
            keys.order(&mut sort.expr);
            let shown = columns(&sort.input);
            sort.input = keys.below(&sort.input)?;
            above(LogicalPlan::Sort(sort), shown)
        }
        LogicalPlan::Window(_) | LogicalPlan::Aggregate(_) => {
            let names = NamePreserver::new(&plan);
            let shown = columns(&plan);
            let rewritten = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let rewritten = expr.transform_up(|expr| Ok(keys.within(expr)))?;
                Ok(rewritten.update_data(|expr| name.restore(expr)))
            })?;
            if !rewritten.transformed {
                return Ok(rewritten);
            }
            let expressions = rewritten.data.expressions();
            let inputs = rewritten.data.inputs();
            let inputs = inputs
                .into_iter()
                .map(|input| keys.below(input).map(Arc::unwrap_or_clone));
            let inputs = inputs.collect::<Result<Vec<_>>>()?;
            above(rewritten.data.with_new_exprs(expressions, inputs)?, shown)
        }
        other => Ok(Transformed::no(other)),
    }
}

fn columns(plan: &LogicalPlan) -> Vec<Column> {
    plan.schema().columns()
}

/// The plan without the keys.
fn above(plan: LogicalPlan, shown: Vec<Column>) -> Result<Transformed<LogicalPlan>> {
    if plan.schema().fields().len() == shown.len() {
        return Ok(Transformed::yes(plan));
    }
    let shown = shown.into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(plan)
        .project(shown)?
        .build()
        .map(Transformed::yes)
}

/// What is to be computed below, with its name there.
#[derive(Default)]
struct Keys(Vec<Expr>);

impl Keys {
    /// The name of a key in the place of what differs from call to call.
    fn take(&mut self, expr: &mut Expr) {
        if expr.is_volatile() && !matches!(expr, Expr::Column(_)) {
            let name = format!("{KEY}{}", self.0.len());
            let key = std::mem::replace(expr, Expr::Column(Column::new_unqualified(&name)));
            self.0.push(key.alias(name));
        }
    }

    fn order(&mut self, order: &mut [SortExpr]) {
        order.iter_mut().for_each(|key| self.take(&mut key.expr));
    }

    /// The keys of a window, or of an aggregate that sees its rows in an order.
    fn within(&mut self, expr: Expr) -> Transformed<Expr> {
        let before = self.0.len();
        let expr = match expr {
            Expr::WindowFunction(mut function) => {
                function.params.partition_by.iter_mut().for_each(|key| self.take(key));
                self.order(&mut function.params.order_by);
                Expr::WindowFunction(function)
            }
            Expr::AggregateFunction(mut function) => {
                self.order(&mut function.params.order_by);
                Expr::AggregateFunction(function)
            }
            other => other,
        };
        Transformed::new_transformed(expr, self.0.len() > before)
    }

    /// The input, and the keys beside it.
    fn below(&self, input: &LogicalPlan) -> Result<Arc<LogicalPlan>> {
        let all = columns(input)
            .into_iter()
            .map(Expr::Column)
            .chain(self.0.iter().cloned());
        LogicalPlanBuilder::from(input.clone())
            .project(all)?
            .build()
            .map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use datafusion::{
        arrow::{array::Int64Array, datatypes::DataType},
        execution::SessionStateBuilder,
        logical_expr::{ColumnarValue, Volatility, create_udf},
        prelude::{SessionConfig, SessionContext},
    };

    use crate::session::{functions, rules};

    /// Rows of the table below.
    const ROWS: usize = 20_000;

    /// How often `calls()` is computed by a statement over a table `t (x)` in four parts.
    async fn calls(sql: &str) -> usize {
        let counter = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&counter);
        let state = rules::register(functions::register(SessionStateBuilder::new()))
            .with_config(SessionConfig::new().with_target_partitions(4))
            .build();
        let session = SessionContext::new_with_state(state);
        let compute = move |arguments: &[ColumnarValue]| {
            let ColumnarValue::Array(rows) = &arguments[0] else {
                panic!("no rows")
            };
            let first = counted.fetch_add(rows.len(), Ordering::SeqCst);
            let values = (0..rows.len()).map(|row| i64::try_from((first + row) * 7_919 % 10_007).unwrap());
            Ok(ColumnarValue::Array(Arc::new(Int64Array::from_iter_values(values))))
        };
        session.register_udf(create_udf(
            "calls",
            vec![DataType::Int64],
            DataType::Int64,
            Volatility::Volatile,
            Arc::new(compute),
        ));
        let table = session
            .sql(&format!("SELECT value AS x FROM range({ROWS}) r(value)"))
            .await
            .unwrap();
        let table = table
            .repartition(datafusion::logical_expr::Partitioning::RoundRobinBatch(4))
            .unwrap();
        session.register_table("t", table.into_view()).unwrap();
        session.sql(sql).await.unwrap().collect().await.unwrap();
        counter.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn a_key_is_computed_once_for_each_row() {
        for sql in [
            "SELECT x FROM t ORDER BY calls(x)",
            "SELECT x FROM t ORDER BY calls(x) LIMIT 7",
            "SELECT x, calls(x) AS c FROM t ORDER BY c, x",
            "SELECT x, rank() OVER (ORDER BY calls(x)) FROM t",
            "SELECT x, count(*) OVER (PARTITION BY calls(x)) FROM t",
            "SELECT first_value(x ORDER BY calls(x)) FROM t",
            "SELECT (SELECT max(y) FROM (SELECT x AS y FROM t ORDER BY calls(x) LIMIT 5) u)",
        ] {
            assert_eq!(calls(sql).await, ROWS, "{sql}");
        }
    }
}
