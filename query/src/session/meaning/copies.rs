//! Over which columns are the copies of a row numbered? Over all of the input, which only the plan knows.

use datafusion::{
    common::{
        Result, ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::{Expr, LogicalPlan, expr_rewriter::NamePreserver},
    optimizer::AnalyzerRule,
};

use crate::parse::meaning::ALL_COLUMNS;

/// Puts the input's columns in the place of the sign that stands for them.
#[derive(Debug)]
pub(super) struct NumberedCopies;

impl AnalyzerRule for NumberedCopies {
    fn name(&self) -> &'static str {
        "numbered_copies"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(numbered).map(|plan| plan.data)
    }
}

fn numbered(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Window(window) = &plan else {
        return Ok(Transformed::no(plan));
    };
    let columns: Vec<Expr> = window.input.schema().columns().into_iter().map(Expr::Column).collect();
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let rewritten = expr.transform_up(|expr| Ok(over_all(expr, &columns)))?;
        Ok(rewritten.update_data(|expr| name.restore(expr)))
    })
}

fn over_all(expr: Expr, columns: &[Expr]) -> Transformed<Expr> {
    match expr {
        Expr::WindowFunction(mut function) if function.params.partition_by.iter().any(is_sign) => {
            function.params.partition_by = columns.to_vec();
            Transformed::yes(Expr::WindowFunction(function))
        }
        other => Transformed::no(other),
    }
}

fn is_sign(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Utf8(Some(text)), _) if text == ALL_COLUMNS)
}
