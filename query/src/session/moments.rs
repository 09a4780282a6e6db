//! With what is a timestamp compared? With dates and literals in its own unit or microseconds, not in the engine's nanoseconds,
//! which begin in 1677 and end in 2262: users keep 9999-12-31 as an open end.

use datafusion::{
    arrow::datatypes::{DataType, TimeUnit},
    common::{
        DFSchema, Result, ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::{
        Between, BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator, expr::InList,
        expr_rewriter::NamePreserver, utils::merge_schema,
    },
    optimizer::AnalyzerRule,
};

/// Casts what is compared with a timestamp, before the engine finds a common type.
#[derive(Debug)]
pub struct ComparedMoments;

impl AnalyzerRule for ComparedMoments {
    fn name(&self) -> &'static str {
        "compared_moments"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let rewritten = expr.transform_up(|expr| Ok(compared(expr, &schema)))?;
                Ok(rewritten.update_data(|expr| name.restore(expr)))
            })
        })
        .map(|plan| plan.data)
    }
}

fn compared(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
            let kinds = (left.get_type(schema), right.get_type(schema));
            let (Ok(first), Ok(second)) = kinds else {
                return Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }));
            };
            let left = Box::new(aligned(*left, &first, &second));
            let right = Box::new(aligned(*right, &second, &first));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::Between(between) => {
            let Ok(moment) = between.expr.get_type(schema) else {
                return Transformed::no(Expr::Between(between));
            };
            let bound = |bound: Box<Expr>| match bound.get_type(schema) {
                Ok(kind) => Box::new(aligned(*bound, &kind, &moment)),
                Err(_) => bound,
            };
            Transformed::yes(Expr::Between(Between {
                low: bound(between.low),
                high: bound(between.high),
                ..between
            }))
        }
        Expr::InList(list) => {
            let Ok(moment) = list.expr.get_type(schema) else {
                return Transformed::no(Expr::InList(list));
            };
            let item = |item: Expr| match item.get_type(schema) {
                Ok(kind) => aligned(item, &kind, &moment),
                Err(_) => item,
            };
            Transformed::yes(Expr::InList(InList {
                list: list.list.into_iter().map(item).collect(),
                ..list
            }))
        }
        other => Transformed::no(other),
    }
}

fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(
        operator,
        Eq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom | Lt | LtEq | NotEq
    )
}

/// `expr` of type `kind`, as it is compared with a value of type `moment`.
fn aligned(expr: Expr, kind: &DataType, moment: &DataType) -> Expr {
    let DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond, zone) = moment else {
        return expr;
    };
    let fits = match kind {
        DataType::Date32 => zone.is_none(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => has_microseconds(&expr),
        _ => false,
    };
    if fits {
        let target = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
        Expr::Cast(Cast::new(Box::new(expr), target))
    } else {
        expr
    }
}

/// A literal of no more than six digits after the second.
fn has_microseconds(expr: &Expr) -> bool {
    let Expr::Literal(
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
        _,
    ) = expr
    else {
        return false;
    };
    let fraction = text.rsplit_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().take_while(u8::is_ascii_digit).count() <= 6
}
