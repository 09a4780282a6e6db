//! What is computed where a double meets a decimal? Doubles, as in PostgreSQL and Trino; the engine makes decimals of both,
//! which cannot hold NaN, infinities or large numbers.

use datafusion::{
    arrow::datatypes::DataType,
    common::{DFSchema, Result, tree_node::Transformed},
    logical_expr::{
        Case, Cast, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Union,
        expr::{BinaryExpr, InList, ScalarFunction},
    },
};

/// Makes doubles of decimals that stand beside doubles.
pub(super) fn beside_floats(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op != Operator::And && op != Operator::Or => {
            let ([left, right], changed) = alike([*left, *right], schema)?;
            let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)));
            Ok(Transformed::new_transformed(expr, changed))
        }
        Expr::Between(mut between) => {
            let operands = [*between.expr, *between.low, *between.high];
            let ([expr, low, high], changed) = alike(operands, schema)?;
            (between.expr, between.low, between.high) = (Box::new(expr), Box::new(low), Box::new(high));
            Ok(Transformed::new_transformed(Expr::Between(between), changed))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let (mut all, changed) = doubles(std::iter::once(*expr).chain(list).collect(), schema)?;
            let expr = Box::new(all.remove(0));
            let list = InList {
                expr,
                list: all,
                negated,
            };
            Ok(Transformed::new_transformed(Expr::InList(list), changed))
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let (args, changed) = doubles(args, schema)?;
            let function = ScalarFunction::new_udf(func, args);
            Ok(Transformed::new_transformed(Expr::ScalarFunction(function), changed))
        }
        Expr::Case(case) => branches(case, schema),
        other => Ok(Transformed::no(other)),
    }
}

fn branches(case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (conditions, mut results): (Vec<_>, Vec<_>) = case
        .when_then_expr
        .into_iter()
        .map(|(when, then)| (when, *then))
        .unzip();
    let has_else = case.else_expr.is_some();
    results.extend(case.else_expr.map(|expr| *expr));
    let (mut results, changed) = doubles(results, schema)?;
    let else_expr = if has_else { results.pop().map(Box::new) } else { None };
    let when_then_expr = conditions.into_iter().zip(results.into_iter().map(Box::new)).collect();
    let case = Case {
        expr: case.expr,
        when_then_expr,
        else_expr,
    };
    Ok(Transformed::new_transformed(Expr::Case(case), changed))
}

/// The same for the columns of a union.
pub(super) fn united(union: &Union) -> Result<Option<LogicalPlan>> {
    let mixed: Vec<bool> = (0..union.schema.fields().len())
        .map(|column| {
            let mut types = union
                .inputs
                .iter()
                .filter_map(|input| input.schema().fields().get(column))
                .map(|field| field.data_type());
            types.clone().any(DataType::is_floating) && types.any(is_decimal)
        })
        .collect();
    if !mixed.contains(&true) {
        return Ok(None);
    }
    let mut inputs = Vec::with_capacity(union.inputs.len());
    for input in &union.inputs {
        let columns = input.schema().iter().zip(&mixed).map(|((table, field), mixed)| {
            let column = Expr::Column((table, field).into());
            if *mixed && is_decimal(field.data_type()) {
                double(column).alias_qualified(table.cloned(), field.name())
            } else {
                column
            }
        });
        inputs.push(
            LogicalPlanBuilder::from(input.as_ref().clone())
                .project(columns)?
                .build()?,
        );
    }
    let mut inputs = inputs.into_iter();
    let Some(first) = inputs.next() else { return Ok(None) };
    let mut plan = LogicalPlanBuilder::from(first);
    for input in inputs {
        plan = plan.union(input)?;
    }
    plan.build().map(Some)
}

fn alike<const N: usize>(exprs: [Expr; N], schema: &DFSchema) -> Result<([Expr; N], bool)> {
    let (exprs, changed) = doubles(exprs.into(), schema)?;
    match exprs.try_into() {
        Ok(exprs) => Ok((exprs, changed)),
        Err(_) => datafusion::common::internal_err!("operands were lost"),
    }
}

fn doubles(exprs: Vec<Expr>, schema: &DFSchema) -> Result<(Vec<Expr>, bool)> {
    let types: Vec<DataType> = exprs.iter().map(|expr| expr.get_type(schema)).collect::<Result<_>>()?;
    if !types.iter().any(DataType::is_floating) || !types.iter().any(is_decimal) {
        return Ok((exprs, false));
    }
    let alike = exprs.into_iter().zip(types).map(
        |(expr, data_type)| {
            if is_decimal(&data_type) { double(expr) } else { expr }
        },
    );
    Ok((alike.collect(), true))
}

fn double(expr: Expr) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), DataType::Float64))
}

fn is_decimal(data_type: &DataType) -> bool {
    data_type.is_decimal()
}
