//! Which operations depend on types that only the plan knows, and mean something else to the engine?
//!
//! * A date and an interval with hours make a timestamp (as in PostgreSQL); the engine's date drops the hours.
//! * A cast to a whole number rounds half away from zero (as in Trino); the engine's cuts off.
//! * A decimal beside a double is a double (`floats`).
//! * A window RANGE with an offset needs numbers or times; the engine takes text and gives rubbish.

use datafusion::{
    arrow::datatypes::{DataType, TimeUnit},
    common::{
        DFSchema, DataFusionError, Result, ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    functions::math::expr_fn::round,
    functions_nested::expr_fn::array_reverse,
    logical_expr::{
        BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator, TryCast, WindowFrameBound, WindowFrameUnits,
        expr::{ScalarFunction, WindowFunction},
        expr_rewriter::NamePreserver,
        utils::merge_schema,
    },
    optimizer::AnalyzerRule,
};

use super::floats::{beside_floats, united};
use crate::error::{ErrorCode, QueryError};

/// Gives typed operations their standard meaning.
#[derive(Debug)]
pub(super) struct StandardTypes;

impl AnalyzerRule for StandardTypes {
    fn name(&self) -> &'static str {
        "standard_types"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(node).map(|plan| plan.data)
    }
}

fn node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if let LogicalPlan::Union(union) = &plan
        && let Some(alike) = united(union)?
    {
        return Ok(Transformed::yes(alike));
    }
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let rewritten = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let rewritten = expr.transform_up(|expr| typed(expr, &schema))?;
        Ok(rewritten.update_data(|expr| name.restore(expr)))
    })?;
    if !rewritten.transformed {
        return Ok(rewritten);
    }
    rewritten.map_data(LogicalPlan::recompute_schema)
}

fn typed(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    beside_floats(expr, schema)?.transform_data(|expr| meant(expr, schema))
}

fn meant(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::Plus | Operator::Minus),
            right,
        }) => shifted(*left, op, *right, schema),
        Expr::Cast(Cast { expr, field }) => {
            let (expr, rounded) = whole(*expr, field.data_type(), schema)?;
            Ok(Transformed::new_transformed(
                Expr::Cast(Cast {
                    expr: Box::new(expr),
                    field,
                }),
                rounded,
            ))
        }
        Expr::TryCast(TryCast { expr, field }) => {
            let (expr, rounded) = whole(*expr, field.data_type(), schema)?;
            Ok(Transformed::new_transformed(
                Expr::TryCast(TryCast {
                    expr: Box::new(expr),
                    field,
                }),
                rounded,
            ))
        }
        Expr::WindowFunction(function) => {
            check_range(&function, schema)?;
            Ok(Transformed::no(Expr::WindowFunction(function)))
        }
        Expr::ScalarFunction(function) => reversed(function, schema),
        other => Ok(Transformed::no(other)),
    }
}

/// `date ± interval`.
fn shifted(left: Expr, op: Operator, right: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let moment = |date: Expr| {
        Expr::Cast(Cast::new(
            Box::new(date),
            DataType::Timestamp(TimeUnit::Microsecond, None),
        ))
    };
    let is_date = |expr: &Expr| Ok::<bool, DataFusionError>(expr.get_type(schema)? == DataType::Date32);
    let (left, right, rewritten) = if has_hours(&right) && is_date(&left)? {
        (moment(left), right, true)
    } else if has_hours(&left) && op == Operator::Plus && is_date(&right)? {
        (left, moment(right), true)
    } else {
        (left, right, false)
    };
    let sum = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)));
    Ok(Transformed::new_transformed(sum, rewritten))
}

fn has_hours(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => interval.nanoseconds != 0,
        Expr::Literal(ScalarValue::IntervalDayTime(Some(interval)), _) => interval.milliseconds != 0,
        Expr::Negative(inner) | Expr::Cast(Cast { expr: inner, .. }) => has_hours(inner),
        _ => false,
    }
}

/// What a cast to an integer reads: the number rounded.
fn whole(expr: Expr, target: &DataType, schema: &DFSchema) -> Result<(Expr, bool)> {
    if !target.is_integer() {
        return Ok((expr, false));
    }
    let rounded = match expr.get_type(schema)? {
        source if source.is_floating() => round(vec![expr]),
        DataType::Decimal128(precision, scale) if scale > 0 => {
            Expr::Cast(Cast::new(Box::new(expr), DataType::Decimal128(precision, 0)))
        }
        DataType::Decimal256(precision, scale) if scale > 0 => {
            Expr::Cast(Cast::new(Box::new(expr), DataType::Decimal256(precision, 0)))
        }
        _ => return Ok((expr, false)),
    };
    Ok((rounded, true))
}

fn check_range(function: &WindowFunction, schema: &DFSchema) -> Result<()> {
    let frame = &function.params.window_frame;
    let has_offset = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => false,
        WindowFrameBound::Preceding(offset) | WindowFrameBound::Following(offset) => !offset.is_null(),
    };
    if frame.units != WindowFrameUnits::Range || !(has_offset(&frame.start_bound) || has_offset(&frame.end_bound)) {
        return Ok(());
    }
    for key in &function.params.order_by {
        let data_type = key.expr.get_type(schema)?;
        if !data_type.is_numeric() && !data_type.is_temporal() && data_type != DataType::Null {
            return Err(DataFusionError::External(Box::new(QueryError::new(
                ErrorCode::TypeMismatch,
                "RANGE with an offset needs an ORDER BY of numbers or times; cast the key, or use ROWS",
            ))));
        }
    }
    Ok(())
}

/// `reverse` of an array is an array; the engine's is a text.
fn reversed(function: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let ("reverse", [array]) = (function.func.name(), function.args.as_slice())
        && array.get_type(schema)?.is_list()
    {
        return Ok(Transformed::yes(array_reverse(array.clone())));
    }
    Ok(Transformed::no(Expr::ScalarFunction(function)))
}
