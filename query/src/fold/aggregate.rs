//! Which aggregates over a scan does its source compute? Those of whole columns, and sums of exact arithmetic.

use datafusion::{
    arrow::datatypes::DataType,
    catalog::Session,
    common::Result,
    logical_expr::{Aggregate as AggregateNode, Expr, LogicalPlan, TableScan, expr::AggregateFunction as Call},
};
use lakegate_connectors::scan::{Aggregate, AggregateFunction, ColumnRef, Operand};

use super::{
    at_source,
    chain::{arrow, name_in, over_scan, scan_below, shown, unaliased},
    operand::decimal,
};
use crate::govern::folded::{Shape, Wanted};

/// What takes the place of an aggregate.
pub(super) async fn folded(aggregate: &AggregateNode, session: &dyn Session) -> Result<Option<LogicalPlan>> {
    let Some((scan, wanted)) = scan_below(&aggregate.input).and_then(|scan| Some((scan, wanted(aggregate, scan)?)))
    else {
        return Ok(None);
    };
    at_source(scan, session, wanted, &aggregate.schema).await
}

fn wanted<'a>(aggregate: &AggregateNode, scan: &'a TableScan) -> Option<Wanted<'a>> {
    let input = aggregate.input.as_ref();
    let meant = |expr: &Expr| over_scan(&unaliased(expr.clone()), input);
    let keys = aggregate
        .group_expr
        .iter()
        .map(|key| name_in(&meant(key)?, scan).map(str::to_owned))
        .collect::<Option<Vec<_>>>()?;
    let mut aggregates = Vec::new();
    let fields = aggregate.schema.fields().iter().skip(keys.len());
    for (expr, field) in aggregate.aggr_expr.iter().zip(fields) {
        let Expr::AggregateFunction(call) = unaliased(expr.clone()) else {
            return None;
        };
        aggregates.push(one(&call, input, scan, field.data_type())?);
    }
    // A grouping set has more columns than expressions.
    if aggregate.schema.fields().len() != keys.len() + aggregates.len() {
        return None;
    }
    let computed: Vec<String> = aggregate.aggr_expr.iter().map(shown).collect();
    Some(Wanted {
        filters: &scan.filters,
        schema: arrow(&aggregate.schema),
        shown: told(&keys, &computed),
        shape: Shape::Groups { keys, aggregates },
    })
}

/// `, groups=[a], aggregates=[sum(b)]`.
fn told(keys: &[String], computed: &[String]) -> String {
    let mut text = String::new();
    if !keys.is_empty() {
        text.push_str(&format!(", groups=[{}]", keys.join(", ")));
    }
    if !computed.is_empty() {
        text.push_str(&format!(", aggregates=[{}]", computed.join(", ")));
    }
    text
}

fn one(call: &Call, input: &LogicalPlan, scan: &TableScan, result: &DataType) -> Option<Aggregate> {
    let function = match call.func.name() {
        "count" => AggregateFunction::Count,
        "max" => AggregateFunction::Max,
        "min" => AggregateFunction::Min,
        "sum" => AggregateFunction::Sum,
        _ => return None,
    };
    let of = &call.params;
    if of.distinct || of.filter.is_some() || !of.order_by.is_empty() || of.null_treatment.is_some() {
        return None;
    }
    let [argument] = of.args.as_slice() else { return None };
    let argument = over_scan(argument, input)?;
    let argument = match (function, &argument) {
        // `count(*)` is the count of a constant.
        (AggregateFunction::Count, Expr::Literal(value, _)) if !value.is_null() => None,
        (AggregateFunction::Sum, _) => Some(summed(&argument, scan, result)?),
        _ => Some(column(&argument, scan)?),
    };
    Some(Aggregate { function, argument })
}

fn column(expr: &Expr, scan: &TableScan) -> Option<Operand> {
    name_in(expr, scan).map(|name| Operand::Column(ColumnRef::of(name)))
}

/// Integers are widened before they are summed: the sum is the same.
fn summed(expr: &Expr, scan: &TableScan, result: &DataType) -> Option<Operand> {
    if result.is_decimal() {
        return decimal(expr, scan);
    }
    if *result != DataType::Int64 {
        return None;
    }
    let widened = match expr {
        Expr::Cast(cast) if *cast.field.data_type() == DataType::Int64 => cast.expr.as_ref(),
        other => other,
    };
    let operand = column(widened, scan)?;
    let Expr::Column(named) = widened else { return None };
    let at = scan.projected_schema.maybe_index_of_column(named)?;
    matches!(
        scan.projected_schema.field(at).data_type(),
        DataType::Int16 | DataType::Int32 | DataType::Int64
    )
    .then_some(operand)
}
