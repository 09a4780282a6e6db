//! What is understood of a dynamic filter, and what is not?

use datafusion::{
    arrow::datatypes::{Field, Schema},
    physical_expr::expressions::{col, in_list, lit},
};

use super::*;

fn schema() -> Schema {
    Schema::new(vec![
        Field::new("x", DataType::Utf8, true),
        Field::new("k", DataType::Int64, true),
    ])
}

fn column(name: &str) -> Arc<dyn PhysicalExpr> {
    col(name, &schema()).unwrap()
}

fn both(op: Operator, left: Arc<dyn PhysicalExpr>, right: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    Arc::new(BinaryExpr::new(left, op, right))
}

fn range(low: i64, high: i64) -> Arc<dyn PhysicalExpr> {
    let bound = |op, value: i64| both(op, column("k"), lit(value));
    both(Operator::And, bound(Operator::GtEq, low), bound(Operator::LtEq, high))
}

fn list(values: &[Option<i64>]) -> Arc<dyn PhysicalExpr> {
    let values = values.iter().map(|value| lit(ScalarValue::Int64(*value))).collect();
    in_list(column("k"), values, &false, &schema()).unwrap()
}

fn says(expr: &Arc<dyn PhysicalExpr>) -> Found {
    of(expr, 1, &DataType::Int64)
}

fn keys(values: &[i64], null: bool) -> Found {
    Found::Keys {
        values: values.iter().map(|value| ScalarValue::Int64(Some(*value))).collect(),
        null,
    }
}

fn within(low: i64, high: i64) -> Found {
    Found::Within {
        low: Some(ScalarValue::Int64(Some(low))),
        high: Some(ScalarValue::Int64(Some(high))),
    }
}

fn routed(branches: Vec<Arc<dyn PhysicalExpr>>, otherwise: Option<Arc<dyn PhysicalExpr>>) -> Arc<dyn PhysicalExpr> {
    let branches = branches.into_iter().zip(0_u64..);
    let branches = branches.map(|(then, number)| (lit(number), then)).collect();
    Arc::new(CaseExpr::try_new(Some(lit(0_u64)), branches, otherwise).unwrap())
}

#[test]
fn keys_and_bounds_are_understood() {
    assert_eq!(says(&range(3, 9)), within(3, 9));
    assert_eq!(says(&list(&[Some(3), None, Some(3)])), keys(&[3], false));
    assert_eq!(
        says(&both(Operator::And, range(3, 9), list(&[Some(4)]))),
        keys(&[4], false)
    );
    let null: Arc<dyn PhysicalExpr> = Arc::new(IsNullExpr::new(column("k")));
    assert_eq!(says(&both(Operator::Or, null, list(&[Some(4)]))), keys(&[4], true));
    assert_eq!(says(&lit(false)), keys(&[], false));
}

#[test]
fn whatever_is_not_understood_is_true() {
    let text = in_list(column("x"), vec![lit("a")], &false, &schema()).unwrap();
    let not = in_list(column("k"), vec![lit(1_i64)], &true, &schema()).unwrap();
    let small = both(Operator::GtEq, column("k"), lit(1_i32));
    let unknown = both(Operator::Lt, column("k"), lit(1_i64));
    for expr in [&text, &not, &small, &unknown, &lit(true)] {
        assert_eq!(says(expr), Found::Anything, "{expr}");
        // A conjunction keeps what it knows; a disjunction does not.
        let and = both(Operator::And, Arc::clone(expr), list(&[Some(4)]));
        assert_eq!(says(&and), keys(&[4], false));
        let or = both(Operator::Or, Arc::clone(expr), list(&[Some(4)]));
        assert_eq!(says(&or), Found::Anything, "{or}");
    }
    // NULL passes on one side: a range does not say so.
    let null: Arc<dyn PhysicalExpr> = Arc::new(IsNullExpr::new(column("k")));
    assert_eq!(says(&both(Operator::Or, null, range(1, 2))), Found::Anything);
}

/// Every partition's keys, and those of what is routed nowhere else.
#[test]
fn routed_filters_are_all_of_their_branches() {
    let two = vec![list(&[Some(1), Some(2)]), list(&[Some(7)])];
    assert_eq!(says(&routed(two.clone(), Some(lit(false)))), keys(&[1, 2, 7], false));
    assert_eq!(says(&routed(two.clone(), None)), keys(&[1, 2, 7], false));
    assert_eq!(
        says(&routed(two.clone(), Some(list(&[Some(9)])))),
        keys(&[1, 2, 7, 9], false)
    );
    // One partition was cancelled, or has too many keys.
    assert_eq!(says(&routed(two.clone(), Some(lit(true)))), Found::Anything);
    assert_eq!(
        says(&routed(vec![list(&[Some(1)]), range(4, 9)], Some(lit(false)))),
        Found::Anything
    );
    assert_eq!(
        says(&routed(vec![range(1, 2), range(4, 9)], Some(lit(false)))),
        within(1, 9)
    );
}
