//! What is the sum, difference, product or negative of numbers that does not fit its type? An error, as in PostgreSQL and
//! Trino; the engine's own wraps.
//!
//! After types are settled, every `+ - * /` and unary minus over integers or decimals whose result could leave its type
//! becomes a function that checks, and so does every sum, difference and product of decimals, which the function computes in
//! less time. It keeps the name of the operator's column. Dates, times and intervals are checked by
//! the engine; the arithmetic of row filters and masks is another one, where overflow is NULL.

mod operation;
mod quick;

use datafusion::{
    common::{
        DFSchema, Result,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, expr_rewriter::NamePreserver, utils::merge_schema},
    optimizer::AnalyzerRule,
};

pub(crate) use operation::operator_of;

use operation::Operation;

/// Replaces operators by functions that check.
#[derive(Debug)]
pub struct CheckedArithmetic;

impl AnalyzerRule for CheckedArithmetic {
    fn name(&self) -> &'static str {
        "checked_arithmetic"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(checked_node).map(|plan| plan.data)
    }
}

fn checked_node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let rewritten = expr.transform_up(|expr| checked(expr, &schema))?;
        Ok(rewritten.update_data(|expr| name.restore(expr)))
    })?
    .map_data(LogicalPlan::recompute_schema)
}

fn checked(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            match Operation::binary(op, &left.get_type(schema)?, &right.get_type(schema)?) {
                Some(operation) => Ok(Transformed::yes(operation.call(vec![*left, *right]))),
                None => Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }))),
            }
        }
        Expr::Negative(inner) if inner.get_type(schema)?.is_signed_integer() => {
            Ok(Transformed::yes(Operation::Negate.call(vec![*inner])))
        }
        other => Ok(Transformed::no(other)),
    }
}

#[cfg(test)]
mod tests;
