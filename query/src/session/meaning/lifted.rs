//! Where are subqueries computed that stand in an aggregate or a sort key? In a projection below, which the engine can join.

use datafusion::{
    common::{
        Column, Result,
        tree_node::{Transformed, TreeNode, TreeNodeRecursion},
    },
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, expr_rewriter::NamePreserver},
};

/// A plan whose subqueries are columns, and the projection that makes them.
pub(super) struct Lifted {
    plan: LogicalPlan,
    exprs: Vec<Expr>,
    pub(super) projection: LogicalPlan,
}

/// Lifts the subqueries out, if there are any.
pub(super) fn lift(plan: &LogicalPlan, name: &dyn Fn() -> String) -> Result<Option<Lifted>> {
    if !matches!(plan, LogicalPlan::Aggregate(_) | LogicalPlan::Sort(_)) {
        return Ok(None);
    }
    let names = NamePreserver::new(plan);
    let mut lifted = Vec::new();
    let exprs: Vec<Expr> = plan
        .expressions()
        .into_iter()
        .map(|expr| {
            let saved = names.save(&expr);
            let rewritten = expr.transform_down(|expr| {
                if !is_subquery(&expr) {
                    return Ok(Transformed::no(expr));
                }
                let name = name();
                lifted.push(expr.alias(&name));
                let column = Expr::Column(Column::new_unqualified(name));
                Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
            })?;
            Ok(match plan {
                LogicalPlan::Aggregate(_) => saved.restore(rewritten.data),
                _ => rewritten.data,
            })
        })
        .collect::<Result<_>>()?;
    let [input] = plan.inputs()[..] else { return Ok(None) };
    if lifted.is_empty() {
        return Ok(None);
    }
    let columns = input.schema().columns().into_iter().map(Expr::Column);
    let projection = LogicalPlanBuilder::from(input.clone())
        .project(columns.chain(lifted))?
        .build()?;
    Ok(Some(Lifted {
        plan: plan.clone(),
        exprs,
        projection,
    }))
}

impl Lifted {
    /// The plan over the projection, with the columns that it had.
    pub(super) fn over(self, projection: LogicalPlan) -> Result<LogicalPlan> {
        let columns = self.plan.schema().columns();
        let is_sort = matches!(self.plan, LogicalPlan::Sort(_));
        let plan = self.plan.with_new_exprs(self.exprs, vec![projection])?;
        if !is_sort {
            return Ok(plan);
        }
        LogicalPlanBuilder::from(plan)
            .project(columns.into_iter().map(Expr::Column))?
            .build()
    }
}

fn is_subquery(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)
    )
}
