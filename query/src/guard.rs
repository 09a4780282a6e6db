//! Does a condition protect what stands after it? `x <> 0 AND 10 / x > 1` divides in no row where `x` is 0, `x = 0 OR 10 / x > 1` neither.
//!
//! The engine computes both sides of AND and OR for all rows of a batch, and puts terms in another order. Where the right side can
//! fail it is computed for the open rows only; of the terms of a filter those that cannot fail come first. Plans without such a
//! side stay as they are.

mod can_fail;
mod guarded;

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{Schema, SchemaRef},
    common::{
        Result,
        tree_node::{Transformed, TransformedResult, TreeNode},
    },
    logical_expr::Operator,
    physical_expr::{PhysicalExpr, expressions::BinaryExpr, utils::split_conjunction},
    physical_plan::{
        ExecutionPlan,
        filter::{FilterExec, FilterExecBuilder},
        joins::{HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, utils::JoinFilter},
        projection::{ProjectionExec, ProjectionExpr},
    },
};

use self::{
    can_fail::{Risk, can_fail, risk},
    guarded::Guarded,
};

/// Guards what can fail in the plan's conditions and columns.
///
/// # Errors
/// When a node cannot be rebuilt.
pub fn guarded(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(node).data()
}

fn node(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let rebuilt: Option<Arc<dyn ExecutionPlan>> = if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        match condition(filter.predicate(), &filter.input().schema())? {
            Some(predicate) => Some(Arc::new(
                FilterExecBuilder::from(filter).with_predicate(predicate).build()?,
            )),
            None => None,
        }
    } else if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        columns(projection)?
    } else if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        match join_condition(join.filter())? {
            Some(filter) => Some(join.builder().with_filter(Some(filter)).build_exec()?),
            None => None,
        }
    } else if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
        match join_condition(join.filter())? {
            Some(filter) => {
                let builder = NestedLoopJoinExecBuilder::from(join).with_filter(Some(filter));
                Some(Arc::new(builder.build()?))
            }
            None => None,
        }
    } else {
        None
    };
    Ok(match rebuilt {
        Some(rebuilt) => Transformed::yes(rebuilt),
        None => Transformed::no(plan),
    })
}

fn columns(projection: &ProjectionExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let schema = projection.input().schema();
    let mut changed = false;
    let mut columns = Vec::with_capacity(projection.expr().len());
    for column in projection.expr() {
        let expr = sides(Arc::clone(&column.expr), &schema)?;
        changed |= expr.transformed;
        columns.push(ProjectionExpr {
            expr: expr.data,
            alias: column.alias.clone(),
        });
    }
    if !changed {
        return Ok(None);
    }
    let input = Arc::clone(projection.input());
    let rebuilt = ProjectionExec::try_new_with_schema_metadata(columns, input, &projection.schema())?;
    Ok(Some(Arc::new(rebuilt)))
}

fn join_condition(filter: Option<&JoinFilter>) -> Result<Option<JoinFilter>> {
    let Some(filter) = filter else { return Ok(None) };
    let rebuilt = condition(filter.expression(), filter.schema())?;
    Ok(rebuilt.map(|expr| JoinFilter::new(expr, filter.column_indices().to_vec(), Arc::clone(filter.schema()))))
}

/// A condition of which NULL and false are the same: its terms may change places. None if it may stay as it is.
fn condition(predicate: &Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    if !can_fail(predicate, schema) {
        return Ok(None);
    }
    let mut changed = false;
    let (mut sure, mut arithmetic, mut risky) = (Vec::new(), Vec::new(), Vec::new());
    for term in split_conjunction(predicate) {
        let term = sides(Arc::clone(term), schema)?;
        changed |= term.transformed;
        let place = match risk(&term.data, schema) {
            Risk::Never => &mut sure,
            Risk::Overflow => &mut arithmetic,
            Risk::Likely => &mut risky,
        };
        place.push(term.data);
    }
    if !changed && sure.len() + arithmetic.len() + risky.len() == 1 {
        return Ok(None);
    }
    let plain = |left, right| Arc::new(BinaryExpr::new(left, Operator::And, right)) as Arc<dyn PhysicalExpr>;
    let guard = |left, right| Arc::new(Guarded::filter(left, right)) as Arc<dyn PhysicalExpr>;
    let sure = sure.into_iter().reduce(plain);
    Ok(sure.into_iter().chain(arithmetic).chain(risky).reduce(guard))
}

/// The expression with a guard at every AND and OR whose right side can fail.
fn sides(expr: Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    expr.transform_up(|expr| {
        let guarded = match expr.downcast_ref::<BinaryExpr>() {
            Some(binary) if matches!(binary.op(), Operator::And | Operator::Or) && can_fail(binary.right(), schema) => {
                Guarded::new(Arc::clone(binary.left()), *binary.op(), Arc::clone(binary.right()))
            }
            _ => return Ok(Transformed::no(expr)),
        };
        Ok(Transformed::yes(Arc::new(guarded) as Arc<dyn PhysicalExpr>))
    })
}

#[cfg(test)]
mod tests {
    use datafusion::{
        arrow::{
            array::{Array, RecordBatch, StringArray, new_null_array},
            datatypes::{DataType, Field},
        },
        common::ScalarValue,
        physical_expr::expressions::{binary, cast, col, lit},
        physical_plan::empty::EmptyExec,
    };

    use super::*;

    type Side = Arc<dyn PhysicalExpr>;

    fn schema() -> SchemaRef {
        let decimal = DataType::Decimal128(15, 2);
        Arc::new(Schema::new(vec![
            Field::new("x", DataType::Int64, true),
            Field::new("s", DataType::Utf8, true),
            Field::new("price", decimal, true),
            Field::new("day", DataType::Date32, true),
        ]))
    }

    fn filter(predicate: Side) -> Arc<dyn ExecutionPlan> {
        Arc::new(FilterExec::try_new(predicate, Arc::new(EmptyExec::new(schema()))).unwrap())
    }

    fn compared(left: Side, op: Operator, right: Side) -> Side {
        binary(left, op, right, &schema()).unwrap()
    }

    fn column(name: &str) -> Side {
        col(name, &schema()).unwrap()
    }

    /// `10 / x > 1`
    fn quotient() -> Side {
        let quotient = compared(lit(10_i64), Operator::Divide, column("x"));
        compared(quotient, Operator::Gt, lit(1_i64))
    }

    fn predicate(plan: &Arc<dyn ExecutionPlan>) -> String {
        plan.downcast_ref::<FilterExec>().unwrap().predicate().to_string()
    }

    #[test]
    fn what_cannot_fail_stays_as_it_is() {
        let day = compared(column("day"), Operator::GtEq, lit(ScalarValue::Date32(Some(8_766))));
        let wide = cast(column("price"), &schema(), DataType::Decimal128(30, 15)).unwrap();
        let price = compared(
            wide,
            Operator::Lt,
            lit(ScalarValue::Decimal128(Some(24_000_000_000_000_000), 30, 15)),
        );
        let half = compared(column("x"), Operator::Divide, lit(2_i64));
        let half = compared(half, Operator::Lt, lit(24_i64));
        let plan = filter(compared(compared(day, Operator::And, price), Operator::And, half));
        assert!(Arc::ptr_eq(&guarded(Arc::clone(&plan)).unwrap(), &plan));
        let alone = filter(quotient());
        assert!(Arc::ptr_eq(&guarded(Arc::clone(&alone)).unwrap(), &alone));
    }

    #[test]
    fn what_can_fail_comes_last() {
        let guard = compared(column("x"), Operator::NotEq, lit(0_i64));
        let plan = guarded(filter(compared(quotient(), Operator::And, guard))).unwrap();
        assert_eq!(predicate(&plan), "(x@0 != 0) AND (10 / x@0 > 1)");
    }

    /// In a filter NULL leaves a row out, so that nothing of it is computed; in a column it is a value, and what follows may still
    /// make it false.
    #[test]
    fn null_closes_a_row_of_a_filter_only() {
        let guard = compared(column("x"), Operator::Gt, lit(1_i64));
        let number = cast(column("s"), &schema(), DataType::Int64).unwrap();
        let number = compared(number, Operator::Gt, lit(1_i64));
        let both = compared(guard, Operator::And, number);
        let row = ["x", "s", "price", "day"].map(|name| schema().field_with_name(name).unwrap().data_type().clone());
        let mut columns: Vec<_> = row.iter().map(|kind| new_null_array(kind, 1)).collect();
        columns[1] = Arc::new(StringArray::from(vec!["not a number"]));
        let batch = RecordBatch::try_new(schema(), columns).unwrap();
        let filtered = guarded(filter(Arc::clone(&both))).unwrap();
        let filtered = filtered.downcast_ref::<FilterExec>().unwrap().predicate();
        let kept = filtered.evaluate(&batch).unwrap().into_array(1).unwrap();
        assert!(kept.is_null(0));
        let value = sides(both, &schema()).unwrap().data;
        assert!(value.evaluate(&batch).is_err());
    }

    #[test]
    fn the_sides_of_or_keep_their_places() {
        let number = cast(column("s"), &schema(), DataType::Int64).unwrap();
        let number = compared(number, Operator::Gt, lit(1_i64));
        let plan = filter(compared(quotient(), Operator::Or, number));
        let plan = guarded(plan).unwrap();
        assert_eq!(predicate(&plan), "(10 / x@0 > 1) OR (CAST(s@1 AS Int64) > 1)");
    }
}
